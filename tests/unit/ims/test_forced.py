"""What an IMPU forces, the headers that its code demands, and impu_set, which changes it while the server runs."""

from pathlib import Path
from typing import Any, cast

import pytest

from lteims import counters
from lteims.config import ConfigError, Diagnostic, ImpuConfig, ImpuMethod, ImsConfig
from lteims.errors import OperatorError
from lteims.ims.calls import Calls
from lteims.ims.control import Control
from lteims.ims.forced import Forced, Forcing, demanded, final_of, forced_of, read_content
from lteims.ims.icscf import Echo, Registered, Unknown, Unregistered
from lteims.net.sip import SipStack
from lteims.sip.uri import parse_uri
from tests.unit.ims.conftest import Lines
from tests.unit.ims.registry import DOMAIN, Registry, user

ALLOW = "INVITE, ACK, CANCEL, MESSAGE, REGISTER"


def registry(*impus: ImpuConfig | str, echo: tuple[ImpuConfig, ...] = ()) -> Registry:
    return Registry(user("001", impu=impus or ("tel:+491",)), config=ImsConfig(domain=DOMAIN, echo=echo))


def forcing(of: Registry) -> Forcing:
    return Forcing(cast(SipStack, None), of.locator, ALLOW)


def control(of: Registry, folder: str = "") -> Control:
    return Control(of.subscribers, cast(Calls, None), of.time.wall, lambda: None, of.locator, folder)


# --- what is forced


def test_code_0_forces_nothing() -> None:
    assert forced_of(ImpuConfig("tel:1", method=ImpuMethod.UPDATE, content_data=b"x")) is None


def test_a_body_has_its_type_and_none_has_none() -> None:
    config = ImpuConfig("tel:1", code=380, content_type="a/b", content_data=b"x", transparent=True)
    assert forced_of(config) == Forced("tel:1", 380, ImpuMethod.INVITE, True, "a/b", b"x")
    bare = forced_of(ImpuConfig("tel:1", code=-1, content_type="a/b"))
    assert bare == Forced("tel:1", -1, ImpuMethod.INVITE, False, "", b"")
    assert (bare.silent, bare.final) == (True, True)


def test_the_final_answer_of_a_call() -> None:
    ok = ImpuConfig("tel:1", code=603, method=ImpuMethod.INVITE_OK)
    other = ImpuConfig("tel:1", code=603)
    place = registry(ok)
    (subscriber,) = place.subscribers
    impu = subscriber.impus[0]
    echo = Echo(impu.uri, ok)
    for callee in (ok, echo, Registered(subscriber, impu, ()), Unregistered(subscriber, impu)):
        found = final_of(callee)
        assert found is not None
        assert (found.code, found.impu) == (603, "tel:1")
    assert final_of(other) is None
    assert final_of(Unknown()) is None
    assert final_of(ImpuConfig("tel:1", method=ImpuMethod.INVITE_OK)) is None


@pytest.mark.parametrize(
    ("method", "asked", "to", "from_", "found"),
    [
        ("INVITE", "INVITE", "tel:+491", "tel:+492", True),
        ("INVITE", "INVITE", f"sip:+491@{DOMAIN};user=phone", "tel:+492", True),
        ("INVITE", "INVITE", f"sip:+491@{DOMAIN}", "tel:+492", True),
        ("INVITE", "INVITE", "sip:+491@elsewhere", "tel:+492", False),
        ("INVITE", "INVITE", "tel:+492", "tel:+491", False),
        ("INVITE", "UPDATE", "tel:+491", "tel:+492", False),
        ("INVITE.TRYING", "INVITE", "tel:+491", "tel:+492", True),
        ("INVITE.OK", "INVITE", "tel:+491", "tel:+492", False),
        ("CANCEL", "CANCEL", "tel:+491", "tel:+492", True),
        ("REGISTER", "REGISTER", "tel:+491", "tel:+492", True),
        ("REGISTER", "REGISTER", "tel:+492", "tel:+491", False),
        ("MESSAGE", "MESSAGE", "tel:+492", "tel:+491", True),
        ("MESSAGE", "MESSAGE", "tel:+491", "tel:+492", False),
    ],
)
def test_which_requests(method: str, asked: str, to: str, from_: str, found: bool) -> None:
    place = registry(ImpuConfig("tel:+491", code=500, method=ImpuMethod(method)))
    request = place.request(asked, to, f"From: <{from_}>;tag=1", to=to)
    assert (forcing(place).find(request) is not None) is found


