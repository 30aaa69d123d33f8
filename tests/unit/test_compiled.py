"""What setup.py compiles must be fit for it: faults that no compiler names and that show only at run time.

A class of a compiled module has no subclass in an interpreted one; nothing that msgspec reads is declared in one.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETUP = (ROOT / "setup.py").read_text(encoding="utf-8")
NAMES = re.findall(r'COMPILED = """(.*?)"""', SETUP, re.DOTALL)[0].split()
COMPILED = [ROOT / "lteims" / f"{name}.py" for name in NAMES]
INTERPRETED = sorted(set((ROOT / "lteims").rglob("*.py")) - set(COMPILED))


def classes(files: list[Path]) -> Iterator[tuple[Path, ast.ClassDef]]:
    for file in files:
        nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        yield from ((file, node) for node in nodes if isinstance(node, ast.ClassDef))


def test_the_list_names_modules() -> None:
    assert NAMES
    assert [file for file in COMPILED if not file.exists()] == []


def test_no_interpreted_class_extends_a_compiled_one() -> None:
    compiled = {node.name for _, node in classes(COMPILED)}
    wrong = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {node.name}({ast.unparse(base)})"
        for file, node in classes(INTERPRETED)
        for base in node.bases
        if ast.unparse(base).rpartition(".")[2] in compiled
    ]
    assert wrong == []


def test_what_msgspec_reads_is_interpreted() -> None:
    assert [str(file) for file in COMPILED if "msgspec" in file.read_text(encoding="utf-8")] == []
    assert [str(file) for file in COMPILED if "types.coroutine" in file.read_text(encoding="utf-8")] == []
