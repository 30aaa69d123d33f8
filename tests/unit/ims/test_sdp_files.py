"""The SDP files: read when they have changed, and never trusted."""

import os
from pathlib import Path

import pytest

from lteims.errors import OperatorError
from lteims.ims.sdp_files import MAX_SIZE, SdpFiles
from lteims.trace import WARN

from .conftest import Lines

VOICE = "m=audio 0 RTP/AVP 8\n"
SAMPLES = sorted((Path(__file__).parents[3] / "config").glob("*.sdp"))


def test_a_file_is_read_once_until_it_changes(tmp_path: Path) -> None:
    path, files = tmp_path / "a.sdp", SdpFiles()
    path.write_text(VOICE)
    first = files.load(str(path))
    assert files.load(str(path)) is first
    os.utime(path, (1, 1))
    again = files.load(str(path))
    assert again == first
    assert again is not first
    path.write_text("m=audio 0 RTP/AVP 0\n")
    os.utime(path, (1, 1))  # as big and as old: nobody can know
    assert files.load(str(path)) is again
    path.write_text(f"{VOICE}a=x\n")
    os.utime(path, (1, 1))
    assert "a=x" in files.load(str(path)).sdp.medias[0].lines


def test_a_file_that_broke_and_was_mended(tmp_path: Path) -> None:
    path, files = tmp_path / "a.sdp", SdpFiles()
    path.write_text(VOICE)
    first = files.load(str(path))
    path.write_text("m=\n")
    with pytest.raises(OperatorError, match=r"a\.sdp: line 1"):
        files.load(str(path))
    path.write_text(VOICE)
    assert files.load(str(path)) == first


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no m= line"),
        (b"v=0\ns=-\n", "no m= line"),
        (b"hello", "line 1"),
        (b"x" * (MAX_SIZE + 1), f"{MAX_SIZE + 1} octets are too many"),
    ],
)
def test_what_is_no_sdp(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "a.sdp"
    path.write_bytes(content)
    with pytest.raises(OperatorError, match=f"{path}: .*{why}|{path}: {why}"):
        SdpFiles().load(str(path))


@pytest.mark.parametrize("name", ["missing", ".", "pipe", "/dev/zero", "a\0b", "x" * 300])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OperatorError):
        SdpFiles().load(os.path.join(tmp_path, name))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.sdp"
    path.write_text(VOICE)

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(OperatorError, match="Permission denied"):
        SdpFiles().load(str(path))


def test_a_configured_file_of_no_use_is_logged(tmp_path: Path, lines: Lines) -> None:
    files = SdpFiles()
    assert files.find("") is None
    assert not lines.entries
    assert files.find(str(tmp_path / "missing")) is None
    assert lines.at("the server's own SDP is used")[0][0] == WARN


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_samples(path: Path) -> None:
    assert SdpFiles().load(str(path)).kinds[0] == "audio"


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 3
