"""The log file as its readers parse it, its options, rotation, and a disk that does not obey."""

import errno
import os
import re
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from lteims import counters, trace
from lteims.config.log_options import parse_log_options
from lteims.errors import OperatorError
from lteims.oam.log import LogFile
from lteims.oam.log_writer import BUFFER_SIZE
from lteims.trace import CX, DEBUG, ERROR, IMS, INFO, MEDIA, RX, SIP, WARN, log

from .conftest import Wall

HEADER = r"# lteims version .*\n# Log file format:\n# time layer dir id message\n# Started on (.*)\n"
Open = Callable[..., LogFile]


@pytest.fixture
def open_log(tmp_path: Path, wall: Wall) -> Iterator[Open]:
    """Open the log in the test's directory and make it the sink."""
    opened = []

    def open_log(options: str = "all.level=debug", filename: str = "ims.log", **more: bool) -> LogFile:
        file = LogFile(filename, directory=str(tmp_path), options=parse_log_options(options), wall=wall, **more)
        opened.append(file)
        trace.set_sink(file)
        return file

    yield open_log
    for file in opened:
        file.close()


def _entries(path: Path) -> str:
    """The file without its header, which must be there."""
    text = path.read_text(encoding="utf-8")
    header = re.match(HEADER, text)
    assert header, text
    return text[header.end() :]


def test_the_format_to_the_byte(tmp_path: Path, open_log: Open) -> None:
    open_log("all.level=debug,all.max_size=20,rx.payload=1")
    log(IMS, INFO, "Connecting to 127.0.0.1:10042")
    log(RX, INFO, "Capabilities-Exchange-Answer", dir="FROM", id="127.0.0.1:3868", data=bytes(range(0x40, 0x60)))
    log(SIP, DEBUG, "REGISTER sip:ims SIP/2.0", dir="FROM", id="1a2b", body="Via: x\r\nTo: y\r\n\r\nbody\r\n")
    log(MEDIA, INFO, "RTP/audio started", dir="TO", id="1a2b")
    log(MEDIA, INFO, "RTCP/audio idle", id="1a2b")
    assert _entries(tmp_path / "ims.log") == (
        "10:28:06.410 [IMS] -  - Connecting to 127.0.0.1:10042\n"
        "10:28:06.410 [RX] FROM 127.0.0.1:3868 Capabilities-Exchange-Answer\n"
        "        0000:  40 41 42 43 44 45 46 47  48 49 4a 4b 4c 4d 4e 4f  @ABCDEFGHIJKLMNO\n"
        "        0010:  50 51 52 53                                       PQRS\n"
        "10:28:06.410 [SIP] FROM 1a2b REGISTER sip:ims SIP/2.0\n"
        "        Via: x\n"
        "        To: y\n"
        "        \n"
        "        body\n"
        "10:28:06.410 [MEDIA] 1a2b TO RTP/audio started\n"
        "10:28:06.410 [MEDIA] 1a2b -  RTCP/audio idle\n"
    )


def test_levels_filter(tmp_path: Path, open_log: Open) -> None:
    open_log("all.level=none,sip.level=warn,ims.level=info")
    for layer in trace.LAYERS.values():
        for level in (ERROR, WARN, INFO, DEBUG):
            log(layer, level, f"{trace.LEVEL_NAMES[level]}")
    assert re.findall(r"\[(.*)\] -  - (.*)\n", _entries(tmp_path / "ims.log")) == [
        ("IMS", "error"),
        ("IMS", "warn"),
        ("IMS", "info"),
        ("SIP", "error"),
        ("SIP", "warn"),
    ]


def test_dumps_obey_max_size_and_payload(tmp_path: Path, open_log: Open) -> None:
    file = open_log("all.level=debug")
    for options in ("all.max_size=0", "all.max_size=1", "cx.payload=1"):
        file.apply(parse_log_options(options))
        log(CX, DEBUG, options, data=b"AB")
        log(SIP, DEBUG, options, data=b"AB")
    assert re.findall(r"\[(.*)\] .*\n        0000:  (..)  ", _entries(tmp_path / "ims.log")) == [
        ("SIP", "41"),
        ("CX", "41"),
        ("SIP", "41"),
    ]


