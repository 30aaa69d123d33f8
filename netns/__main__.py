"""The tool `netns/lab`: up, down, exec, run, show. Exit code 0, 1 for what cannot be done, 2 for a wrong command line;
that of `exec` is the program's, that of `run` the result.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from netns import compose, network, programs
from netns.errors import LabError
from netns.topology import Topology, load, names, of

DEFAULT = "volte"


def main(arguments: Sequence[str]) -> int:
    """One command; what it says goes to stdout, why it failed to stderr."""
    options = _parser().parse_args(arguments)
    try:
        network.checked(options.name)
        match options.command:
            case "up":
                _up(options.topology, options.name)
            case "down":
                print(f"lab {options.name}: {programs.down(options.name)} namespaces removed")
            case "exec":
                _exec(options.name, options.node, options.program)
            case "run":
                return _run(options)
            case _:
                _show(options.topology, options.name)
        sys.stdout.flush()
    except BrokenPipeError:  # `netns/lab show | head`
        programs.unheard()
    except KeyboardInterrupt:
        return 130  # as shells report it
    except (LabError, OSError) as error:
        print(f"netns/lab: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("netns/lab", description="Networks of namespaces for labs (docs/lab.md).")
    commands = parser.add_subparsers(dest="command", required=True)
    topology = f"one of {', '.join(names())}, or the path of a .toml or compose file"
    up = commands.add_parser("up", help="build a lab")
    up.add_argument("topology", nargs="?", default=DEFAULT, metavar="TOPOLOGY", help=f"{topology} (default: {DEFAULT})")
    down = commands.add_parser("down", help="end a lab's programs and remove it; also what a failed up left")
    down.add_argument("topology", nargs="?", metavar="TOPOLOGY", help="not needed: all of the lab goes down")
    run = commands.add_parser("exec", help="run a program in a node")
    play = commands.add_parser("run", help="build the lab of a compose file, run its services, remove it")
    play.add_argument("profiles", nargs="*", metavar="PROFILE", help="as of docker compose (none: the server alone)")
    play.add_argument("-f", "--file", type=Path, default=compose.FILE, help="the compose file (default: %(default)s)")
    play.add_argument("--keep", type=Path, metavar="DIR", help="a new folder for what the services write (else: none)")
    show = commands.add_parser("show", help="the topologies and the labs that are up, or one topology as a table")
    show.add_argument("topology", nargs="?", metavar="TOPOLOGY", help=topology)
    for command in (up, down, run, play, show):
        command.add_argument("-n", "--name", default="lab", help="the lab's name, for several at once (default: lab)")
    run.add_argument("node", metavar="NODE")
    run.add_argument("program", nargs=argparse.REMAINDER, metavar="CMD...")
    return parser


def _up(topology: str, name: str) -> None:
    lab = network.Lab(load(topology), name)
    lab.up()
    _table(lab.topology, name)


def _exec(name: str, node: str, program: Sequence[str]) -> None:
    """Becomes the program, so that signals and the exit code are its own."""
    nodes = network.up(name)
    if not nodes:
        raise LabError(f"lab {name} is not up: netns/lab up")
    if node not in nodes:
        raise LabError(f"lab {name} has no node {node}; it has {', '.join(nodes)}")
    if os.geteuid():
        raise LabError("network namespaces need root: sudo netns/lab exec ...")
    command = network.within(network.namespace(name, node), program or [os.environ.get("SHELL", "/bin/sh")])
    sys.stdout.flush()
    os.execvp(command[0], command)


def _run(options: argparse.Namespace) -> int:
    stack = compose.read(options.file, os.environ)
    lab, services = network.Lab(of(stack), options.name), stack.chosen(options.profiles)
    network.root(" ".join(["run", *options.profiles]))
    return programs.run(lab, services, options.keep)


def _show(topology: str | None, name: str) -> None:
    if topology:
        _table(load(topology), name)
        return
    _columns([("TOPOLOGY", "NODES", "WHAT"), *(_line(load(each)) for each in names())])
    labs = network.labs()
    print()
    _columns(
        [("LAB", "NODES"), *((lab, " ".join(nodes)) for lab, nodes in labs.items())] if labs else [("no lab is up",)]
    )


def _line(topology: Topology) -> tuple[str, ...]:
    return topology.name, str(len(topology.nodes)), topology.about


def _table(topology: Topology, name: str) -> None:
    there = network.up(name)
    rows = [("NODE", "INTERFACE", "IPV4", "IPV6", "DEFAULT", "NAMESPACE")]
    for node in topology.nodes:
        for each in node.interfaces:
            place = network.namespace(name, node.name) if node.name in there else "-"
            via = node.via.node if node.via and node.via.network == each.network else "-"
            rows.append((node.name, each.network, str(each.ipv4), str(each.ipv6), via, place))
    _columns(rows)


def _columns(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
