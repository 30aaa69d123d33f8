"""The house rules of the source tree, held by walking the imports; tests/conftest.py lets this file run first.

Floors, purity, one driver for each pure package, names and sizes. A failure names the file, the line and the rule.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lteims"

FLOOR = {
    "config": 0, "ids": 0, "clock": 0, "errors": 0, "counters": 0, "trace": 0,
    "sip": 1, "media": 1, "sms": 1, "sgsap": 1, "diameter": 1, "aka": 1, "ipsec": 1, "mm1": 1,
    "net": 2, "store": 2, "client": 2,
    "ims": 3,
    "oam": 4, "sim": 4,
    "app": 5, "core": 5, "command": 5, "descriptors": 5, "faces": 5, "functions": 5,
    "installed": 5, "protected": 5, "report": 5, "selftest": 5, "__main__": 5,
}  # fmt: skip
WORDS = {name for name, floor in FLOOR.items() if floor in {0, 5}}  # these may import each other

# Rule 2: on floors 0 and 1 time is a parameter, a timer is an action, a token comes from a source handed in.
IMPURE = {
    "asyncio", "concurrent", "fcntl", "multiprocessing", "os", "random", "secrets", "select", "selectors", "signal",
    "socket", "ssl", "subprocess", "threading", "time", "uuid", "uvloop", "aiohttp", "websockets", "sqlite3",
    "pyroute2", "sctp",
}  # fmt: skip
# ims/ sees the world through protocols; it may wait (asyncio), but sockets and files of state are others' work.
NOT_IN_IMS = {"socket", "select", "selectors", "subprocess", "threading", "sqlite3", "pyroute2", "sctp", "uvloop"}
SQLITE_ONLY_IN = "store"
# Rule 3: the driver of a pure package in net/ is one module (or one folder, or one prefix) of this name.
DRIVER = {"sip": "sip", "sgsap": "sgsap", "ipsec": "xfrm", "media": "rtp", "diameter": "diameter", "mm1": "mm1"}
# Two drivers of one kind, by the kernel and by this process, and what both of them are
ALSO = {"ipsec": ("esp", "ipsec")}

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
LONGEST_MODULE = 600
# Written in pieces, so that this file does not contain what it looks for.
REGISTRIES = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "npmjs" + ".org",
    "deb.debian" + ".org",
    "proxy.golang" + ".org",
)
MACHINE_PATHS = ("/work" + "/main", "/work" + "/shared", "/opt" + "/pypi", "/opt" + "/wheels")
HOME_PATH = re.compile("/" + r"(home|Users)/[a-z]\w*/")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, by its absolute dotted name, and where it stands."""

    file: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: imports {self.name}"


