"""The program that the other tests of this folder start: compiled, where there is something to compile with."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from tests.net.server import PROGRAM

CAN_COMPILE = shutil.which("gcc") is not None and (Path(sysconfig.get_path("include")) / "Python.h").exists()


def test_the_program_is_compiled_where_that_can_be() -> None:
    kind = "compiled" if CAN_COMPILE and os.environ.get("LTEIMS_PURE") != "1" else "pure python"
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(f" ({kind})\n"), f"{done.stdout}build/pure says why; mend it and run `make install`"
