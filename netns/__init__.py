"""Lab networks of namespaces: topologies as data (*.toml beside this file) and the tool `netns/lab` that builds them.

Tests use it as a module: `with Lab.of("pair", name="x") as lab: lab.run("phone1", ["ping", "-c1", ...])`.
"""
