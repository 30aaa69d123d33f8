"""Whole files of tests/vectors/config: each folder holds main.cfg, what it includes, and what must come of it.

expect.json: `tree` (the merged tree), `json` (the same as to_json writes it), `errors` and `warnings` (first lines).
"""

import json
from pathlib import Path

import pytest

from lteims.config import ConfigError, load, to_json
from lteims.config.diagnostic import Report
from lteims.config.load import read_tree

VECTORS = Path(__file__).parents[2] / "vectors" / "config"
CASES = sorted(path.parent.name for path in VECTORS.glob("*/expect.json"))


def first_lines(diagnostics: tuple[object, ...]) -> list[str]:
    """What a diagnostic says, without the source line."""
    return [str(diagnostic).splitlines()[0] for diagnostic in diagnostics]


@pytest.mark.parametrize("name", CASES)
def test_vector(name: str) -> None:
    """A folder's files give exactly what its expect.json says."""
    folder = VECTORS / name
    expect = json.loads((folder / "expect.json").read_text())

    def read(path: str) -> str:
        return (folder / path).read_bytes().decode("utf-8", "replace")

    if "errors" in expect:
        with pytest.raises(ConfigError) as raised:
            load("main.cfg", read, expect.get("defines"))
        assert first_lines(raised.value.diagnostics) == expect["errors"]
    elif "warnings" in expect:
        assert first_lines(load("main.cfg", read, expect.get("defines")).warnings) == expect["warnings"]
    else:
        tree = read_tree("main.cfg", read, Report(), expect.get("defines"))
        if "json" in expect:
            assert json.loads(to_json(tree)) == expect["json"]
        else:
            assert to_json(tree) == to_json(expect["tree"])


def test_there_are_vectors() -> None:
    """An empty folder must not look like success."""
    assert len(CASES) > 25
