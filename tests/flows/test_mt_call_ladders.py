"""Calls that the server makes itself, as ladders (manual 6.6 and 7: mt_call, reinvite, dialog_stop), and their records.

b is the phone that is called; there is no caller but the server.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from lteims.config import ImpuConfig, Precondition
from lteims.errors import LteimsError, OperatorError
from lteims.ims.control import Control
from lteims.ims.record import MAX_EVENTS, DialogRecord, DialogRecords, DialogType
from lteims.ims.user_control import Happenings
from lteims.media.sdp import Sdp
from lteims.sip.message import Message, Request
from tests.flows.conftest import Notes
from tests.flows.phones import BYE, CALL, DOMAIN, RINGING, Lab, user

LabWith = Callable[..., Lab]
INVITED = """
                INVITE sdp --> b
                100 <-- b
"""
RINGS = f"""
    {INVITED}
                180 <-- b
"""
ANSWERS = """
                200 sdp <-- b
                ACK --> b
"""
CALLED = f"""
    {RINGS}
    {ANSWERS}
"""
HANGS_UP = """
                BYE <-- b
                200 BYE --> b
"""
HUNG_UP = """
                BYE --> b
                200 BYE <-- b
"""
VOICE = "m=audio 0 RTP/AVP 8\na=x-file:{name}\n"
NEEDY = """m=audio 0 RTP/AVP 8
a=curr:qos local none
a=curr:qos remote none
a=des:qos mandatory local sendrecv
a=des:qos none remote sendrecv
"""


def only(lab: Lab) -> str:
    """The session id of the only dialog."""
    return lab.dialog().session_id


def media(lab: Lab, session_id: str = "") -> dict[str, str | int]:
    """The first media of a dialog."""
    return dict(lab.dialog(session_id).medias[0])


def sdp_of(message: Message) -> Sdp:
    return Sdp.parse(message.body)


# --- whom


@pytest.mark.parametrize(
    "whom",
    [
        {"impi": f"2@{DOMAIN}"},
        {"impu": "tel:+49302"},
        {"impu": "2"},
        {"impu": f"sip:2@{DOMAIN}"},
        {"contact": "sip:2@192.0.2.12:5060"},
    ],
)
def test_a_call_of_the_server(lab: Lab, whom: dict[str, str]) -> None:
    session_id = lab.control.mt_call(**whom)  # type: ignore[arg-type]
    lab.play(CALLED)
    invite, (stream,) = lab.b.last("INVITE"), lab.plane.streams
    assert invite.target == "sip:2@192.0.2.12:5060"
    assert named(invite) == f"<sip:ims@{DOMAIN}>"
    assert "p-asserted-identity" not in invite.headers
    assert {"100rel", "timer"} <= set(invite.tokens("supported"))
    assert sdp_of(invite).medias[0].port == stream.port
    assert (stream.remote, stream.out is stream, stream.silence is not None) == (("192.0.2.12", 40000), True, True)
    info = lab.dialog(session_id)
    assert (info.state, info.type, info.from_) == ("start", "mt call", f"sip:ims@{DOMAIN}")
    assert (info.mo_dialog, info.mt_dialog, info.date) == ("", "", 1000)
    lab.play(HANGS_UP)


def test_an_impi_stands_for_its_preferred_impu(lab_with: LabWith) -> None:
    lab = lab_with(users=(user("1"), user("2", "2", ImpuConfig(impu="tel:+49302", preferred=True)), user("3")))
    lab.control.mt_call(impi=f"2@{DOMAIN}")
    lab.play(f"{CALLED}{HANGS_UP}")
    assert (lab.dialog().to, lab.b.last("INVITE").target) == ("tel:+49302", "tel:+49302")


def named(invite: Request) -> str:
    """From, without its tag."""
    return invite.get("from").partition(";tag")[0]


@pytest.mark.parametrize("whom", [f"2@{DOMAIN}", "tel:+49302", "2", "sip:2@192.0.2.12:5060"])
def test_one_word_for_whom(lab: Lab, whom: str) -> None:
    lab.control.call(whom)
    lab.play(f"{CALLED}{HANGS_UP}")


@pytest.mark.parametrize(
    ("whom", "why"),
    [
        ({}, "whom to call"),
        ({"impi": "nobody"}, "no user with IMPI 'nobody'"),
        ({"impu": "tel:+1"}, "no user with IMPU 'tel:.1'"),
        ({"impu": "urn:x"}, "no user with IMPU 'urn:x'"),
        ({"impu": "sip:a b@c"}, "is no IMPU"),
        ({"contact": "sip:2@192.0.2.99"}, "no registered contact 'sip:2@192.0.2.99'"),
        ({"impi": f"3@{DOMAIN}"}, f"3@{DOMAIN} has no registration"),
        ({"impi": f"2@{DOMAIN}", "sos": True}, f"2@{DOMAIN} has no emergency registration"),
        ({"contact": "sip:2@192.0.2.12:5060", "sos": True}, "no registered contact"),
        ({"impu": "2", "sip_file": "missing.sdp"}, "missing.sdp: No such file"),
        ({"impu": "2", "caller": "sip:a b@c"}, "is no IMPU"),
    ],
)
def test_who_cannot_be_called(lab: Lab, whom: dict[str, str], why: str) -> None:
    with pytest.raises(OperatorError, match=why):
        lab.control.mt_call(**whom)  # type: ignore[arg-type]
    assert not lab.control.dialogs()
    assert not lab.plane.streams


def test_only_an_emergency_registration(lab: Lab) -> None:
    c = lab.beside("c", "2", "192.0.2.13")
    lab.subscribers.by_impi(f"2@{DOMAIN}").bindings[-1].sos = True  # type: ignore[union-attr]
    lab.control.mt_call(impi=f"2@{DOMAIN}", sos=True)
    lab.play("""
                INVITE sdp --> c
                486 <-- c
                ACK --> c
    """)
    lab.control.mt_call(impi=f"2@{DOMAIN}")
    assert not [m for m in c.inbox if isinstance(m, Request) and m.method == "BYE"]
    lab.play(f"{CALLED}{HANGS_UP}")


# --- who calls


def test_a_caller_of_the_database(lab_with: LabWith) -> None:
    caller = ImpuConfig(impu="tel:+49301", display_name="Line one")
    lab = lab_with(users=(user("1", "1", caller), user("2")), p_called_party_id=True)
    lab.control.mt_call(impu="tel:+49302", caller="tel:+49301")
    lab.play(f"{CALLED}{HANGS_UP}")
    invite = lab.b.last("INVITE")
    assert named(invite) == '"Line one" <tel:+49301>'
    assert ", ".join(invite.values("p-asserted-identity")) == f'"Line one" <tel:+49301>, <sip:1@{DOMAIN}>'
    assert invite.get("p-called-party-id") == "<tel:+49302>"
    assert invite.contacts[0].uri.user == "+49301"


def test_a_caller_that_nobody_knows(lab: Lab) -> None:
    lab.control.mt_call(impu="tel:+49302", caller="tel:+33123")
    lab.play(f"{CALLED}{HANGS_UP}")
    invite = lab.b.last("INVITE")
    assert (named(invite), invite.contacts[0].uri.user) == ("<tel:+33123>", "+33123")
    assert "p-asserted-identity" not in invite.headers


# --- with what


def test_which_file(lab_with: LabWith, tmp_path: Path) -> None:
    """That of the command, else the user's, else the global one."""
    for name in ("given", "own", "all"):
        (tmp_path / f"{name}.sdp").write_text(VOICE.format(name=name))
    users = (user("1"), user("2"), user("3", mt_call_sdp_file=str(tmp_path / "own.sdp")))
    lab = lab_with(users=users, mt_call_sdp_file=str(tmp_path / "all.sdp"), folder=str(tmp_path))
    c = lab.phone("c", "3", "192.0.2.13")
    for phone, sip_file, name in ((lab.b, "", "all"), (c, "", "own"), (c, "given.sdp", "given")):
        lab.control.mt_call(impu=phone.number, sip_file=sip_file)
        lab.play(f"""
                INVITE sdp --> {phone.name}
                486 <-- {phone.name}
                ACK --> {phone.name}
        """)
        assert f"a=x-file:{name}".encode() in phone.last("INVITE").body


