"""The kernel lab boots and always ends: exit codes, a panic, a time limit, Ctrl-C, a kill, two boots at once.

It stands outside tests/kernel, whose tests may run in the lab. A boot's processes are known by their working folder.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.lab import uml
from tests.net.server import AS_IN_A_TERMINAL

ENDED = 30.0  # seconds in which a lab is gone, on a machine that does much else


@pytest.fixture
def folder() -> Iterator[Path]:
    with uml.run_folder() as folder:
        yield folder


def processes(folder: Path) -> list[int]:
    """Those that work in the folder of a boot, which may be gone by now."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                where = os.readlink(entry / "cwd").removesuffix(" (deleted)")
            except OSError:
                continue
            if Path(where) == folder:
                found.append(int(entry.name))
    return found


def gone(folder: Path) -> bool:
    until = time.monotonic() + ENDED
    while processes(folder) and time.monotonic() < until:
        time.sleep(0.05)
    return not processes(folder)


def test_the_commands_exit_code_and_words_come_out(folder: Path) -> None:
    said: list[str] = []
    run = uml.boot(["sh", "-c", 'echo "$1"; hostname; exit 7', "sh", 'it\'s "quoted" $HOME'], folder, echo=said.append)
    assert run.code == 7
    assert "".join(said) == run.console == 'it\'s "quoted" $HOME\nlab\n'
    assert gone(folder)


def test_the_lab_cannot_write_outside_its_folder(folder: Path) -> None:
    targets = [Path("/etc/lteims-lab"), uml.ROOT / "written-by-the-lab", uml.ROOT / "build" / "written-by-the-lab"]
    script = 'for path in "$@"; do touch "$path" && echo "wrote $path"; done; touch "$LAB_FOLDER/allowed" /tmp/lab'
    run = uml.boot(["sh", "-c", script, "sh", *map(str, targets)], folder)
    assert run.code == 0
    assert run.console.count("Read-only file system") == len(targets)
    assert not [path for path in targets if path.exists()]
    assert (folder / "allowed").exists()
    assert not Path("/tmp/lab").exists()


def test_a_panic_is_told_and_leaves_nothing(folder: Path) -> None:
    with pytest.raises(uml.LabError, match=r"(?s)ended before its command did.*panic") as caught:
        uml.boot(["sh", "-c", "echo last words; kill -SEGV 1; echo c >/proc/sysrq-trigger; sleep 60"], folder)
    assert "last words" in str(caught.value)
    assert gone(folder)


class Clock:
    """The time, to be put forward."""

    ahead = 0.0
    sleep = staticmethod(time.sleep)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


def test_the_time_limit_ends_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said = Clock(), ""
    monkeypatch.setattr(uml, "time", clock)

    def echo(text: str) -> None:
        nonlocal said
        said += text
        clock.ahead = 600.0 * ("waiting" in said)

    with pytest.raises(uml.LabError, match=r"(?s)was ended after its 120 s.*waiting"):
        uml.boot(["sh", "-c", "echo waiting; sleep 600 & exec sleep 600"], folder, seconds=120.0, echo=echo)
    assert gone(folder)


def test_two_boots_at_once_do_not_meet(folder: Path) -> None:
    with uml.run_folder() as other:
        codes: dict[Path, int] = {}

        def boot(where: Path, code: int) -> None:
            script = f"echo {code} >/run/mine; ip link add both type dummy; sleep 2; exit $(cat /run/mine)"
            codes[where] = uml.boot(["sh", "-c", script], where).code

        threads = [threading.Thread(target=boot, args=pair) for pair in ((folder, 11), (other, 12))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert codes == {folder: 11, other: 12}


def test_a_limit_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_LIMIT", "soon")
    with pytest.raises(uml.LabError, match="LAB_LIMIT=soon is no number of seconds"):
        uml.limit()


def test_without_the_kernel_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uml, "KERNEL", "linux.absent")
    with pytest.raises(uml.LabError, match="apt-get install user-mode-linux kmod"):
        uml.boot(["true"], folder)


PROGRAM = """
import sys
from tests.kernel.lab.__main__ import _in_uml
sys.exit(_in_uml(["sh", "-c", "echo begun; sleep 600"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopping_the_program_ends_the_lab(number: signal.Signals) -> None:
    """Ctrl-C, a polite and an impolite kill of `make lab`'s program while a test hangs."""
    line = [*AS_IN_A_TERMINAL, sys.executable, "-c", PROGRAM]
    with subprocess.Popen(line, cwd=uml.ROOT, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout
            assert program.stdout.readline() == "begun\n"
            folder = folder_of(program.pid)
            assert processes(folder)
            program.send_signal(number)
            code = program.wait(ENDED)
        finally:
            program.kill()
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert gone(folder)


def folder_of(pid: int) -> Path:
    """Where the lab that this process booted works."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        where = Path(os.readlink(f"/proc/{child}/cwd"))
        if where.parent == uml.ROOT / "build" / "lab":
            return where
    raise AssertionError(f"process {pid} booted nothing")
