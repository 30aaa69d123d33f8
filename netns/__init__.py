"""Lab networks of namespaces: topologies as data (*.toml beside this file, compose.yaml) and the tool `netns/lab`.

Tests use it as a module: `with Lab.of("pair", name="x") as lab: lab.run("phone1", ["ping", "-c1", ...])`.
"""
