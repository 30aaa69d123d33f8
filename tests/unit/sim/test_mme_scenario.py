"""Scenario files of MMEs: what is read, and that whatever is wrong is said with its line."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.__main__ import main
from lteims.config import Endpoint
from lteims.sgsap.elements import Lai, Plmn
from lteims.sim import mme_run
from lteims.sim.errors import PhoneError, ScenarioError
from lteims.sim.mme_phone import MmePhone
from lteims.sim.mme_scenario import VERBS, WHATS, load, parse
from tests.unit.config.test_samples import shipped

ROOT = Path(__file__).resolve().parents[3]
GOOD = """\
server: 10.90.2.1:29118
mmes:
  one: {}
  two: {name: mmec09.mmegi0001.mme.epc.mnc070.mcc901.3gppnetwork.org, host: 10.90.2.2, plmn: 90170, lac: 0x10}
phones:
  alice: {imsi: 001010000000001}
  bob: {imsi: 001010000000002, mme: two, centre: "+4900"}
steps:
  - attach: [alice, bob]
  - attach: {phone: bob, mme: one, within: 3}
  - sms: {phone: alice, to: "+49402", text: Hi, report: yes}
  - restart: one
  - disconnect: {mme: [one, two], abort: yes}
  - wait: 0.5
"""


def test_what_is_read() -> None:
    scenario = parse(GOOD)
    one, two = scenario.mmes
    assert one.mme_name == "mmec01.mmegi0001.mme.epc.mnc001.mcc001.3gppnetwork.org"
    assert (two.mme_name[:6], two.host, two.lai) == ("mmec09", "10.90.2.2", Lai(Plmn("901", "70"), 16))
    assert [(phone.name, phone.mme, phone.centre) for phone in scenario.phones] == [
        ("alice", "one", "+491"),
        ("bob", "two", "+4900"),
    ]
    assert [(step.verb, step.names, step.fields) for step in scenario.steps] == [
        ("attach", ("alice", "bob"), {}),
        ("attach", ("bob",), {"mme": "one", "within": 3.0}),
        ("sms", ("alice",), {"to": "+49402", "text": "Hi", "report": True}),
        ("restart", ("one",), {}),
        ("disconnect", ("one", "two"), {"abort": True}),
        ("wait", (), {"seconds": 0.5}),
    ]
    assert parse("phones: {a: {imsi: 001010000000001}}\nsteps: [{attach: a}]").mmes[0].name == "mme"


HEAD = "phones:\n  a: {imsi: 001010000000003}\nsteps:\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "a mapping"),
        ("mmes: {}\nphones: {}", 1, "no mmes"),
        ("mmes: {one: {speed: 3}}", 1, "no 'speed'"),
        ("mmes:\n  one: {plmn: 1}", 2, "has not 5 or 6 digits"),
        ("mmes:\n  one: {lac: 65536}", 2, "not of 16 bits"),
        ("phones: {}\nsteps: []", 1, "no phones"),
        ("phones:\n  a: {}", 2, "imsi is missing"),
        ("phones:\n  a: {imsi: 12x}", 2, "imsi '12x' is none"),
        ("phones:\n  a: {imsi: 001010000000003}\n  b: {imsi: 001010000000003}", 3, "another one has imsi"),
        ("phones:\n  a: {imsi: 001010000000003, mme: two}", 2, "no mme 'two'; there are mme"),
        ("phones:\n  a: {imsi: 001010000000003, centre: x}", 2, "centre 'x' is no number"),
        ("phones:\n  a: {imsi: 001010000000003}\nsteps: []", 1, "no steps"),
        (HEAD + "  - dance: a", 4, "no step 'dance'; there are attach"),
        (HEAD + "  - attach: b", 4, "no phone 'b'; there are a"),
        (HEAD + "  - attach: {phone: a, mme: b}", 4, "no mme 'b'; there are mme"),
        (HEAD + "  - restart: a", 4, "no mme 'a'; there are mme"),
        (HEAD + "  - restart: {within: 3}", 4, "restart needs an mme"),
        (HEAD + "  - sms: {phone: a, to: bob, text: x}", 4, "to 'bob' is no number"),
        (HEAD + "  - paging: {phone: a, answer: perhaps}", 4, "none of answered, ignored"),
        (HEAD + "  - detach: {phone: a, kind: all}", 4, "none of eps, imsi, network"),
        (HEAD + "  - expect: {phone: a, what: rain}", 4, "nothing is called 'rain'"),
        (HEAD + "  - silent: {phone: a, on: 3}", 4, "no yes or no"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ScenarioError) as wrong:
        parse(text, "file.yaml")
    assert str(wrong.value).startswith(f"file.yaml:{line}: ")
    assert says in str(wrong.value)


@given(st.text(alphabet="{}[]:,&*!|>-?\"'\n a0#%\t\0é", max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    for whole in (text, HEAD + text, "mmes:\n  a: " + text, "phones:\n  a: " + text):
        with contextlib.suppress(ScenarioError):
            parse(whole)


def test_every_step_has_its_function() -> None:
    assert {*mme_run._OF_MMES, *mme_run._OF_PHONES, "wait"} == set(VERBS)


def test_the_scenario_of_the_documentation() -> None:
    """Its phones are users of the configuration that comes with the program, and its server is that one."""
    scenario = load(str(ROOT / "docs/scenarios/sgs.yaml"))
    config = shipped(WITH_CORE=1).config
    assert Endpoint.parse(scenario.server, 0) == config.sctp_addr
    assert {phone.imsi for phone in scenario.phones} <= {user.imsi for user in config.ue_db}


def test_a_phone_sends_seven_messages_at_once_and_no_more() -> None:
    sent: list[bytes] = []
    phone = MmePhone("001010000000001", lambda *timer: None, lambda: 0.0, lambda imsi, nas: sent.append(nas))
    assert phone.submit("x" * 1000, "+49") == 7
    assert len(sent) == 7
    with pytest.raises(PhoneError, match="7 messages"):
        phone.submit("one more", "+49")


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(HEAD + "  - attach: a\n", encoding="utf-8")
    for arguments, says in (([], "no server"), (["--server", "10.0.0.1:many"], "server: ")):
        assert main(["mme", str(file), *arguments]) == 1
        assert says in capsys.readouterr().err


def test_the_documentation_has_every_step_and_field() -> None:
    text = (ROOT / "docs/simulators.md").read_text(encoding="utf-8").partition("## lteims mme")[2]
    for verb, fields in VERBS.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| `{verb}` |"))
        assert all(f"`{field}`" in line for field in fields if field != "within"), verb
    for what in WHATS:
        assert f"`{what}`" in text.partition("`expect` knows")[2]