def test_audio_and_video(lab_with: LabWith) -> None:
    lab = lab_with(mt_call_sdp_file=str(Path(__file__).parents[2] / "config" / "mt_call_video.sdp"))
    lab.b.medias = ["audio {port} RTP/AVP 104\na=rtpmap:104 AMR-WB/16000/1",
                    "video {port} RTP/AVPF 114\na=rtpmap:114 H264/90000"]  # fmt: skip
    lab.control.mt_call(impu="2")
    lab.play(CALLED)
    assert [m["type"] for m in lab.dialog().medias] == ["audio", "video"]
    assert [(s.kind, s.remote) for s in lab.plane.streams] == [
        ("audio", ("192.0.2.12", 40000)), ("video", ("192.0.2.12", 40002)),
    ]  # fmt: skip
    lab.play(HANGS_UP)


def test_video_is_declined(lab_with: LabWith) -> None:
    lab = lab_with(mt_call_sdp_file=str(Path(__file__).parents[2] / "config" / "mt_call_video.sdp"))
    lab.b.medias = ["audio {port} RTP/AVP 104\na=rtpmap:104 AMR-WB/16000/1", "video 0 RTP/AVPF 114"]
    lab.control.mt_call(impu="2")
    lab.play(CALLED)
    assert [m["type"] for m in lab.dialog().medias] == ["audio"]
    lab.play(HANGS_UP)


