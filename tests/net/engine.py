"""A Docker engine and the image built from the checkout, for tests/net/test_image_engine.py.

Where no engine runs, root starts dockerd for as long as it takes; where Debian's image cannot be pulled, debian_slim.sh
makes one like it. All of it takes spare processor time alone, so that what measures time beside it does not notice.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASE = "debian:trixie-slim"
STAND_IN = "lteims-stand-in:trixie-slim"  # not under Debian's own name: `make image` shall not take it for that
IMAGE = "lteims:image-test"
LABEL = "label=org.opencontainers.image.title=lteims"
STARTED_WITHIN, PULLED_WITHIN, MADE_WITHIN, BUILT_WITHIN = 60, 120, 600, 900  # seconds
SPARE = ("nice", "-n", "19")


class EngineError(Exception):
    """There is no engine, or no image; the text says why."""


def works(*line: str) -> bool:
    """Does a program end well?"""
    try:
        return subprocess.run(line, capture_output=True, timeout=2 * PULLED_WITHIN, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


@contextmanager
def engine(output: Path) -> Iterator[None]:
    """An engine that answers; `output` takes what our own one says. EngineError where there is none."""
    if works("docker", "info"):
        yield
        return
    if os.geteuid() != 0:
        raise EngineError("no Docker engine answers, and only root can start one")
    with output.open("wb") as out:
        daemon = subprocess.Popen([*SPARE, "dockerd"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        end = time.monotonic() + STARTED_WITHIN
        while not works("docker", "info"):
            if daemon.poll() is not None or time.monotonic() > end:
                said = output.read_text(encoding="utf-8", errors="replace")[-3000:]
                raise EngineError(f"dockerd does not start here:\n{said}")
            time.sleep(0.2)
        yield
    finally:
        daemon.terminate()
        daemon.wait(30)


def build() -> str:
    """The image's name. EngineError with the last words of what failed."""
    arguments = (f"BASE={_base()}", f"EXTRA_CA={_extra_ca()}")
    line = ["docker", "build", *(word for argument in arguments for word in ("--build-arg", argument))]
    # The stage that compiles has a name, too: what is nameless is left of earlier builds, a gigabyte each.
    _run(*line, "--target", "build", "-t", f"{IMAGE}-build", ".", within=BUILT_WITHIN)
    _run(*line, "-t", IMAGE, ".", within=BUILT_WITHIN)
    _run("docker", "image", "prune", "-f", "--filter", LABEL, within=BUILT_WITHIN)
    return IMAGE


def _base() -> str:
    for there in (("image", "inspect", BASE), ("pull", BASE)):
        if works("timeout", str(PULLED_WITHIN), "docker", *there):
            return BASE
    if not works("docker", "image", "inspect", STAND_IN):
        _run("sh", "tests/net/debian_slim.sh", STAND_IN, within=MADE_WITHIN)
    return STAND_IN


def _extra_ca() -> str:
    """The roots that this machine trusts besides Debian's."""
    folder = Path("/usr/local/share/ca-certificates")
    return "".join(path.read_text(encoding="ascii") for path in sorted(folder.glob("**/*.crt")))


def _run(*line: str, within: float) -> None:
    started = time.monotonic()
    done = subprocess.run(
        [*SPARE, *line], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=within, check=False,
    )  # fmt: skip
    print(f"{' '.join(line[:2])}: {time.monotonic() - started:.0f} s")
    if done.returncode:
        raise EngineError(f"{' '.join(line[:3])}: exit code {done.returncode}\n{done.stdout[-4000:]}")
