"""The services of a compose file in a lab's namespaces: started by health, watched, ended in order (`netns/lab run`).

Nothing is left behind: no process, no namespace, no file. What a run that was killed has left, the next one removes.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from netns import network
from netns.compose import ROOT, Service
from netns.errors import LabError
from netns.network import Lab

RUNS = Path("/run")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SIGNAL = 128  # as shells report it
_LOOK = 0.05  # seconds from one look at the programs to the next
_OWN = "lab"  # what we say ourselves stands behind this name
_TOLD = 400  # lines of each log at the most, when a run has failed


class _Stopped(BaseException):
    """A signal that ends the run."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


@dataclass(frozen=True, slots=True)
class _Program:
    service: Service
    process: "subprocess.Popen[str]"
    reader: threading.Thread

    @property
    def code(self) -> int | None:
        """Its exit code, as a shell has it; None while it runs."""
        code = self.process.poll()
        return code if code is None or code >= 0 else _SIGNAL - code


def unheard() -> None:
    """Nobody reads what we print: let it go nowhere, also what is not flushed yet, which would be an error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@dataclass(slots=True)
class _Screen:
    """Lines of all programs, each behind its service's name."""

    width: int
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, name: str, line: str) -> None:
        """One line. Whoever reads us no longer does not stop the run."""
        with self._lock:
            try:
                print(f"{name:<{self.width}} | {line}", flush=True)
            except OSError:
                unheard()

    def copy(self, name: str, stream: IO[str]) -> None:
        """All that a program says, to its end."""
        with stream:
            for line in stream:
                self.say(name, line.rstrip("\n"))


def run(lab: Lab, services: Sequence[Service], keep: Path | None = None) -> int:
    """Build the lab, start the services in this order, each when those it waits for are well, and take all down again
    when the tests among them have ended, or on SIGINT, SIGTERM, SIGHUP.

    `keep`: a new folder for what they write, which stays; without one the logs of a run that failed are told at its
    end. The exit code: the greatest of the tests', or 128 and the
    signal's number. LabError: the lab is up or runs, a server ended or did not become well.
    """
    screen = _Screen(max(len(each.name) for each in services))
    with _signals_held(), _claimed(lab.name, screen) as folder:
        root = _kept(keep) if keep else folder
        with lab:
            programs, failed = _Programs(lab, screen, root), True
            try:
                with _signals_let():
                    code = programs.play(services)
                failed = code != 0
                return code
            except _Stopped as stop:
                failed = False
                screen.say(_OWN, f"stopped by {stop}")
                return _SIGNAL + stop.number
            finally:
                programs.end()
                if failed:
                    programs.tell(keep)


def down(name: str) -> int:
    """End a lab, also one that runs or whose run was killed; the number of its namespaces."""
    number = network.down(name)
    shutil.rmtree(_folder(name), ignore_errors=True)
    return number


