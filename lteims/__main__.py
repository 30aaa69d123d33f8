"""Where the program begins (floor 5): signals and standard files are put in order, then command.py takes over.

The rest is imported only then, because that takes a while in which somebody may press Ctrl-C already.
"""

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final

SIMULATORS: Final = {
    "ue": "lteims.sim.ue",
    "mme": "lteims.sim.mme_command",
    "hss": "lteims.sim.hss_command",
    "pcrf": "lteims.sim.pcrf_command",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    _open_standard_files()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        if words[:1] == ["monitor"]:  # which needs little of the program, and is there at once
            from lteims.oam import remote

            return remote.run(words[1:])
        if words and words[0] in SIMULATORS:
            simulator = importlib.import_module(SIMULATORS[words[0]])
            return int(simulator.run(words[1:]))
        from lteims.command import run

        return run(words)
    finally:
        _let_go_of_output()


def _let_go_of_output() -> None:
    """What a full device or a reader that has gone did not take is not tried again at the interpreter's end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _end(number: int, frame: FrameType | None) -> None:
    """Asked to stop before there is anything to stop; app.py takes the signals over when it serves."""
    sys.exit(0)


def _open_standard_files() -> None:
    """Whoever starts us may have closed 0, 1 or 2: else the next file that is opened would be taken for one of them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


if __name__ == "__main__":
    sys.exit(main())