def test_the_methods_to_look_at_follow_the_options() -> None:
    place = registry("tel:+491", echo=(ImpuConfig("tel:6"),))
    forced = forcing(place)
    assert forced.methods == frozenset()
    operator = control(place)
    operator.impu_set("tel:+491", {"code": 486, "method": "INVITE.TRYING"})
    operator.impu_set("tel:6", {"code": 500, "method": "PRACK"})
    assert forced.methods == {"INVITE", "PRACK"}
    operator.impu_set("tel:+491", {"method": "INVITE.OK"})
    operator.impu_set("tel:6", {"code": 0})
    assert forced.methods == frozenset()
    place.subscribers.add([user("002", impu=(ImpuConfig("x", code=1 + 499, method=ImpuMethod.MESSAGE),))])
    assert forced.methods == {"MESSAGE"}


def test_an_answer_is_counted_and_logged(lines: Lines) -> None:
    before = counters.get("ims_forced_answer")
    place = registry()
    for code in (486, -1):
        forced = forced_of(ImpuConfig("tel:+491", code=code, method=ImpuMethod.INVITE_OK, transparent=True))
        assert forced is not None
        forced.note(place.request("INVITE"))
    assert counters.get("ims_forced_answer") == before + 2
    assert [text for _, text in lines.at("INVITE of tel:+491")] == [
        "INVITE of tel:+491 answered 486: IMPU tel:+491 has code 486 for INVITE.OK, transparent",
        "INVITE of tel:+491 left without answer: IMPU tel:+491 has code -1 for INVITE.OK, transparent",
    ]


# --- what a code demands


@pytest.mark.parametrize(
    ("code", "lines", "headers"),
    [
        (200, (), {}),
        (401, (), {}),
        (405, (), {"allow": "ACK, CANCEL, MESSAGE, REGISTER"}),
        (415, (), {"accept": "application/sdp", "accept-encoding": "identity"}),
        (420, (), {}),
        (420, ("Require: 100rel", "Require: precondition"), {"unsupported": "100rel, precondition"}),
        (420, ("Proxy-Require: sec-agree", "Supported: path"), {"unsupported": "sec-agree"}),
        (420, ("Supported: path, gruu",), {"unsupported": "path, gruu"}),
        (422, (), {"min-se": "90"}),
        (422, ("Session-Expires: 1800;refresher=uac",), {"min-se": "1801"}),
        (423, ("Expires: 30",), {"min-expires": "60"}),
        (423, ("Expires: 600000",), {"min-expires": "600001"}),
        (423, ("Expires: 60", "Contact: <sip:a@b>;expires=3600"), {"min-expires": "3601"}),
        (423, ("Contact: <sip:a@b>;expires=soon",), {"min-expires": "60"}),
        (422, ("Session-Expires: soon",), {"min-se": "90"}),
    ],
)
def test_headers(code: int, lines: tuple[str, ...], headers: dict[str, str]) -> None:
    assert demanded(code, registry().request("INVITE", "tel:+491", *lines), ALLOW) == headers


# --- impu_set


