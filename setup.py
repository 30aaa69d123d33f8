"""Compiles the modules that every message passes with mypyc, where there is a C compiler; else the sources serve.

pyproject.toml says all the rest. The reason why a package was built without compiled modules is left in build/pure.
LTEIMS_PURE=1 asks for such a package; LTEIMS_PURE=0 makes it an error.
"""

import io
import os
import shlex
import shutil
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Left out on purpose:
# - what has subclasses in other modules (sip/errors): a compiled class takes only compiled ones;
# - what msgspec reads from the state file by its annotations (ims/binding): mypyc simplifies those;
# - types.coroutine (net/eager) and an attribute _thread (store/sqlite), which mypyc cannot translate;
# - what test doubles stand in for (net/udp), and what is not on the way of every message.
COMPILED = """
    ids trace counters
    sip/grammar sip/uri sip/headers sip/message sip/valid sip/transaction sip/uas_transaction sip/uac_transaction
    sip/dialog sip/multipart sip/reliable
    aka/digest media/rtp media/rtcp media/reception
    media/number media/codec media/section media/sdp media/qos_line media/precondition media/offer_answer
    net/timers net/sip_flow net/sip_answers net/sip_matching net/sip_trace net/sip net/sip_transaction
    net/rtp_flow net/rtp_end net/rtp_playback net/rtp_ports net/rtp
    ims/identity ims/challenge ims/capabilities ims/headers ims/contact ims/hss ims/subscribers ims/scscf ims/pcscf
"""
BUILD = Path("build")
STARTED = time.time()


def missing() -> str:
    """What is not here to compile with, in words for whoever installs; "" if all is."""
    if os.environ.get("LTEIMS_PURE") == "1":
        return "LTEIMS_PURE=1 asks for it"
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not shutil.which(compiler) or not header.exists():
        lacking = "no C compiler" if not shutil.which(compiler) else "no Python.h"
        return f"{lacking} (on Debian: apt-get install gcc libc6-dev libpython3-dev), then: make -B install"
    try:
        import mypyc.build  # noqa: F401
    except ImportError:
        return "no mypy: python -m pip install --require-hashes -r requirements-build.txt"
    return ""


def pure(why: str) -> list[Extension]:
    """Leave the reason, and build without extensions."""
    if os.environ.get("LTEIMS_PURE") == "0":
        sys.exit(f"lteims cannot be compiled: {why}")
    BUILD.mkdir(exist_ok=True)
    (BUILD / "pure").write_text(why + "\n", encoding="utf-8")
    return []


def extensions() -> list[Extension]:
    """The modules as C; none where that cannot be done."""
    (BUILD / "pure").unlink(missing_ok=True)
    if why := missing():
        return pure(why)
    from mypyc.build import mypycify

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    options = ["--config-file=", "--ignore-missing-imports", f"--python-version={version}"]
    sources = [f"lteims/{name}.py" for name in COMPILED.split()]
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            made = mypycify([*options, *sources], opt_level="2", debug_level="0", multi_file=True, group_name="lteims")
    except SystemExit:
        errors = [line for line in said.getvalue().splitlines() if "error:" in line] or ["mypyc refuses the sources"]
        return pure("; ".join(errors[:3]))
    for extension in made:
        extension.extra_compile_args = [flag for flag in extension.extra_compile_args if flag != "-Werror"]
    return list(made)


class Compile(build_ext):
    """build_ext with one compiler for each processor, that leaves alone what has not changed since the last time."""

    def run(self) -> None:
        """Compile; a compiler that fails leaves the pure sources."""
        try:
            super().run()
        except Exception as error:
            self.extensions = self.distribution.ext_modules = pure(f"the C compiler failed: {error}"[:300])
            for left in Path(self.build_lib).rglob("*.so"):
                left.unlink()
        if any(source.stat().st_mtime > STARTED for source in Path("lteims").rglob("*.py")):
            sys.exit("lteims: a source was changed while it was being compiled; please build again")

    def build_extensions(self) -> None:
        """Replace the compiler's loop over the files."""
        compile_all = self.compiler.compile
        newest = max(path.stat().st_mtime for path in (Path(__file__), *BUILD.rglob("*.h")))

        def compile_one(source: str, options: dict[str, Any]) -> list[str]:
            objects = list(self.compiler.object_filenames([source], output_dir=options["output_dir"]))
            made = Path(objects[0])
            if made.exists() and made.stat().st_mtime > max(newest, Path(source).stat().st_mtime):
                return objects
            return list(compile_all([source], **options))

        def compile_parallel(sources: list[str], **options: Any) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                return [
                    made for each in pool.map(lambda source: compile_one(source, options), sources) for made in each
                ]

        self.compiler.compile = compile_parallel
        super().build_extensions()


setup(ext_modules=extensions() if "bdist_wheel" in sys.argv else [], cmdclass={"build_ext": Compile})
