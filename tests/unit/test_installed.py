"""A package that is older than its sources must say so: a change, a new and a deleted file, and no sources at all."""

import json
from pathlib import Path

import pytest

from lteims import installed


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sources of a package that was just built from them, in a checkout whose name has a blank."""
    package, sources = tmp_path / "site-packages" / "lteims", tmp_path / "check out" / "lteims"
    for folder in (package, sources):
        (folder / "sip").mkdir(parents=True)
        (folder / "sip" / "message.py").write_text("x = 1\n")
    note = package.parent / "lteims-1.0.dist-info" / "direct_url.json"
    note.parent.mkdir()
    note.write_text(json.dumps({"url": sources.parent.as_uri(), "dir_info": {}}))
    monkeypatch.setattr(installed, "PACKAGE", package)
    return sources


def test_just_built(sources: Path) -> None:
    assert installed.stale() == ""


def test_a_change(sources: Path) -> None:
    (sources / "sip" / "message.py").write_text("x = 2\n")
    assert installed.stale() == str(sources)


def test_a_new_file(sources: Path) -> None:
    (sources / "new.py").write_text("")
    assert installed.stale() == str(sources)


def test_a_deleted_file(sources: Path) -> None:
    (sources / "sip" / "message.py").unlink()
    assert installed.stale() == str(sources)


def test_sources_that_are_gone(sources: Path) -> None:
    sources.rename(sources.with_name("elsewhere"))
    assert installed.stale() == ""


def test_a_checkout_without_an_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "PACKAGE", tmp_path / "lteims")
    assert installed.stale() == ""