def test_options_change_wherever_the_impu_stands(lines: Lines) -> None:
    place = registry(ImpuConfig("tel:+491", display_name="Old"), "sip:001")
    operator = control(place)
    operator.impu_set("sip:+491", {"ring_only": True, "display_name": "New", "answer_delay": 2})
    (subscriber,) = place.subscribers
    assert subscriber.impus[0].shown == '"New" <tel:+491>'
    assert subscriber.impus[0].config == ImpuConfig("tel:+491", ring_only=True, display_name="New", answer_delay=2)
    assert not subscriber.impus[1].config.ring_only
    for form in ("tel:+49-1", f"sip:+491@{DOMAIN}", "sip:+491@192.0.2.100"):
        assert place.locator.options(parse_uri(form)) is subscriber.impus[0].config
    assert lines.at("IMPU sip:+491 has other options now: ring_only, display_name, answer_delay")


def test_options_of_an_echo_number() -> None:
    place = registry(echo=(ImpuConfig("tel:6", code=486), ImpuConfig("tel:7")))
    control(place).impu_set("tel:6", {"remote_control": True})
    assert place.locator.route(parse_uri("tel:6")) == Echo(
        parse_uri("tel:6"), ImpuConfig("tel:6", code=486, remote_control=True)
    )
    assert place.locator.options(parse_uri("tel:7")) == ImpuConfig("tel:7")
    assert place.locator.options(parse_uri("tel:8")) is None


def test_options_of_an_impu_that_has_several_imeis() -> None:
    place = registry(ImpuConfig("tel:+491", imei="1" * 15), ImpuConfig("tel:+491", imei="2" * 15))
    control(place).impu_set("tel:+491", {"code": 486})
    (subscriber,) = place.subscribers
    assert [impu.config.code for impu in subscriber.impus] == [486, 486]
    assert {impu.config.imei for impu in subscriber.impus} == {"1" * 15, "2" * 15}


@pytest.mark.parametrize(
    ("impu", "changes", "error"),
    [
        ("tel:+499", {"code": 486}, "there is no IMPU 'tel:\\+499'"),
        ("sip:", {"code": 486}, "is no IMPU|there is no IMPU"),
        ("tel:<>", {"code": 486}, "is no IMPU|there is no IMPU"),
        ("tel:+491", {"code": 99}, "code: expected a SIP code"),
        ("tel:+491", {"method": "BYE"}, "method: expected one of"),
        ("tel:+491", {"code": 486, "content": "none"}, "content: 'content_type' is missing"),
        ("tel:+491", {"code": 486, "content": "none", "content_type": "a/b"}, "content: cannot read .*none: No such"),
        ("tel:+491", {"domain": "other"}, "'domain' makes an IMPU another one"),
        ("tel:+491", {"impu": "other"}, "'impu' makes an IMPU another one"),
    ],
)
def test_what_is_refused_changes_nothing(tmp_path: Path, impu: str, changes: dict[str, Any], error: str) -> None:
    place = registry("tel:+491")
    with pytest.raises((ConfigError, OperatorError), match=error):
        control(place, str(tmp_path)).impu_set(impu, changes)
    assert place.only.impus[0].config == ImpuConfig("tel:+491")


def test_unknown_options_are_warned_of() -> None:
    warnings: list[Diagnostic] = []
    control(registry()).impu_set("tel:+491", {"colour": "red"}, warnings)
    assert [str(warning) for warning in warnings] == ["Warning: unused property 'colour'"]


def test_content_is_read_when_it_is_set_and_again_later(tmp_path: Path) -> None:
    place = registry("tel:+491")
    operator = control(place, str(tmp_path))
    (tmp_path / "body.xml").write_bytes(b"<a/>")
    operator.impu_set("tel:+491", {"content": "body.xml", "content_type": "application/xml"})
    assert place.only.impus[0].config.content_data == b""
    operator.impu_set("tel:+491", {"code": 380})
    assert place.only.impus[0].config.content_data == b"<a/>"
    (tmp_path / "body.xml").write_bytes(b"<b/>")
    operator.impu_set("tel:+491", {"transparent": True})
    assert place.only.impus[0].config.content_data == b"<b/>"


def test_content_that_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(OSError, match="no regular file"):
            read_content(str(path))
    with pytest.raises(FileNotFoundError):
        read_content(str(tmp_path / "none"))
