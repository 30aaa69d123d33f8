"""The command line (floor 5): arguments, signals, exit code.

`lteims CONFIG` serves; --check and --print-config look at the configuration; no traceback reaches a user.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from lteims import __version__, installed
from lteims.app import App, check_startable
from lteims.config import ConfigError, Loaded, load, to_json
from lteims.errors import LteimsError, OperatorError
from lteims.oam import events

EXIT_OK, EXIT_ERROR = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    options = _parser().parse_args(arguments)
    events.configure()
    try:
        _check_current()
        loaded = load(options.config, _read, _defines(options.define))
        if options.print_config:
            print(to_json(loaded.tree))
            return EXIT_OK
        check_startable(loaded)
        if options.check:
            return _check(loaded)
        _run(_serve(loaded, options.config))
    except ConfigError as error:
        print(error, file=sys.stderr if not options.check else sys.stdout)
        return EXIT_ERROR
    except LteimsError as error:
        print(f"lteims: {error}", file=sys.stderr)
        return EXIT_ERROR
    except BrokenPipeError:
        return EXIT_ERROR
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lteims", description="LTE IMS server: P-CSCF, I-CSCF, S-CSCF, HSS, IP-SM-GW and MMSC in one process."
    )
    parser.add_argument("config", metavar="CONFIG", help="the configuration file (ims.cfg)")
    look = parser.add_mutually_exclusive_group()
    look.add_argument("--check", action="store_true", help="check the configuration: OK, or all errors and exit code 1")
    look.add_argument("--print-config", action="store_true", help="print the merged configuration as JSON")
    parser.add_argument(
        "-D", "--define", metavar="NAME=VALUE", action="append", default=[],
        help="define a preprocessor variable, as #define does; may be given several times",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"lteims {__version__} ({installed.kind()})")
    return parser


def _check_current() -> None:
    if sources := installed.stale():
        raise OperatorError(f"{sources} has changed since this program was built from it: run `make install` there")


def _check(loaded: Loaded) -> int:
    for warning in loaded.warnings:
        print(warning)
    print("OK")
    return EXIT_OK


def _defines(pairs: Sequence[str]) -> dict[str, object]:
    """NAME=VALUE as a string, a number where it is one; NAME alone is 1."""
    defines: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name.isidentifier():
            raise OperatorError(f"-D {pair}: expected NAME or NAME=VALUE")
        try:
            defines[name] = int(value, 0) if equals else 1
        except ValueError:
            defines[name] = value
    return defines


def _read(path: str) -> str:
    """A configuration file's text; comments may be in any encoding."""
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        return file.read()


async def _serve(loaded: Loaded, path: str) -> None:
    app = App(loaded, path)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.stop)
    await app.run()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """uvloop where it is installed: the same loop, about a quarter cheaper."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
        return
    uvloop.run(work)


if __name__ == "__main__":
    sys.exit(main())
