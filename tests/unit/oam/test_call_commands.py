"""The commands for calls, without calls: what they show, what they ask for, and what they refuse (manual 7)."""

import pytest

from lteims.config.log_options import parse_log_options
from lteims.errors import OperatorError
from lteims.ims.call_control import DialogInfo
from lteims.ims.record import DialogEvent, DialogState
from lteims.oam.commands import Commands
from lteims.oam.log import LogFile

from .users import FakeCallControl, FakeControl

EVENTS = (
    DialogEvent("recv", 0.0, DialogState.INIT, "INVITE"),
    DialogEvent("state", 1.25, DialogState.RINGING),
)
MEDIA: dict[str, str | int] = {
    "type": "audio",
    "qos": "erab_set",
    "dir": "sendrecv",
    "rtp_addr": "192.0.2.1:40000",
    "rtp_recv_count": 7,
}
MO = DialogInfo(
    "00a1", "start", "server", "tel:2\x1b[2J", "sip:1@ims\nquit", "00a2", "", 1_800_000_000, 12.34, EVENTS, (MEDIA,), 1
)
MT = DialogInfo("00a2", "stop", "server", "tel:2", "sip:1@ims", "", "00a1", 1_800_000_000, 0.0, (), (), 2)


@pytest.fixture
def control() -> FakeControl:
    return FakeControl(dialogs=[MO, MT])


@pytest.fixture
def commands(control: FakeControl) -> Commands:
    return Commands(control, LogFile(options=parse_log_options("all.level=error")))


def test_the_dialogs(commands: Commands, control: FakeControl) -> None:
    assert commands.execute("dialog").text == (
        "#  id    state  type    from               to            duration\n"
        "1  00a1  start  server  sip:1@ims\\x0aquit  tel:2\\x1b[2J  12.3 s\n"
        "2  00a2  stop   server  sip:1@ims          tel:2         0.0 s"
    )
    control.dialogs = []
    assert commands.execute("dialog").text == "no dialogs"


def test_one_dialog(commands: Commands) -> None:
    assert commands.execute("dialog 1").text.splitlines() == [
        "Dialog     00a1",
        "State      start",
        "Type       server",
        "From       sip:1@ims\\x0aquit",
        "To         tel:2\\x1b[2J",
        "MT dialog  00a2",
        "Duration   12.3 s",
        "type=audio  qos=erab_set  dir=sendrecv  rtp_addr=192.0.2.1:40000  rtp_recv_count=7",
        "      0.000  recv   init     INVITE",
        "      1.250  state  ringing",
    ]
    assert commands.execute("dialog 00a2").text.splitlines()[-2:] == ["MO dialog  00a1", "Duration   0.0 s"]


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("mt_call 1@ims", ("call", "1@ims", "", "", 0.0)),
        ("mt_call tel:1 -d 2.5", ("call", "tel:1", "", "", 2.5)),
        ("mt_call -d 2 tel:1 a.sdp", ("call", "tel:1", "a.sdp", "", 2.0)),
        ("mt_call tel:1 a.sdp  -d 3 tel:2", ("call", "tel:1", "a.sdp", "tel:2", 3.0)),
    ],
)
def test_mt_call(commands: Commands, control: FakeControl, line: str, asked: tuple[object, ...]) -> None:
    assert commands.execute(line).text == "dialog 00ff"
    assert control.done == [asked]


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("dialog_stop 1", ("stop", "00a1")),
        ("dialog_stop  00a2 ", ("stop", "00a2")),
        ("dialog_answer 2", ("answer", "00a2", 200)),
        ("dialog_answer 00a1  486", ("answer", "00a1", 486)),
        ("reinvite 1", ("reinvite", "00a1")),
        ("re 2", ("reinvite", "00a2")),
    ],
)
def test_what_is_done_to_a_dialog(
    commands: Commands, control: FakeControl, line: str, asked: tuple[object, ...]
) -> None:
    assert commands.execute(line).text == ""
    assert control.done == [asked]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("mt_call", "usage: mt_call CALLEE [-d DURATION] [SIP_FILE] [CALLER]"),
        ("mt_call a b c d", "usage: mt_call CALLEE [-d DURATION] [SIP_FILE] [CALLER]"),
        ("mt_call -d 5", "usage: mt_call CALLEE [-d DURATION] [SIP_FILE] [CALLER]"),
        ("mt_call a -d", "-d needs a duration in seconds"),
        ("mt_call a -d x", "'x' is no duration in seconds"),
        ("mt_call a -d 0", "'0' is no duration in seconds"),
        ("mt_call a -d -1", "'-1' is no duration in seconds"),
        ("mt_call a -d nan", "'nan' is no duration in seconds"),
        ("mt_call a -d inf", "'inf' is no duration in seconds"),
        ("mt_call a -d 5 -d 6", "usage: mt_call CALLEE [-d DURATION] [SIP_FILE] [CALLER]"),
        ("mt_call a -x", "usage: mt_call CALLEE [-d DURATION] [SIP_FILE] [CALLER]"),
        ("dialog 3", "there is no dialog '3'"),
        ("dialog 0", "there is no dialog '0'"),
        ("dialog \u0661", "there is no dialog '\u0661'"),
        ("dialog_stop", "which dialog? Its number or id is needed, see dialog"),
        ("dialog_stop x y", "there is no dialog 'x y'"),
        ("dialog_stop 99999999999999", "there is no dialog '99999999999999'"),
        ("dialog_answer", "which dialog? Its number or id is needed, see dialog"),
        ("dialog_answer 1 x", "'x' is no SIP code"),
        ("dialog_answer 1 20", "'20' is no SIP code"),
        ("dialog_answer 1 200 1", "'200 1' is no SIP code"),
        ("dialog_answer 7 200", "there is no dialog '7'"),
        ("reinvite", "which dialog? Its number or id is needed, see dialog"),
        ("dialo", "ambiguous command 'dialo': dialog, dialog_answer, dialog_stop"),
    ],
)
def test_what_is_refused(commands: Commands, control: FakeControl, line: str, answer: str) -> None:
    assert commands.execute(line).text == answer
    assert not control.done


def test_what_the_server_refuses_is_said(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: FakeCallControl, session_id: str) -> None:
        raise OperatorError(f"dialog {session_id} is over")

    monkeypatch.setattr(FakeCallControl, "dialog_stop", refuse)
    assert commands.execute("dialog_stop 2").text == "dialog 00a2 is over"


@pytest.mark.parametrize(
    ("line", "candidates"),
    [
        ("dialog 00", ["00a1", "00a2"]),
        ("dialog_stop 00a2", ["00a2"]),
        ("dialog_answer x", []),
        ("reinvite ", ["00a1", "00a2"]),
        ("mt_call ", ["001010000000001@ims", "tel:0600000001"]),
        ("mt_call -d 5 tel:", ["tel:0600000001"]),
    ],
)
def test_completion(commands: Commands, line: str, candidates: list[str]) -> None:
    assert commands.complete(line)[1] == candidates


@pytest.mark.parametrize("name", ["mt_call", "dialog", "dialog_stop", "dialog_answer", "reinvite"])
def test_help(commands: Commands, name: str) -> None:
    first, summary, *more = commands.execute(f"help {name}").text.splitlines()
    assert first.startswith(name)
    assert summary.endswith(".")
    assert more