def test_hostile_text_stays_in_its_entry(tmp_path: Path, open_log: Open) -> None:
    open_log()
    bad = b"\xff\x00\r\n10:28:06.410 [SIP] TO 1 fake\x1b[2J\x85".decode("utf-8", "surrogateescape")
    log(SIP, INFO, bad, body=bad)
    lines = _entries(tmp_path / "ims.log").splitlines()
    assert lines == [
        "10:28:06.410 [SIP] -  - \\xff\\x00\\x0d\\x0a10:28:06.410 [SIP] TO 1 fake\\x1b[2J\\x85",
        "        \\xff\\x00",
        "        10:28:06.410 [SIP] TO 1 fake\\x1b[2J\\x85",
    ]


def test_time_options(tmp_path: Path, open_log: Open) -> None:
    file = open_log("all.level=info,time=full")
    for options in ("", "time.us=1", "time=sec", "time.us=0,time=short"):
        file.apply(parse_log_options(options))
        log(IMS, INFO, "x")
    assert _entries(tmp_path / "ims.log").split(" [IMS] -  - x\n") == [
        "2026-11-22 10:28:06.410",
        "2026-11-22 10:28:06.410000",
        "1795343286.410000",
        "10:28:06.410",
        "",
    ]


def test_relative_and_absolute_names(tmp_path: Path, open_log: Open) -> None:
    (tmp_path / "sub").mkdir()
    assert open_log(filename="sub/a.log").state().filename == str(tmp_path / "sub" / "a.log")
    absolute = str(tmp_path / "b.log")
    assert open_log(filename=absolute).state().filename == absolute


def test_a_missing_directory_is_the_operators_error(tmp_path: Path, open_log: Open) -> None:
    with pytest.raises(OperatorError, match=r"nowhere/ims\.log: No such file"):
        open_log(filename="nowhere/ims.log")
    with pytest.raises(OperatorError, match="Is a directory"):
        open_log(filename=str(tmp_path))
    with pytest.raises(OperatorError, match="zero octet"):
        open_log(filename="a\0b")
    with pytest.raises(OperatorError, match="nowhere is no directory"):
        open_log("file.path=nowhere")


def test_append_or_truncate(tmp_path: Path, open_log: Open) -> None:
    path = tmp_path / "ims.log"
    path.write_text("old\n")
    open_log("append=1")
    assert re.fullmatch("old\n" + HEADER, path.read_text())
    open_log("append=0")
    assert re.fullmatch(HEADER, path.read_text())


def test_cut_begins_anew_with_a_header(tmp_path: Path, open_log: Open, wall: Wall) -> None:
    file = open_log("all.level=info,append=1")
    log(IMS, INFO, "before")
    wall.now += 3600
    file.apply(parse_log_options("file=cut"))
    log(IMS, INFO, "after")
    assert _entries(tmp_path / "ims.log") == "11:28:06.410 [IMS] -  - after\n"
    assert "# Started on 2026-11-22 11:28:06" in (tmp_path / "ims.log").read_text()


def test_rotate_now_twice_in_a_second(tmp_path: Path, open_log: Open) -> None:
    file = open_log("all.level=info")
    (tmp_path / "ims.log.20261122-102806").write_text("somebody's")
    for n in range(3):
        log(IMS, INFO, f"entry {n}")
        file.apply(parse_log_options("file.rotate=now"))
    log(IMS, INFO, "entry 3")
    assert (tmp_path / "ims.log.20261122-102806").read_text() == "somebody's"
    names = [f"ims.log.20261122-102806.{n}" for n in (1, 2, 3)] + ["ims.log"]
    assert sorted(os.listdir(tmp_path)) == sorted(["ims.log.20261122-102806", *names])
    assert [_entries(tmp_path / name)[24:] for name in names] == [f"entry {n}\n" for n in range(4)]


def test_rotate_on_size_ends_with_whole_entries(tmp_path: Path, open_log: Open) -> None:
    file = open_log("all.level=info,file.rotate=1K")
    file.start(lambda delay, call: _Never())
    for n in range(100):
        log(IMS, INFO, f"entry {n:02}", body="x" * 40)
    file.flush()
    names = sorted(os.listdir(tmp_path), key=lambda name: (len(name.split(".")) > 2, len(name), name))
    texts = [_entries(tmp_path / name) for name in (*names[1:], names[0])]
    assert len(texts) > 5
    assert re.findall(r"entry (\d\d)\n        x{40}\n", "".join(texts)) == [f"{n:02}" for n in range(100)]
    sizes = [os.path.getsize(tmp_path / name) for name in names[1:]]
    assert all(1024 <= size < 1024 + 100 for size in sizes)


