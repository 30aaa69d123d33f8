"""The command line (floor 5): arguments, signals, exit code; called by __main__.py.

`lteims CONFIG` serves; --check and --print-config look at the configuration; no traceback reaches a user. The other
uses, `lteims monitor` and those of SIMULATORS, are oam/remote.py's and sim/'s.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, TextIO

from lteims import __version__, installed
from lteims.app import App, check_startable
from lteims.config import ConfigError, Loaded, load, to_json
from lteims.errors import LteimsError, OperatorError
from lteims.ims.forced import read_content
from lteims.oam import events
from lteims.report import missing_files

EXIT_OK, EXIT_ERROR = 0, 1


def run(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; returns the exit code."""
    options = _parser().parse_args(arguments)
    events.configure()
    try:
        return _do(options)
    except ConfigError as error:
        found = sorted(error.warnings, key=lambda warning: (warning.file, warning.line))
        text = "\n".join(str(line) for line in (*found, error))
        return _fail(text, sys.stdout if options.check else sys.stderr)
    except LteimsError as error:
        return _fail(f"lteims: {error}", sys.stderr)
    except BrokenPipeError:
        return EXIT_ERROR
    except OSError as error:
        return _fail(f"lteims: {error.strerror or error}", sys.stderr)


def _do(options: argparse.Namespace) -> int:
    _check_current()
    loaded = load(options.config, _read, _defines(options.define), read_content)
    if options.print_config:
        print(to_json(loaded.tree), flush=True)
        return EXIT_OK
    check_startable(loaded)
    if options.check:
        return _check(loaded)
    _run(_serve(loaded, options.config))
    return EXIT_OK


def _fail(text: str, stream: TextIO) -> int:
    with suppress(OSError):
        print(text, file=stream, flush=True)
    return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lteims",
        description="LTE IMS server: P-CSCF, I-CSCF, S-CSCF, HSS, IP-SM-GW and MMSC in one process.",
        epilog="The console of a server that runs already: lteims monitor; see lteims monitor --help. "
        "Virtual phones that try a server: lteims ue FILE; a simulated core network: lteims mme FILE, lteims hss FILE, "
        "lteims pcrf; each has --help.",
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
    for line in (*loaded.warnings, *missing_files(loaded.config)):
        print(line)
    print("OK", flush=True)
    return EXIT_OK


def _defines(pairs: Sequence[str]) -> dict[str, object]:
    """NAME=VALUE with a number, true, false or a string, quoted or not; NAME alone is 1."""
    defines: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name.isidentifier():
            raise OperatorError(f"-D {pair}: expected NAME or NAME=VALUE")
        defines[name] = _plain(value) if equals else 1
    return defines


def _plain(value: str) -> object:
    if value in ("true", "false"):
        return value == "true"
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1]
    for kind in (lambda text: int(text, 0), float):
        with suppress(ValueError):
            return kind(value)
    return value


def _read(path: str) -> str:
    """A configuration file's text; comments may be in any encoding."""
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        return file.read()


async def _serve(loaded: Loaded, path: str) -> None:
    app = App(loaded, path)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else nohup, or a service, says: serve on
        loop.add_signal_handler(signal.SIGHUP, app.stop)
    await app.run()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """uvloop where it is installed: the same loop, about a quarter cheaper."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
        return
    uvloop.run(work)
