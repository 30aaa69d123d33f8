"""The guides tell of what there is: verdicts of the log are those of the sources, files and make targets exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ("getting_started", "troubleshooting", "compatibility", "ci", "migrating")


def literals() -> str:
    """Every string of the sources; what an f-string fills in is a line of its own."""
    found: list[str] = []
    for file in (ROOT / "lteims").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(str(v.value) if isinstance(v, ast.Constant) else "\n" for v in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_every_verdict_is_one_of_the_log() -> None:
    sources = literals()
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    verdicts = re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)
    assert len(verdicts) > 30
    for verdict in verdicts:
        for piece in re.split(r"\.\.\.|: ", verdict):
            assert piece.strip(" ,;:") in sources, f"no part of the log: {verdict}"


@pytest.mark.parametrize("guide", GUIDES)
def test_links_lead_somewhere(guide: str) -> None:
    file = ROOT / "docs" / f"{guide}.md"
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
        assert (file.parent / link).exists(), link


@pytest.mark.parametrize("guide", GUIDES)
def test_make_targets_and_files_exist(guide: str) -> None:
    text = (ROOT / "docs" / f"{guide}.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for target in re.findall(r"`make ([a-z-]+)", text) + re.findall(r"^ +make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets, target
    for path in re.findall(r"\b((?:config|docs|bench|tests|netns|docker)/[\w./-]*\w)", text):
        assert (ROOT / path).exists() or path.endswith(("ims.log", "results.xml")), path


@pytest.mark.parametrize("guide", GUIDES)
def test_properties_exist(guide: str) -> None:
    """Names in front of a colon and a value, as the configuration has them."""
    reference = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    known = {name.split(".")[-1] for name in re.findall(r"^\| `([^`]+)`", reference, re.MULTILINE)}
    text = (ROOT / "docs" / f"{guide}.md").read_text(encoding="utf-8")
    for name in re.findall(r'`([a-z_0-9]+): (?:"|\d|true|false|\[|\{)', text):
        assert name in known, name