def test_rotate_at_start_saves_what_an_earlier_run_left(tmp_path: Path, open_log: Open) -> None:
    (tmp_path / "ims.log").write_text("old\n")
    open_log("file.rotate=now")
    assert (tmp_path / "ims.log.20261122-102806").read_text() == "old\n"
    assert _entries(tmp_path / "ims.log") == ""


def test_rotated_files_go_to_the_path(tmp_path: Path, open_log: Open) -> None:
    (tmp_path / "old").mkdir()
    file = open_log("all.level=info,file.path=old")
    log(IMS, INFO, "x")
    assert file.rotate() == str(tmp_path / "old" / "ims.log.20261122-102806")
    file.apply(parse_log_options("file.path="))
    assert file.rotate() == str(tmp_path / "ims.log.20261122-102806.1")
    assert sorted(os.listdir(tmp_path / "old")) == ["ims.log.20261122-102806"]


def _on_other_file_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def picky(source: str, target: str) -> None:
        if os.path.dirname(source) != os.path.dirname(target):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, target)

    monkeypatch.setattr(os, "rename", picky)


def test_rotation_to_another_file_system(
    tmp_path: Path, open_log: Open, monkeypatch: pytest.MonkeyPatch, told: StringIO
) -> None:
    _on_other_file_systems(monkeypatch)
    (tmp_path / "far").mkdir()
    file = open_log("all.level=info,file.path=far")
    for n in range(3):
        log(IMS, INFO, f"entry {n}")
        file.rotate()
    file.close()
    names = sorted(os.listdir(tmp_path / "far"))
    assert [_entries(tmp_path / "far" / name)[24:] for name in names] == [f"entry {n}\n" for n in range(3)]
    assert sorted(os.listdir(tmp_path)) == ["far", "ims.log"]
    assert told.getvalue() == ""


def test_a_copy_that_fails_loses_nothing(
    tmp_path: Path, open_log: Open, monkeypatch: pytest.MonkeyPatch, told: StringIO
) -> None:
    _on_other_file_systems(monkeypatch)
    (tmp_path / "far").mkdir()
    file = open_log("all.level=info,file.path=far")
    monkeypatch.setattr("shutil.copy2", _no_space)
    log(IMS, INFO, "entry")
    file.rotate()
    file.close()
    assert os.listdir(tmp_path / "far") == []
    assert _entries(tmp_path / "ims.log.20261122-102806").endswith("entry\n")
    assert "stays where it is" in told.getvalue()


def _no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_device_is_neither_rotated_nor_cut(open_log: Open) -> None:
    file = open_log("all.level=info", filename="/dev/null")
    for options in ("file.rotate=now", "file=cut"):
        with pytest.raises(OperatorError, match="no regular file"):
            file.apply(parse_log_options(options))
    file.apply(parse_log_options("file.rotate=1"))
    log(IMS, INFO, "x")
    assert Path("/dev/null").is_char_device()


def test_a_link_is_followed(tmp_path: Path, open_log: Open) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "ims.log").symlink_to(tmp_path / "real" / "x.log")
    open_log("all.level=info").rotate()
    assert sorted(os.listdir(tmp_path / "real")) == ["x.log", "x.log.20261122-102806"]


class _Never:
    def cancel(self) -> None:
        """Nothing was under way."""