# --- the ways that it ends


def test_the_phone_is_busy(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(f"""
        {INVITED}
                486 <-- b
                ACK --> b
    """)
    assert lab.dialog().state == "stop"


def test_nobody_answers(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(f"""
        {RINGS}
        180.1 s
                CANCEL --> b
                200 CANCEL <-- b
                487 <-- b
                ACK --> b
    """)


def test_the_phone_is_gone(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play("""
        31.9 s
        7 x     INVITE sdp --x b
        0.2 s
    """)
    assert lab.dialog().state == "stop"


def test_an_answer_of_no_use(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(RINGS)
    lab.b.bend = lambda message: setattr(message, "body", b"nonsense")
    lab.play("""
                200 sdp <-- b
                ACK --> b
                BYE --> b
                200 BYE <-- b
    """)


def test_an_answer_without_sdp(lab: Lab) -> None:
    """RFC 3261 13.2.1: the 2xx has to have one."""
    lab.control.mt_call(impu="2")
    lab.play(f"""
        {RINGS}
                200 <-- b
                ACK --> b
                BYE --> b
                200 BYE <-- b
    """)


def test_no_port_is_free(lab: Lab) -> None:
    lab.plane.fail = LteimsError("none left")
    with pytest.raises(OperatorError, match=r"could not be made: .*none left"):
        lab.control.mt_call(impu="2")
    assert not list(lab.calls)


def test_its_duration_is_over(lab: Lab) -> None:
    """It counts from the answer: ringing takes as long as it takes."""
    lab.control.mt_call(impu="2", duration=10)
    lab.play(f"""
        {RINGS}
        60 s
        {ANSWERS}
        9.9 s
        0.2 s
        {HUNG_UP}
    """)
    assert round(lab.dialog().duration, 1) == 10.0


def test_the_phone_hangs_up_before_its_duration_is_over(lab: Lab) -> None:
    lab.control.mt_call(impu="2", duration=10)
    lab.play(f"""
        {CALLED}
        {HANGS_UP}
        20 s
    """)


def test_the_phone_hangs_up_while_it_rings(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(f"""
        {RINGS}
                BYE <-- b
                200 BYE --> b
                CANCEL --> b
                200 CANCEL <-- b
                487 <-- b
                ACK --> b
    """)


# --- dialog_stop in every state


def test_stop_before_anything_came(lab: Lab) -> None:
    lab.control.dialog_stop(lab.control.mt_call(impu="2"))
    lab.play("""
                INVITE sdp --> b
                100 <-- b
                CANCEL --> b
                200 CANCEL <-- b
                487 <-- b
                ACK --> b
    """)
    with pytest.raises(OperatorError, match="is over"):
        lab.control.dialog_stop(only(lab))


def test_stop_while_it_rings(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(RINGS)
    lab.control.dialog_stop(session_id)
    lab.play("""
                CANCEL --> b
                200 CANCEL <-- b
                487 <-- b
                ACK --> b
    """)
    assert lab.dialog().state == "stop"


def test_stop_crosses_the_answer(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(RINGS)
    lab.control.dialog_stop(session_id)
    lab.play("""
                CANCEL --> b
                200 CANCEL <-- b
                200 sdp <-- b
                ACK --> b
                BYE --> b
                200 BYE <-- b
    """)


def test_stop_twice_and_the_answer_comes_all_the_same(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(RINGS)
    lab.control.dialog_stop(session_id)
    lab.control.dialog_stop(session_id)
    lab.play("""
                CANCEL --> b
                200 CANCEL <-- b
                200 sdp <-- b
                ACK --> b
                BYE --> b
                200 BYE <-- b
    """)


def test_stop_of_an_answered_call(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(CALLED)
    lab.control.dialog_stop(session_id)
    lab.play(HUNG_UP)


def test_stop_while_the_phone_holds(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(f"""
        {CALLED}
                INVITE hold <-- b
                100 --> b
                200 sdp --> b
                ACK <-- b
    """)
    assert lab.dialog().state == "hold"
    lab.control.dialog_stop(session_id)
    lab.play(HUNG_UP)


def test_stop_in_a_reinvite_of_the_server(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(CALLED)
    lab.control.reinvite(session_id)
    lab.play("""
                INVITE sdp --> b
                100 <-- b
    """)
    lab.control.dialog_stop(session_id)
    lab.play("""
                CANCEL --> b
                BYE --> b
                200 BYE <-- b
                200 CANCEL <-- b
                487 <-- b
                ACK --> b
    """)


def test_stop_while_the_200_to_a_reinvite_waits_for_its_ack(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(f"""
        {CALLED}
                INVITE hold <-- b
                100 --> b
                200 sdp --> b
    """)
    lab.control.dialog_stop(session_id)
    lab.play(f"""
        {HUNG_UP}
                ACK <-- b
    """)


@pytest.mark.parametrize("of", ["mo", "mt"])
def test_stop_of_a_call_between_phones(lab: Lab, of: str) -> None:
    lab.play(CALL)
    mo, mt = lab.control.dialogs()
    lab.control.dialog_stop(mo.session_id if of == "mo" else mt.session_id)
    lab.play("""
        a <-- BYE
                BYE --> b
        a --> 200 BYE
                200 BYE <-- b
    """)


def test_stop_of_a_call_between_phones_that_rings(lab: Lab) -> None:
    lab.play(RINGING)
    lab.control.dialog_stop(lab.control.dialogs()[1].session_id)
    lab.play("""
        a <-- 480
                CANCEL --> b
        a --> ACK
                200 CANCEL <-- b
                487 <-- b
                ACK --> b
    """)


def test_the_server_stops(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(CALLED)
    lab.calls.close()
    lab.play(HUNG_UP)


# --- several contacts


def test_all_contacts_ring_and_one_answers(lab: Lab) -> None:
    lab.beside("c", "2", "192.0.2.13")
    session_id = lab.control.mt_call(impu="2")
    lab.play("""
                INVITE sdp --> b
                INVITE sdp --> c
                180 <-- b
                180 <-- c
                200 sdp <-- b
                ACK --> b
                CANCEL --> c
                200 CANCEL <-- c
                487 <-- c
                ACK --> c
    """)
    states = {info.session_id: info.state for info in lab.control.dialogs()}
    assert sorted(states.values()) == ["start", "stop"]
    assert len(lab.plane.streams) == 1
    lab.control.dialog_stop(session_id)
    lab.play(HUNG_UP)


def test_the_best_contact_first(lab: Lab) -> None:
    lab.beside("c", "2", "192.0.2.13", q=0.5)
    lab.control.mt_call(impu="2")
    lab.play("""
                INVITE sdp --> b
                486 <-- b
                ACK --> b
                INVITE sdp --> c
                200 sdp <-- c
                ACK --> c
                BYE <-- c
                200 BYE --> c
    """)


def test_more_contacts_than_are_called(lab: Lab) -> None:
    subscriber = lab.subscribers.by_impi(f"2@{DOMAIN}")
    assert subscriber is not None
    names = [f"p{n}" for n in range(40)]
    for n, name in enumerate(names):
        lab.beside(name, "2", f"192.0.2.{100 + n}", q=0.9)
    subscriber.bindings.pop(0)
    session_id = lab.control.mt_call(impu="2")
    called = [name for name, _, _ in lab.left]
    assert len(called) == 32
    lab.play("...")
    lab.control.dialog_stop(session_id)
    lab.play("\n".join(f"100 <-- {name}\nCANCEL --> {name}\n487 <-- {name}\nACK --> {name}" for name in called))
    lab.clock.advance(40.0)
    lab.play("...")


def test_nobody_of_several_wants_it(lab: Lab) -> None:
    lab.beside("c", "2", "192.0.2.13")
    lab.control.mt_call(impu="2")
    lab.play("""
                INVITE sdp --> b
                INVITE sdp --> c
                486 <-- b
                ACK --> b
                480 <-- c
                ACK --> c
    """)
    assert [info.state for info in lab.control.dialogs()] == ["stop", "stop"]


# --- reliable answers and preconditions


def test_a_phone_with_100rel(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(f"""
        {INVITED}
                183 rel sdp <-- b
                PRACK --> b
                200 PRACK <-- b
    """)
    assert lab.plane.streams[0].remote == ("192.0.2.12", 40000)
    assert lab.dialog().state == "ringing"
    lab.play(f"""
                180 <-- b
                200 <-- b
                ACK --> b
        {HANGS_UP}
    """)


def test_100rel_switched_off(lab_with: LabWith) -> None:
    lab = lab_with(users=(user("1"), user("2", ImpuConfig(impu="2", rel100=False)), user("3")))
    lab.control.mt_call(impu="2")
    lab.play(f"{CALLED}{HANGS_UP}")
    assert "100rel" not in lab.b.last("INVITE").get("supported")


@pytest.fixture
def needy(lab_with: LabWith, tmp_path: Path) -> Lab:
    """A lab whose server offers preconditions."""
    (tmp_path / "needy.sdp").write_text(NEEDY)
    return lab_with(mt_call_sdp_file=str(tmp_path / "needy.sdp"))


def test_preconditions(needy: Lab) -> None:
    """MT: INVITE, 183, PRACK, UPDATE, 180, 200."""
    lab = needy
    lab.control.mt_call(impu="2")
    lab.play(f"""
        {INVITED}
                183 pre <-- b
                PRACK --> b
                200 PRACK <-- b
                UPDATE sdp --> b
    """)
    first, then = lab.b.last("INVITE"), lab.b.last("UPDATE")
    assert {"precondition", "100rel"} <= set(first.tokens("supported"))
    assert b"a=curr:qos local none\r\na=curr:qos remote none" in first.body
    assert first.body.count(b"a=curr:qos local") == 1
    assert b"a=curr:qos local sendrecv" in then.body
    lab.play("""
                200 UPDATE ready <-- b
                180 <-- b
                200 <-- b
                ACK --> b
    """)
    assert media(lab)["qos"] == "erab_set"
    heard = [event.message for event in lab.dialog().event_list if event.type == "recv"]
    assert heard == ["183 INVITE", "200 PRACK", "200 UPDATE", "180 INVITE", "200 INVITE"]
    lab.play(HANGS_UP)


def test_preconditions_with_a_phone_that_registered_for_volte(lab: Lab) -> None:
    """They are offered to such a phone, whatever the file says."""
    lab.subscribers.by_impi(f"2@{DOMAIN}").bindings[0].volte = True  # type: ignore[union-attr]
    lab.control.mt_call(impu="2")
    lab.play(f"""
        {INVITED}
                183 pre <-- b
                PRACK --> b
                200 PRACK <-- b
                UPDATE sdp --> b
                200 UPDATE ready <-- b
                180 rel <-- b
                PRACK --> b
                200 PRACK <-- b
                200 <-- b
                ACK --> b
        {HANGS_UP}
    """)
    assert b"a=des:qos mandatory local sendrecv" in lab.b.last("INVITE").body


def test_a_phone_that_has_no_preconditions(needy: Lab) -> None:
    needy.control.mt_call(impu="2")
    needy.play(CALLED)
    assert media(needy)["qos"] == "disabled"
    needy.play(HANGS_UP)


def test_preconditions_off_send_the_file_as_it_is(lab_with: LabWith, tmp_path: Path) -> None:
    (tmp_path / "needy.sdp").write_text(NEEDY)
    lab = lab_with(mt_call_sdp_file=str(tmp_path / "needy.sdp"), precondition=Precondition.OFF)
    lab.control.mt_call(impu="2")
    lab.play(f"{CALLED}{HANGS_UP}")
    invite = lab.b.last("INVITE")
    assert b"a=curr:qos local none" in invite.body
    assert "precondition" not in invite.tokens("supported")


def test_a_prack_without_answer_ends_it(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(f"""
        {INVITED}
                183 rel sdp <-- b
        31.9 s
        11 x    PRACK --x b
        5 s
    """)
    lab.control.dialog_stop(only(lab))
    lab.play("""
                CANCEL --> b
                200 CANCEL <-- b
                487 <-- b
                ACK --> b
    """)


# --- inside the call


def test_the_phone_holds_and_resumes(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(f"""
        {CALLED}
                INVITE hold <-- b
                100 --> b
                200 sdp --> b
                ACK <-- b
    """)
    assert (lab.dialog().state, media(lab)["dir"]) == ("hold", "recvonly")
    assert (lab.plane.streams[0].sends, lab.plane.streams[0].receives) == (False, True)
    lab.b.media_port = 42000
    lab.play("""
                UPDATE resume <-- b
                200 UPDATE sdp --> b
    """)
    assert (lab.dialog().state, media(lab)["dir"]) == ("start", "sendrecv")
    assert lab.plane.streams[0].remote == ("192.0.2.12", 42000)
    lab.play(HANGS_UP)


def test_the_phone_adds_video_and_takes_it_away(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(CALLED)
    voice = lab.b.medias[0]
    for medias, kinds in ([voice, "video {port} RTP/AVP 99\na=rtpmap:99 H264/90000"], ["audio", "video"]), (
        [voice, "video 0 RTP/AVP 99"], ["audio"],
    ):  # fmt: skip
        lab.b.medias = medias
        lab.play("""
                INVITE sdp <-- b
                100 --> b
                200 sdp --> b
                ACK <-- b
        """)
        assert [m["type"] for m in lab.dialog().medias] == kinds
        assert all(s.silence is not None or s.kind == "video" for s in lab.plane.streams)
    lab.play(HANGS_UP)


def test_the_phone_asks_for_an_offer(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(f"""
        {CALLED}
                INVITE <-- b
                100 --> b
                200 sdp --> b
    """)
    lab.b.media_port = 43000
    lab.play(f"""
                ACK sdp <-- b
        {HANGS_UP}
    """)
    assert lab.b.last("200 sdp").body


def test_an_offer_of_no_use(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(CALLED)
    lab.b.medias = ["image {port} udptl t38"]
    lab.play(f"""
                INVITE sdp <-- b
                100 --> b
                488 --> b
                ACK <-- b
        {HANGS_UP}
    """)


@pytest.mark.parametrize("method", ["INFO", "MESSAGE", "OPTIONS", "UPDATE"])
def test_other_requests_of_the_phone(lab: Lab, method: str) -> None:
    lab.control.mt_call(impu="2")
    lab.play(f"""
        {CALLED}
                {method} <-- b
                200 {method} --> b
        {HANGS_UP}
    """)


def test_a_reinvite_of_the_server(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(CALLED)
    first = lab.b.last("INVITE")
    lab.control.reinvite(session_id)
    lab.b.media_port = 41000
    lab.play("""
                INVITE sdp --> b
                100 <-- b
                200 sdp <-- b
                ACK --> b
    """)
    again = lab.b.last("INVITE")
    assert (again.to.tag, again.cseq.number, again.body) == (lab.b.tag, first.cseq.number + 1, first.body)
    assert lab.plane.streams[0].remote == ("192.0.2.12", 41000)
    lab.play(HANGS_UP)


def test_the_phone_holds_in_its_answer(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(CALLED)
    lab.control.reinvite(session_id)
    lab.b.direction = "inactive"
    lab.play("""
                INVITE sdp --> b
                200 sdp <-- b
                ACK --> b
    """)
    assert (lab.dialog().state, media(lab)["dir"]) == ("hold", "inactive")
    lab.play(HANGS_UP)


def test_a_reinvite_before_the_answer(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(RINGS)
    with pytest.raises(OperatorError, match="has not been answered"):
        lab.control.reinvite(session_id)
    lab.play(f"{ANSWERS}{HANGS_UP}")
    with pytest.raises(OperatorError, match="is over"):
        lab.control.reinvite(session_id)


def test_a_reinvite_behind_one_of_the_phone(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(f"""
        {CALLED}
                INVITE sdp <-- b
                100 --> b
                200 sdp --> b
    """)
    with pytest.raises(OperatorError, match="is busy"):
        lab.control.reinvite(session_id)
    lab.play(f"""
                ACK <-- b
        {HANGS_UP}
    """)


def test_glare(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="2")
    lab.play(CALLED)
    lab.control.reinvite(session_id)
    lab.play("""
                INVITE sdp --> b
                INVITE sdp <-- b
                491 --> b
                ACK <-- b
    """)
    lab.play(f"""
                200 sdp <-- b
                ACK --> b
        {HANGS_UP}
    """)


@pytest.mark.parametrize("leg", [0, 1])
def test_a_reinvite_of_either_leg_of_a_call_between_phones(lab: Lab, leg: int) -> None:
    lab.play(CALL)
    before = [stream.remote for stream in lab.plane.streams]
    lab.control.reinvite(lab.control.dialogs()[leg].session_id)
    lab.play(
        """
        a <-- INVITE sdp
        a --> 200 sdp
        a <-- ACK
        """
        if leg == 0
        else """
                INVITE sdp --> b
                200 sdp <-- b
                ACK --> b
        """
    )
    assert [stream.remote for stream in lab.plane.streams] == before
    assert [info.state for info in lab.control.dialogs()] == ["start", "start"]
    lab.play(BYE)


def test_the_session_is_refreshed(lab_with: LabWith) -> None:
    lab = lab_with(session_expires=90)
    lab.control.mt_call(impu="2")

    def agrees(message: Message) -> None:
        message.set("session-expires", "90;refresher=uac")
        message.set("allow", "UPDATE")

    lab.play(RINGS)
    lab.b.bend = agrees
    lab.play(f"""
        {ANSWERS}
        45.1 s
                UPDATE --> b
                200 UPDATE <-- b
        {HANGS_UP}
    """)


# --- records


def test_the_record_of_a_server_made_call(lab: Lab) -> None:
    session_id = lab.control.mt_call(impu="tel:+49302")
    assert (lab.dialog().state, lab.dialog().to) == ("init", "tel:+49302")
    lab.play(RINGS)
    lab.clock.advance(2.0)
    lab.play(ANSWERS)
    assert [(e.type, e.message, str(e.state), round(e.timestamp)) for e in lab.dialog().event_list] == [
        ("send", "INVITE", "init", 0), ("recv", "180 INVITE", "init", 0), ("state", "", "ringing", 0),
        ("recv", "200 INVITE", "ringing", 2), ("state", "", "start", 2), ("send", "ACK", "start", 2),
    ]  # fmt: skip
    lab.plane.streams[0].hear()
    assert (media(lab)["rtp_recv_count"], media(lab)["qos"], media(lab)["dir"]) == (1, "disabled", "sendrecv")
    lab.clock.advance(3.0)
    lab.play(HANGS_UP)
    info = lab.dialog(session_id)
    assert (info.state, info.duration, info.medias[0]["rtp_recv_count"]) == ("stop", 3.0, 1)
    assert [(e.type, e.message) for e in info.event_list[-2:]] == [("recv", "BYE"), ("state", "")]
    assert not lab.plane.streams
    lab.clock.advance(29.9)
    assert lab.dialog() == info
    lab.clock.advance(0.2)
    assert lab.control.dialogs(session_id) == []


def test_the_records_of_a_call_between_phones(lab: Lab) -> None:
    lab.play(RINGING)
    assert [info.state for info in lab.control.dialogs()] == ["ringing", "ringing"]
    lab.play("""
                200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                ACK --> b
    """)
    mo, mt = lab.control.dialogs()
    assert (mo.type, mt.type, mo.from_, mo.to) == ("server", "server", lab.a.uri, "tel:+49302")
    assert (mo.mt_dialog, mo.mo_dialog, mt.mo_dialog, mt.mt_dialog) == (mt.session_id, "", mo.session_id, "")
    lab.play("""
        a --> INVITE hold
        a <-- 100
                INVITE sdp --> b
    """)
    lab.b.direction = "recvonly"
    lab.play("""
                200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                ACK --> b
    """)
    mo, mt = lab.control.dialogs()
    assert [(i.state, i.medias[0]["dir"]) for i in (mo, mt)] == [("hold", "recvonly"), ("hold", "sendonly")]
    for earlier, later in pairwise(mo.event_list):
        assert earlier.timestamp <= later.timestamp
    lab.play(BYE)
    assert [str(e.state) for e in lab.control.dialogs()[0].event_list if e.type == "state"] == [
        "ringing", "start", "hold", "stop",
    ]  # fmt: skip


def test_the_records_of_contacts_that_did_not_answer(lab: Lab) -> None:
    """The caller has an early dialog with each; one is left."""
    lab.beside("c", "2", "192.0.2.13")
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                INVITE sdp --> b
                INVITE sdp --> c
                180 <-- c
        a <-- 180
                180 <-- b
        a <-- 180
    """)
    assert [info.state for info in lab.control.dialogs()] == ["ringing"] * 4
    lab.play("""
                200 sdp <-- b
        ...
        a --> ACK
                ACK --> b
                200 CANCEL <-- c
                487 <-- c
                ACK --> c
    """)
    found = {(i.state, bool(i.mt_dialog)) for i in lab.control.dialogs()}
    assert sorted(i.state for i in lab.control.dialogs()) == ["start", "start", "stop", "stop"]
    assert found == {("start", True), ("start", False), ("stop", True), ("stop", False)}
    lab.play(BYE)


def test_a_phone_that_sends_for_ever_fills_no_memory(lab: Lab) -> None:
    lab.control.mt_call(impu="2")
    lab.play(CALLED)
    for _ in range(300):
        lab.play("""
                INFO <-- b
                200 INFO --> b
        """)
    assert len(lab.dialog().event_list) == MAX_EVENTS
    lab.play(HANGS_UP)
    assert lab.dialog().state == "stop"


def test_the_number_of_records_is_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lteims.ims.record.MAX_ENDED", 3)
    records = DialogRecords(lab.wheel)
    for n in range(5):
        record = DialogRecord("same", DialogType.ECHO, "a", "b", lab.clock.time, 0)
        records.add(record)
        assert record.id == ("same" if n == 0 else f"same-{n + 1}")
        if n:
            records.end(record)
    assert [record.id for record in records] == ["same", "same-3", "same-4", "same-5"]
    lab.clock.advance(31.0)
    assert [record.id for record in records] == ["same"]


def test_users_names_the_dialogs_of_each_phone(lab: Lab, notes: Notes) -> None:
    operator = Control(lab.subscribers, lab.calls, lab.clock.time, lambda: None, lab.locator)
    session_id = lab.control.mt_call(impu="2", caller="tel:+49301")
    lab.play(CALLED)
    (dialog,) = [d for u in operator.users() for b in u.bindings for d in b.dialogs]
    assert (dialog.session_id, dialog.state, dialog.remote) == (session_id, "start", f"1@{DOMAIN}")
    lab.play(HANGS_UP)
    assert not [d for u in operator.users() for b in u.bindings for d in b.dialogs]
    lab.play(CALL)
    mo, mt = lab.control.dialogs()[1:]
    found = [(u.impi, d) for u in operator.users() for b in u.bindings for d in b.dialogs]
    assert [(impi, d.session_id, d.remote) for impi, d in found] == [
        (f"1@{DOMAIN}", mo.session_id, f"2@{DOMAIN}"), (f"2@{DOMAIN}", mt.session_id, f"1@{DOMAIN}"),
    ]  # fmt: skip
    lab.play(BYE)
    assert "call from the server (tel:+49301) to" in notes.text


def test_media_has_the_id_of_its_dialog_in_the_log(lab: Lab) -> None:
    """Manual 8.3; so one call's lines of SIP and MEDIA belong together, the two legs' of a call between phones too."""
    lab.play(CALL)
    ids = {record.mt_dialog != "": record.id for record in lab.calls.records}
    assert [stream.id for stream in lab.plane.streams] == [ids[True], ids[False]]
    lab.play(BYE)
    lab.clock.advance(31)
    lab.control.mt_call(impu="tel:+49302")
    lab.play(CALLED)
    assert [stream.id for stream in lab.plane.streams] == [only(lab)]
    lab.play(HANGS_UP)


def test_the_number_of_a_dialog_stays_the_same(lab: Lab) -> None:
    """What an operator has read in a list is not another dialog when it is typed; a number that is free is used."""
    lab.play(f"{CALL}{BYE}")
    lab.clock.advance(20)
    lab.control.mt_call(impu="tel:+49302")
    lab.play(CALLED)
    assert [dialog.number for dialog in lab.control.dialogs()] == [1, 2, 3]
    lab.clock.advance(11)
    assert [dialog.number for dialog in lab.control.dialogs()] == [3]
    lab.control.mt_call(impu="tel:+49302")
    assert sorted(dialog.number for dialog in lab.control.dialogs()) == [1, 3]
    lab.play(f"{CALLED}{HANGS_UP}")
    lab.control.dialog_stop(next(dialog.session_id for dialog in lab.control.dialogs() if dialog.number == 3))
    lab.play(HUNG_UP)


def test_a_call_of_the_server_whose_phone_sends_nothing_ends(lab_with: LabWith) -> None:
    lab = lab_with(dialog_timeout=30)
    lab.control.mt_call(impu="2")
    lab.play(CALLED)
    lab.clock.advance(20)
    lab.plane.streams[0].hear()
    lab.play(f"""
        29 s
        within 3 s
        {HUNG_UP}
    """)


# -- the event users_update
def test_users_hear_of_every_state_of_their_calls(lab: Lab) -> None:
    happenings = Happenings(lab.subscribers, lab.calls, lab.gateway)
    told: list[str] = []
    happenings.on_user(told.append)
    seen: list[set[str]] = []

    def play(ladder: str) -> None:
        told.clear()
        lab.play(ladder)
        seen.append({impi.partition("@")[0] for impi in told})

    play(RINGING)
    play("""
                200 sdp <-- b
    a <-- 200 sdp
    a --> ACK
                ACK --> b
    """)
    play(BYE)
    assert seen == [{"1", "2"}] * 3
    told.clear()
    lab.control.mt_call(impu="2")
    assert {impi.partition("@")[0] for impi in told} == {"2"}
    lab.play(f"{CALLED}{HANGS_UP}")