@cache
def modules() -> tuple[Path, ...]:
    return tuple(sorted(PACKAGE.rglob("*.py")))


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def dotted(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def resolve(file: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    anchor = dotted(file).split(".")[: -node.level]
    return ".".join([*anchor, node.module] if node.module else anchor)


def imports(file: Path) -> Iterator[Import]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve(file, node)
            if module == "lteims":  # `from lteims import counters` names a module, not an attribute
                yield from (Import(file, node.lineno, f"lteims.{alias.name}") for alias in node.names)
            else:
                yield Import(file, node.lineno, module)


def part(name: str) -> str:
    """The package or top-level word that a dotted name below lteims belongs to; "" for others and for lteims itself."""
    pieces = name.split(".")
    return pieces[1] if pieces[0] == "lteims" and len(pieces) > 1 and pieces[1] in FLOOR else ""


def house() -> Iterator[tuple[str, Import]]:
    """Every import in the package with the part of the house it stands in."""
    for file in modules():
        home = part(dotted(file))
        yield from ((home, found) for found in imports(file) if home)


def listing(found: list[str]) -> str:
    return "\n" + "\n".join(found)


def test_every_module_has_a_floor() -> None:
    known = [file for file in modules() if file != PACKAGE / "__init__.py"]
    homeless = [str(file.relative_to(ROOT)) for file in known if not part(dotted(file))]
    assert not homeless, listing(homeless)


def test_imports_go_down_only() -> None:
    wrong = []
    for home, found in house():
        target = part(found.name)
        if not target or target == home or ({home, target} <= WORDS and FLOOR[home] == FLOOR[target]):
            continue
        if FLOOR[target] >= FLOOR[home]:
            wrong.append(f"{found}: floor {FLOOR[home]} must not import floor {FLOOR[target]}")
    assert not wrong, listing(wrong)


def test_lower_floors_are_pure() -> None:
    wrong = [str(found) for home, found in house() if FLOOR[home] <= 1 and found.name.split(".")[0] in IMPURE]
    assert not wrong, listing(wrong)


def test_lower_floors_never_ask_for_the_time() -> None:
    wrong = []
    for file in modules():
        if FLOOR.get(part(dotted(file)), 5) > 1:
            continue
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
                owner = ast.unparse(node.value)
                if owner.split(".")[-1] in {"datetime", "date"}:
                    wrong.append(
                        f"{file.relative_to(ROOT)}:{node.lineno}: {owner}.{node.attr}: take now as a parameter"
                    )
    assert not wrong, listing(wrong)


def test_ims_touches_no_socket() -> None:
    wrong = [str(found) for home, found in house() if home == "ims" and found.name.split(".")[0] in NOT_IN_IMS]
    assert not wrong, listing(wrong)


def test_only_the_store_knows_sqlite() -> None:
    wrong = [str(found) for home, found in house() if found.name.startswith("sqlite3") and home != SQLITE_ONLY_IN]
    assert not wrong, listing(wrong)


def test_a_pure_package_has_one_driver() -> None:
    wrong = []
    for home, found in house():
        driver = DRIVER.get(part(found.name))
        if home != "net" or driver is None:
            continue
        name = found.file.relative_to(PACKAGE / "net").parts[0].removesuffix(".py")
        drivers = (driver, *ALSO.get(part(found.name), ()))
        if name not in drivers and not name.startswith(tuple(f"{one}_" for one in drivers)):
            wrong.append(f"{found}: its driver is net/{driver}.py")
    assert not wrong, listing(wrong)


def test_every_module_says_what_it_is() -> None:
    silent = [str(file.relative_to(ROOT)) for file in modules() if not ast.get_docstring(tree(file))]
    assert not silent, listing(silent)


def test_names_say_what_is_inside() -> None:
    vague = [
        str(file.relative_to(ROOT))
        for file in modules()
        if FORBIDDEN_NAMES & {*file.relative_to(ROOT).with_suffix("").parts}
    ]
    assert not vague, listing(vague)


def test_no_module_is_too_long() -> None:
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in modules()}
    long = [f"{file.relative_to(ROOT)}: {n} lines" for file, n in lengths.items() if n > LONGEST_MODULE]
    assert not long, listing(long)


def tracked() -> list[Path]:
    """The files that git knows; without git (a tarball) the package, the tests and the top level."""
    if (ROOT / ".git").exists():
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
        return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]
    files = [*ROOT.glob("*.*"), *PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    return [path for path in files if path.is_file()]


def test_the_tree_names_no_registry_and_no_machine() -> None:
    wrong = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", "replace")
        words = [word for word in (*REGISTRIES, *MACHINE_PATHS) if word in text]
        words += [found.group() for found in HOME_PATH.finditer(text)]
        wrong += [f"{path.relative_to(ROOT)}: {word}" for word in words]
    assert not wrong, listing(wrong)


def test_no_group_is_possessive() -> None:
    """`(...)*+` goes wrong before CPython 3.11.5, where a part of the group fails half-way: write `(?>(...)*)`."""
    wrong = []
    for file in modules():
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"\)[*+?]\+(?!=)", line):
                wrong.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not wrong, listing(wrong)
