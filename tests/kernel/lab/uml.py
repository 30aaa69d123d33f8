"""One boot of User Mode Linux as an ordinary program: it sees the host's files read-only and runs one command.

Called by the command line (__main__.py), by tests/kernel/conftest.py and by tests/net/test_lab.py. Boots at the same
time share nothing: each has its own run folder below build/lab. However a boot ends, no process of it is left.
"""

import contextlib
import ctypes
import fcntl
import os
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
INIT = Path(__file__).with_name("init.sh")
KERNEL = "linux.uml"
MODULES = Path("/usr/lib/uml/modules")
MEMORY_MIB = 1024
LIMIT = 900.0  # seconds for the whole boot, unless LAB_LIMIT says otherwise
_PR_SET_PDEATHSIG = 1
_GRACE = 3.0  # seconds between SIGTERM, which makes UML take its children along, and SIGKILL
_LIBC = ctypes.CDLL(None, use_errno=True)

Echo = Callable[[str], None]


class LabError(Exception):
    """The lab cannot boot here, or did not come to its end; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a boot ended: the command's exit code, and the last of what the console said."""

    code: int
    console: str
    seconds: float


def limit() -> float:
    """Seconds that a whole boot may take (LAB_LIMIT in the environment); LabError where it is no positive number."""
    given = os.environ.get("LAB_LIMIT", "")
    if given and not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", given):
        raise LabError(f"LAB_LIMIT={given} is no number of seconds")
    return float(given) if given else LIMIT


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """A folder below build/lab that is written from inside and outside of one boot, removed afterwards."""
    parent = ROOT / "build" / "lab"
    parent.mkdir(parents=True, exist_ok=True)
    with _locked(parent):
        _sweep(parent)
        folder = Path(tempfile.mkdtemp(prefix="boot-", dir=parent))
        mine = contextlib.ExitStack()
        mine.enter_context(_locked(folder))
    with mine:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove the folders of boots that were killed: nobody holds their locks any more."""
    for folder in parent.glob("boot-*"):
        with contextlib.suppress(OSError), _locked(folder, fcntl.LOCK_NB):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path, flags: int = 0) -> Iterator[None]:
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | flags)
        yield
    finally:
        os.close(number)


def boot(
    command: Sequence[str],
    folder: Path,
    *,
    seconds: float | None = None,
    echo: Echo | None = None,
    env: Mapping[str, str] | None = None,
) -> Run:
    """Boot, run `command` in the checkout as root of the lab, power off; `folder` (of run_folder) is writable inside.

    `seconds`: the time for all of it. `echo` gets the console's text as it comes. LabError: no kernel,
    the time is over, a panic.
    """
    allowed = limit() if seconds is None else seconds
    _write_start(command, folder, env or {})
    started = time.monotonic()
    console = _watch(_start(folder), started + allowed, echo)
    took = time.monotonic() - started
    try:
        code = int((folder / "code").read_text(encoding="ascii"))
    except (OSError, ValueError):
        over = f"was ended after its {allowed:g} s (LAB_LIMIT sets them)"
        why = over if took >= allowed else "ended before its command did"
        raise LabError(f"the kernel lab {why}. Its console:\n{console}") from None
    return Run(code, console, took)


def _write_start(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
    """The first program of the boot: it names the folders and the command to init.sh, with everything quoted."""
    python = Path(sys.executable).resolve()
    needed = [ROOT, Path(sys.base_prefix).resolve(), python.parent, Path(sys.prefix).resolve(), MODULES]
    settings = {
        "LAB_CHECKOUT": str(ROOT),
        "LAB_FOLDER": str(folder),
        "LAB_MODULES": str(MODULES),
        "LAB_PYTHON": sys.executable,
        "LAB_VISIBLE": ":".join(dict.fromkeys(str(path) for path in needed)),
        "LTEIMS_LAB": "uml",
        "LANG": "C.UTF-8",
        "COLUMNS": str(shutil.get_terminal_size().columns),
        "PYTHONDONTWRITEBYTECODE": "1",
        **{name: os.environ[name] for name in ("CI", "TERM") if name in os.environ},
        **env,
    }
    lines = ["#!/bin/sh", *(f"export {name}={shlex.quote(value)}" for name, value in settings.items())]
    start = folder / "start"
    start.write_text("\n".join([*lines, shlex.join(["exec", "/bin/sh", str(INIT), *command]), ""]), encoding="utf-8")
    start.chmod(0o755)


def _start(folder: Path) -> "subprocess.Popen[bytes]":
    kernel = shutil.which(KERNEL)
    if not kernel or not MODULES.is_dir():
        raise LabError(
            f"the kernel lab needs {KERNEL} and its modules in {MODULES}: apt-get install user-mode-linux kmod"
        )
    arguments = [
        *(f"mem={MEMORY_MIB}M", "rootfstype=hostfs", "rootflags=/", "ro", f'init="{folder / "start"}"'),
        *("con=null", "con0=fd:0,fd:1", "quiet", "loglevel=1", "panic=-1"),
        *("uml_dir=.", "umid=uml"),  # relative: a long path would not fit into the name of a Unix socket
    ]
    return subprocess.Popen(
        [kernel, *arguments],
        cwd=folder,
        env={"PATH": os.environ.get("PATH", os.defpath), "TMPDIR": str(_memory_folder(folder))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # a group of its own: Ctrl-C is ours to handle, and one kill reaches all of it
        preexec_fn=_die_with_parent,
    )


def _memory_folder(folder: Path) -> Path:
    """Where the lab's memory lies as a deleted file: /dev/shm if large enough and executable (Docker's is neither)."""
    shared = Path("/dev/shm")
    try:
        state = os.statvfs(shared)
    except OSError:
        return folder
    enough = state.f_bavail * state.f_frsize > MEMORY_MIB * 2**20
    return shared if enough and not state.f_flag & os.ST_NOEXEC and os.access(shared, os.W_OK) else folder


def _die_with_parent() -> None:
    """Should the tests be killed with -9, the kernel of the lab gets a SIGTERM, and takes its children along."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _watch(process: "subprocess.Popen[bytes]", deadline: float, echo: Echo | None) -> str:
    """Pass the console on until the lab ends or the time is over; its last 8,000 characters. No process is left."""
    tail = ""
    try:
        for text in _console(process, deadline):
            tail = (tail + text)[-8000:]
            if echo:
                echo(text)
    finally:
        _end(process)
    return tail


def _console(process: "subprocess.Popen[bytes]", deadline: float) -> Iterator[str]:
    assert process.stdout
    with selectors.DefaultSelector() as selector, process.stdout as pipe:
        selector.register(pipe, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if selector.select(min(left, 0.5)):
                block = os.read(pipe.fileno(), 65536)
                if not block:
                    return
                yield block.decode("utf-8", "replace").replace("\r", "")
            elif _ended(process):
                return


def _ended(process: "subprocess.Popen[bytes]") -> bool:
    """True for a process that has ended; it stays a zombie, so that its group's number is not given to others."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _end(process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _GRACE
    if not _ended(process):
        process.terminate()
    while not _ended(process) and time.monotonic() < until:
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