class _Timers:
    """An event loop's call_later, by hand."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay: float, call: Callable[[], None]) -> _Never:
        self.calls.append((delay, call))
        return _Never()


def test_lines_wait_for_a_moment_or_64_kilobytes(tmp_path: Path, open_log: Open) -> None:
    timers = _Timers()
    file = open_log("all.level=info")
    path = tmp_path / "ims.log"
    log(IMS, INFO, "at once")
    assert "at once" in _entries(path)
    file.start(timers.call_later)
    for n in range(5):
        log(IMS, INFO, f"later {n}")
    assert "later" not in _entries(path)
    ((delay, call),) = timers.calls
    assert delay == 0.05
    call()
    assert _entries(path).count("later") == 5
    for _ in range(BUFFER_SIZE // 1000 + 1):
        log(IMS, INFO, "x" * 1000)
    assert path.stat().st_size > BUFFER_SIZE
    file.close()
    assert _entries(path).count("x" * 1000) == BUFFER_SIZE // 1000 + 1


def test_log_sync_writes_at_once(tmp_path: Path, open_log: Open) -> None:
    timers = _Timers()
    file = open_log("all.level=info", sync=True)
    file.start(timers.call_later)
    log(IMS, INFO, "now")
    assert "now" in _entries(tmp_path / "ims.log")
    assert timers.calls == []


def test_a_full_disk_is_told_once_and_survived(
    tmp_path: Path, open_log: Open, monkeypatch: pytest.MonkeyPatch, told: StringIO
) -> None:
    file = open_log("all.level=info")
    log(IMS, INFO, "before")
    write = os.write
    room = [30]

    def full(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        n = write(fd, bytes(data)[: room[0]])
        room[0] -= n
        return n

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for n in range(1000):
            log(IMS, INFO, f"lost {n}")
        assert told.getvalue().count("cannot be written") == 1
        assert "No space left on device" in told.getvalue()
        assert (file.state().lost, counters.get("log_lost")) == (1000, 1000)
    log(IMS, INFO, "after")
    assert _entries(tmp_path / "ims.log") == "10:28:06.410 [IMS] -  - before\n10:28:06.410 [IMS] -  - after\n"
    assert "written again" in told.getvalue()
    assert "entries_lost=1000" in told.getvalue()
    assert file.state().count == 1002


def test_a_disk_full_at_start_does_not_stop_the_server(open_log: Open, told: StringIO) -> None:
    file = open_log("all.level=info", filename="/dev/full")
    log(IMS, INFO, "x")
    assert file.state().lost == 1
    assert told.getvalue().count("cannot be written") == 1


def test_a_rotation_that_fails_is_told_and_the_file_goes_on(
    tmp_path: Path, open_log: Open, monkeypatch: pytest.MonkeyPatch, told: StringIO
) -> None:
    file = open_log("all.level=info,file.rotate=1K")

    def forbidden(*_: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rename", forbidden)
    for n in range(60):
        log(IMS, INFO, f"entry {n}")
    assert os.listdir(tmp_path) == ["ims.log"]
    assert 1 <= told.getvalue().count("rotation failed") <= 3
    with pytest.raises(OperatorError, match="cannot be rotated: Permission denied"):
        file.apply(parse_log_options("all.level=debug,file.rotate=now"))
    assert IMS.level == INFO
    assert _entries(tmp_path / "ims.log").count("entry") == 60


def test_a_file_taken_away_is_begun_again_by_rotation(tmp_path: Path, open_log: Open) -> None:
    file = open_log("all.level=info")
    (tmp_path / "ims.log").unlink()
    file.rotate()
    log(IMS, INFO, "x")
    assert os.listdir(tmp_path) == ["ims.log"]
    assert _entries(tmp_path / "ims.log").endswith("x\n")


def test_an_error_changes_nothing(open_log: Open) -> None:
    file = open_log("all.level=info")
    before = file.options_text()
    with pytest.raises(OperatorError, match="nowhere is no directory"):
        file.apply(parse_log_options("all.level=debug,time=sec,file.path=nowhere"))
    assert file.options_text() == before


def test_without_a_file_the_ring_is_filled(wall: Wall) -> None:
    file = LogFile(options=parse_log_options("ims.level=info,file=cut,file.rotate=now"), wall=wall)
    trace.set_sink(file)
    log(IMS, INFO, "hello", dir="TO", id="7", body="a\r\nb")
    (entry,) = file.ring.read().entries
    assert (entry.timestamp, entry.layer, entry.level, entry.dir, entry.id, entry.data) == (
        1795343286410,
        "IMS",
        INFO,
        "TO",
        "7",
        ("hello", "a", "b"),
    )
    with pytest.raises(OperatorError, match="no log file"):
        file.apply(parse_log_options("file=cut"))
    file.start(_Timers().call_later)
    file.flush()
    file.close()


def test_after_close_only_the_ring(tmp_path: Path, open_log: Open) -> None:
    file = open_log("all.level=info")
    file.close()
    log(IMS, INFO, "late")
    assert "late" not in _entries(tmp_path / "ims.log")
    assert len(file.ring) == 1


def test_state_and_text(open_log: Open) -> None:
    text = "all.level=error,sip.level=debug,all.max_size=1,all.payload=0,all.key=0,rx.key=1,all.crypto=0"
    text += ",time=full,time.us=1,file.rotate=10M,file.path=,append=1"
    file = open_log(text)
    assert file.options_text() == text
    state = file.state()
    assert (state.sync, state.lost, state.count) == (False, 0, 0)
    assert state.size == os.path.getsize(state.filename)
    file.apply(parse_log_options("all.level=none"))
    file.apply(parse_log_options(text))
    assert file.options_text() == text
