"""`make lab`: runs tests/kernel in User Mode Linux, or natively where this kernel has SCTP and ESP; pytest's exit code.

python -m tests.kernel.lab [PYTEST ARGUMENTS]       (LAB_LIMIT: seconds for the whole boot)
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from tests.kernel.lab import host, uml

_FAILED = 1
_SIGNAL = 128  # as shells report it


class _Stopped(BaseException):
    """A signal that ends the lab."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


def _stop(number: int, _frame: object) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # an impatient second one must not disturb the clearing up
    raise _Stopped(signal.Signals(number))


def main(arguments: Sequence[str]) -> int:
    command = ["-m", "pytest", "-p", "no:cacheprovider", *(arguments or ["tests/kernel"])]
    reasons = host.lacks()
    if not reasons:
        print("Kernel lab: this kernel has SCTP and ESP, so the tests run natively", flush=True)
        return subprocess.call([sys.executable, *command], cwd=uml.ROOT)
    print(f"Kernel lab: the tests run in User Mode Linux, because this machine lacks {', '.join(reasons)}", flush=True)
    colour = ["--color=yes"] if sys.stdout.isatty() else ["--color=no"]
    return _in_uml(["python", *command, *colour])


def _in_uml(command: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        with uml.run_folder() as folder:
            run = uml.boot(command, folder, echo=_print)
    except uml.LabError as error:
        print(
            f"Kernel lab: {str(error).partition(' Its console:')[0]}", file=sys.stderr
        )  # the console was shown as it came
        return _FAILED
    except _Stopped as stop:
        print(f"Kernel lab: stopped by {stop}", file=sys.stderr)
        return _SIGNAL + stop.number
    print(f"Kernel lab: {run.seconds:.0f} s, exit code {run.code}", flush=True)
    return run.code


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    os.chdir(uml.ROOT)
    sys.exit(main(sys.argv[1:]))
