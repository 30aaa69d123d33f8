"""The program that the other tests of this folder start: compiled, where there is something to compile with."""

import fcntl
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from tests.net.server import PROGRAM

ROOT = Path(__file__).resolve().parents[2]

CAN_COMPILE = shutil.which("gcc") is not None and (Path(sysconfig.get_path("include")) / "Python.h").exists()


def test_the_program_is_compiled_where_that_can_be() -> None:
    kind = "compiled" if CAN_COMPILE and os.environ.get("LTEIMS_PURE") != "1" else "pure python"
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(f" ({kind})\n"), f"{done.stdout}build/pure says why; mend it and run `make install`"


def test_two_makes_do_not_install_at_once() -> None:
    """`make demo` in a second terminal, while `make run` still compiles in the first one."""
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(["make", "-n", "install"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout
            assert "waiting for another make, which installs here\n" in iter(second.stdout.readline, "")
            assert second.poll() is None
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert " is ready" in second.stdout.read()
    assert second.returncode == 0