class _Programs:
    def __init__(self, lab: Lab, screen: _Screen, root: Path) -> None:
        self._lab = lab
        self._screen = screen
        self._root = root
        self._running: dict[str, _Program] = {}
        self._well: set[str] = set()

    def play(self, services: Sequence[Service]) -> int:
        for service in services:
            for other, healthy in service.waits.items():
                if healthy:
                    self._wait(self._running[other])
            self._start(service)
        tests = [each for each in self._running.values() if each.service.health is None]
        while True:
            self._look()
            codes = [each.code for each in tests]
            ended = [code for code in codes if code is not None]
            if tests and len(ended) == len(tests):
                return max(ended)
            time.sleep(_LOOK)

    def end(self) -> None:
        """Those that were started last end first."""
        for name, program in reversed(self._running.items()):
            asked = program.code is None
            program.process.terminate()
            try:
                program.process.wait(program.service.grace)
            except subprocess.TimeoutExpired:
                program.process.kill()
                program.process.wait()
                self._screen.say(_OWN, f"{name} did not end within {program.service.grace:g} s, and was killed")
            program.reader.join(1.0)  # a program of its own that it left may hold the pipe, until the lab goes down
            if program.service.health is None or not asked or program.code:
                self._screen.say(_OWN, f"{name} ended with exit code {program.code}")

    def tell(self, kept: Path | None) -> None:
        """The end of each log, which nobody can look up later; or where the logs are."""
        for path in sorted(self._root.glob("*/*.log")):
            if kept:
                self._screen.say(_OWN, f"the log of {path.parent.name}: {path}")
                continue
            try:
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue  # netns/lab down, in another terminal
            which = f"its last {_TOLD} lines" if len(lines) > _TOLD else "all of it"
            self._screen.say(_OWN, f"the log of {path.parent.name}, {which} (--keep DIR keeps logs and state):")
            for line in lines[-_TOLD:]:
                self._screen.say(path.parent.name, line)

    def _start(self, service: Service) -> None:
        state = self._root / service.name
        state.mkdir()
        process = subprocess.Popen(
            # killed with -9 as we may be, they end all the same
            self._within(service, ["setpriv", "--pdeathsig", "TERM", "--", *service.program(state)]),
            cwd=state, env=_environment(service), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            start_new_session=True,  # Ctrl-C is ours to handle, in order
        )  # fmt: skip
        assert process.stdout
        reader = threading.Thread(target=self._screen.copy, args=(service.name, process.stdout), daemon=True)
        self._running[service.name] = _Program(service, process, reader)
        reader.start()

    def _wait(self, program: _Program) -> None:
        """Until it is well. A check that fails is one of its retries only when the interval is over, too."""
        health, name = program.service.health, program.service.name
        if health is None or name in self._well:
            return
        since, failures = time.monotonic(), 0
        while why := self._complaint(program.service):
            failures += 1
            self._look()
            if failures >= health.retries and time.monotonic() > since + health.retries * health.interval:
                raise LabError(f"{name} is not healthy after {time.monotonic() - since:.0f} s: {why}")
            time.sleep(_LOOK)
        self._well.add(name)
        self._screen.say(_OWN, f"{name} is healthy")

    def _complaint(self, service: Service) -> str:
        """What its health check says; nothing of one that is well."""
        assert service.health
        try:
            done = subprocess.run(
                self._within(service, service.health.command), env=_environment(service), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, errors="replace", timeout=service.health.timeout, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"the check takes more than {service.health.timeout:g} s"
        if not done.returncode:
            return ""
        return (done.stderr or done.stdout).strip() or f"exit code {done.returncode} of {service.health.command[0]}"

    def _look(self) -> None:
        """LabError for a server that is no more."""
        for name, program in self._running.items():
            if program.service.health and program.code is not None:
                program.reader.join(1.0)
                raise LabError(f"{name} ended with exit code {program.code}")

    def _within(self, service: Service, command: Sequence[str]) -> list[str]:
        return network.within(self._lab.namespace(service.name), command)


def _environment(service: Service) -> dict[str, str]:
    """Programs of the checkout come first, as those of the image do there."""
    path = [str(Path(sys.executable).parent), str(ROOT / "docker"), os.environ.get("PATH", os.defpath)]
    return {**os.environ, **service.environment, "PATH": ":".join(path), "PYTHONUNBUFFERED": "1"}


def _folder(name: str) -> Path:
    return RUNS / f"lteims.{name}"


def _kept(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise LabError(f"{folder} is not empty: --keep wants a new folder")
    return folder.resolve()


@contextlib.contextmanager
def _claimed(name: str, screen: _Screen) -> Iterator[Path]:
    """A folder of this run alone, locked while it lasts. LabError: a lab of this name runs."""
    folder = _folder(name)
    left = folder.exists()
    folder.mkdir(exist_ok=True)
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.fstat(number).st_nlink:
            raise BlockingIOError  # which ends at this moment
        if left:
            screen.say(_OWN, f"removed {network.down(name)} namespaces that a killed run has left")
            for each in folder.iterdir():
                shutil.rmtree(each)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        raise LabError(f"lab {name} runs already: wait for its end, netns/lab down, or another --name") from None
    finally:
        os.close(number)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Signals wait meanwhile: what is half-built or half-removed would stay."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # not those of nohup
    former = {number: signal.signal(number, _stop) for number in heard}
    try:
        yield
    finally:
        while signal.sigtimedwait(_SIGNALS, 0):
            pass  # who was impatient has what he wanted
        for number, handler in former.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextlib.contextmanager
def _signals_let() -> Iterator[None]:
    """A signal is a _Stopped from here on."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def _stop(number: int, _frame: FrameType | None) -> None:
    """The first one; a second one must not disturb the clearing up, by whichever thread it comes."""
    if number not in signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS):
        raise _Stopped(signal.Signals(number))
