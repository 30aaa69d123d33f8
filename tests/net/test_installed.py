"""The program that the other tests of this folder start: compiled, where there is something to compile with."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.net.server import PROGRAM

CAN_COMPILE = shutil.which("gcc") is not None and (Path(sysconfig.get_path("include")) / "Python.h").exists()


@pytest.mark.skipif(not CAN_COMPILE or os.environ.get("LTEIMS_PURE") == "1", reason="nothing to compile with")
def test_the_program_is_compiled() -> None:
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(" (compiled)\n"), f"{done.stdout}build/pure says why; mend it and run `make install`"
