"""Text between softphones and phones as ladders: what is made of a MESSAGE (RFC 3428), and what of a short message.

a is a phone with SMS over IP, s a softphone of the other user. sms.py has their words.
"""

import pytest

from lteims import counters
from lteims.ims.sms_control import SmsControl
from lteims.ims.sms_hook import SmsEvent
from lteims.sip.message import Request, Response
from lteims.sms import text
from lteims.sms.address import Address
from lteims.sms.udh import Ports
from tests.flows.phones import DOMAIN, Lab, Phone, user
from tests.flows.sms import (
    LONG,
    LabWith,
    accepted,
    content,
    deliver,
    leave,
    next_for,
    receive,
    send,
    sms_lab,
    sms_phone,
    submit,
    take,
    write,
)  # fmt: skip

EMOJI = "Grüße 👩‍👩‍👧 und 🎉, " * 12


@pytest.fixture
def lab(lab_with: LabWith) -> Lab:
    return sms_lab(lab_with)


@pytest.fixture
def s(lab: Lab) -> Phone:
    """The second user's softphone, in place of phone b."""
    phone = sms_phone(lab, "s", "2", "192.0.2.22", sms=False)
    phone.fresh()
    return phone


def settled(lab: Lab) -> None:
    assert not lab.left
    assert lab.gateway.load() == 0
    assert not lab.gateway._delivery._lines


def read(lab: Lab, phone: Phone, within: float = 1.0) -> str:
    """The text of the next MESSAGE to a softphone."""
    message = take(lab, phone, within=within)
    assert message.get("content-type") == "text/plain;charset=UTF-8"
    return message.body.decode()


# --- from a softphone to a phone


def test_from_a_softphone_to_a_phone(lab: Lab, s: Phone) -> None:
    write(lab, s, "Hello a", to="tel:+49301")
    message = receive(lab, lab.a)
    assert content(message) == "Hello a"
    assert deliver(message).tp_oa == Address.number("+49302")
    settled(lab)


@pytest.mark.parametrize(
    ("words", "parts", "dcs"),
    [
        ("", 1, 0), ("x" * 160, 1, 0), ("x" * 161, 2, 0), (LONG, 3, 0), ("€" * 80, 1, 0), ("€" * 81, 2, 0),
        ("日" * 70, 1, 8), ("日" * 71, 2, 8), ("日本" * 100, 3, 8), (EMOJI, 5, 8), ("🎉" * 35, 1, 8),
    ],
)  # fmt: skip
def test_a_text_in_as_many_parts_as_it_needs(lab: Lab, s: Phone, words: str, parts: int, dcs: int) -> None:
    write(lab, s, words, to="tel:+49301")
    got = [deliver(receive(lab, lab.a)) for _ in range(parts)]
    assert text.join([part.user_data for part in got]).text == words
    assert {part.tp_dcs.octet for part in got} == {dcs}
    if parts > 1:
        assert all("\ufffd" not in str(part.user_data.text) for part in got)  # no character is cut in two
    settled(lab)


def test_two_long_texts_have_two_references(lab: Lab, s: Phone) -> None:
    references = []
    for _ in range(2):
        write(lab, s, LONG, to="tel:+49301")
        for _ in range(3):
            header = deliver(receive(lab, lab.a)).user_data.header
            assert header is not None
            assert header.concatenation is not None
            references.append(header.concatenation.reference)
    assert len(set(references)) == 2


def test_a_text_that_is_too_long(lab: Lab, s: Phone) -> None:
    write(lab, s, "日" * 67 * 256, to="tel:+49301", code=413)
    settled(lab)


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("text/plain", b"\xff\xfe", 415),
        ("text/plain;charset=utf-8", b"gr\xc3\xbcn", 202),
        ('text/plain; charset="UTF-8"; format=flowed', b"gr\xc3\xbcn", 202),
        ("text/plain;charset=ISO-8859-1", b"gr\xfcn", 202),
        ("text/plain;charset=shift_jis", b"gr\xfcn", 415),
    ],
)
def test_charsets(lab: Lab, s: Phone, kind: str, body: bytes, code: int) -> None:
    def bend(message: Request | Response) -> None:
        message.set("content-type", kind)
        message.body = body

    s.target, s.bend = "tel:+49301", bend
    send(lab, s, code)
    if code == 202:
        assert content(receive(lab, lab.a)) == "grün"
    settled(lab)


def test_the_sender_is_the_number_of_the_softphone_whatever_it_says(lab: Lab, s: Phone) -> None:
    for identity, expected in (("<tel:+49302>", "+49302"), (f"<sip:2@{DOMAIN}>", "+49302")):
        write(lab, s, "Hi", to="tel:+49301", p_preferred_identity=identity)
        assert str(deliver(receive(lab, lab.a)).tp_oa) == expected


def test_a_sender_without_a_number_is_shown_as_text(lab_with: LabWith) -> None:
    lab = sms_lab(lab_with, users=(user("1"), user("2"), user("3", "sip:Jean-Pierre.Dupont")))
    c = sms_phone(lab, "c", "3", "192.0.2.13", sms=False)
    c.number = "Jean-Pierre.Dupont"
    write(lab, c, "Bonjour", to="tel:+49301")
    assert deliver(receive(lab, lab.a)).tp_oa == Address.alphanumeric("JeanPierreD")


def test_a_sender_that_hides(lab: Lab, s: Phone) -> None:
    write(lab, s, "Guess who", to="tel:+49301", privacy="id")
    assert deliver(receive(lab, lab.a)).tp_oa == Address.alphanumeric("anonymous")


def test_the_number_of_the_impu_that_is_claimed(lab_with: LabWith) -> None:
    lab = sms_lab(lab_with, users=(user("1"), user("2", "2", "tel:+49302", "tel:+49320")))
    c = sms_phone(lab, "c", "2", "192.0.2.13", sms=False)
    write(lab, c, "Hi", to="tel:+49301", p_preferred_identity="<tel:+49320>")
    assert str(deliver(receive(lab, lab.a)).tp_oa) == "+49320"


# --- to somebody who is not there


def test_to_an_unregistered_user(lab: Lab, s: Phone) -> None:
    leave(lab, lab.a)
    write(lab, s, "Later", to="tel:+49301")
    lab.play("100 s")
    lab.bind(lab.a, sms_over_ip=True)
    assert content(receive(lab, lab.a)) == "Later"
    settled(lab)


def test_to_an_unregistered_softphone(lab: Lab, s: Phone) -> None:
    """It comes back as the text that it was, in one MESSAGE."""
    leave(lab, s)
    c = sms_phone(lab, "c", "3", "192.0.2.13", sms=False)
    for words in (LONG, EMOJI):
        write(lab, c, words)
        lab.bind(s)
        assert read(lab, s) == words
        settled(lab)
        leave(lab, s)


def test_a_text_has_a_time_to_live(lab: Lab, s: Phone) -> None:
    leave(lab, lab.a)
    write(lab, s, "Soon", to="tel:+49301", expires="60")
    lab.play("59 s")
    assert lab.gateway.load() == 1
    lab.play("7 s")
    settled(lab)


def test_a_text_for_now_or_never(lab: Lab, s: Phone) -> None:
    leave(lab, lab.a)
    write(lab, s, "Now", to="tel:+49301", expires="0")
    lab.play("1 s")
    settled(lab)
    lab.bind(lab.a, sms_over_ip=True)
    write(lab, s, "Now", to="tel:+49301", expires="0")
    assert content(receive(lab, lab.a)) == "Now"


def test_text_for_nobody(lab: Lab, s: Phone) -> None:
    write(lab, s, "Hi", to="tel:+49309", code=404)


def test_other_content_for_somebody_who_is_not_there(lab: Lab, s: Phone) -> None:
    leave(lab, lab.a)
    write(lab, s, "<x/>", to="tel:+49301", code=480, content_type="application/im-iscomposing+xml")
    settled(lab)


# --- between softphones


def test_between_softphones_it_is_relayed_as_it_is(lab: Lab, s: Phone) -> None:
    c = sms_phone(lab, "c", "3", "192.0.2.13", sms=False)
    before = counters.get("sms_text")
    write(lab, c, LONG, code=0)
    message = take(lab, s, 200)
    assert message.body.decode() == LONG
    assert message.get("content-type") == "text/plain"
    assert message.from_.uri.user == "3"
    assert next_for(lab, c).code == 200  # type: ignore[union-attr]
    assert counters.get("sms_text") == before


def test_text_goes_to_the_best_contact_of_a_user_with_both(lab: Lab, s: Phone) -> None:
    """By q: a softphone gets the MESSAGE itself, a phone the SMS that is made of it."""
    b = lab.beside("b", "2", "192.0.2.12", q=0.5)
    lab.subscribers.by_impi(f"2@{DOMAIN}").bindings[-1].sms_over_ip = True  # type: ignore[union-attr]
    c = sms_phone(lab, "c", "3", "192.0.2.13", sms=False)
    write(lab, c, "Hi", code=0)
    take(lab, s)
    assert next_for(lab, c).code == 200  # type: ignore[union-attr]
    leave(lab, s)
    lab.bind(s, q=0.1)
    write(lab, c, "Hi")
    b.target = "tel:+491"
    assert content(receive(lab, b)) == "Hi"
    settled(lab)


# --- from a phone to a softphone


def test_from_a_phone_to_a_softphone(lab: Lab, s: Phone) -> None:
    accepted(submit(lab, lab.a, "Grüße [€]"))
    assert read(lab, s) == "Grüße [€]"
    message = s.last("MESSAGE")
    assert message.from_.uri.text == f"sip:+49301@{DOMAIN};user=phone"
    assert message.get("to") == "<tel:+49302>"
    settled(lab)
    write(lab, s, "And back", to=message.from_.uri.text)  # the softphone answers whoever is in From
    assert content(receive(lab, lab.a)) == "And back"


@pytest.mark.parametrize("words", [LONG, "日本" * 100, EMOJI])
@pytest.mark.parametrize("wide", [False, True])
def test_parts_are_joined(lab: Lab, s: Phone, words: str, wide: bool) -> None:
    parts = text.split(words, reference=12, wide=wide)
    for number, part in enumerate(parts[1:] + parts[:1]):  # the first comes last
        lab.clock.advance(5)
        submit(lab, lab.a, part, mr=number)
    assert read(lab, s) == words
    settled(lab)


def test_other_messages_wait_for_the_parts_in_front_of_them(lab: Lab, s: Phone) -> None:
    first, second = text.split("x" * 200, reference=1)
    submit(lab, lab.a, first, mr=1)
    submit(lab, lab.a, "short", mr=2)
    lab.play("10 s")
    submit(lab, lab.a, second, mr=3)
    assert read(lab, s) == "x" * 200
    assert read(lab, s) == "short"
    settled(lab)


def test_a_lone_part_goes_after_half_a_minute(lab: Lab, s: Phone) -> None:
    first, _, third = text.split(LONG, reference=1)
    submit(lab, lab.a, first, mr=1)
    lab.play("20 s")
    submit(lab, lab.a, third, mr=2)
    lab.play("9 s")
    assert read(lab, s, within=2) == first.text
    lab.play("18 s")
    assert read(lab, s, within=3) == third.text
    settled(lab)


def test_parts_that_were_flushed_are_not_waited_for(lab: Lab, s: Phone) -> None:
    first, _, _ = text.split(LONG, reference=1)
    submit(lab, lab.a, first, mr=1)
    lab.play("1 s")
    assert lab.gateway.flush(f"2@{DOMAIN}") == 1
    lab.play("100 s")
    settled(lab)


def test_a_status_report_for_each_part(lab: Lab, s: Phone) -> None:
    for number, part in enumerate(text.split("x" * 200, reference=1)):
        submit(lab, lab.a, part, mr=number, tp_srr=True)
    assert read(lab, s) == "x" * 200
    receive(lab, lab.a)
    receive(lab, lab.a)
    settled(lab)


def test_data_is_shown_by_its_octets(lab: Lab, s: Phone) -> None:
    submit(lab, lab.a, text.binary(b"\1\2\xfe"))
    assert read(lab, s) == "0102fe"
    pushed = text.split_data(bytes(range(200)), reference=5, elements=[Ports(2948, 9200).element()])
    assert len(pushed) == 2
    for number, part in enumerate(pushed):
        submit(lab, lab.a, part, mr=number)
    assert read(lab, s) == bytes(range(200)).hex()
    settled(lab)


def test_a_status_report_in_words(lab_with: LabWith) -> None:
    """A user whose phone has asked for it, and who is at a softphone now."""
    lab = sms_lab(lab_with)
    submit(lab, lab.a, "Hi", tp_srr=True)
    s = sms_phone(lab, "s", "1", "192.0.2.21", sms=False)
    receive(lab, lab.b)
    assert read(lab, s) == "Message to +49302: received by sme"


def test_a_softphone_that_takes_no_text(lab: Lab, s: Phone) -> None:
    submit(lab, lab.a, "Hi")
    take(lab, s, 405)
    lab.play("59 s")
    assert read(lab, s, within=2) == "Hi"
    settled(lab)


@pytest.mark.parametrize(("sender", "shown"), [("Bank 24", "Bank-24"), ("+4999", "+4999"), ("Ärzte", "-rzte")])
def test_the_operators_sender_at_a_softphone(lab: Lab, s: Phone, sender: str, shown: str) -> None:
    control = SmsControl(lab.subscribers, lab.gateway)
    draft = control.prepare(impi="2", text="Hi", sender=sender)
    with pytest.raises(StopIteration):
        control.send(draft).send(None)
    assert read(lab, s) == "Hi"
    assert s.last("MESSAGE").from_.uri.user == shown


def test_a_listener_takes_what_softphones_write(lab_with: LabWith) -> None:
    lab = sms_lab(lab_with, sms_hook_only=True)
    s = sms_phone(lab, "s", "2", "192.0.2.22", sms=False)
    events: list[SmsEvent] = []
    lab.gateway.listeners.append(events.append)
    write(lab, s, LONG, to="tel:+49301")
    assert [(e.sender, e.receiver, e.message.text) for e in events] == [("+49302", "+49301", LONG)]
    settled(lab)


def test_p_called_party_id_for_a_softphone(lab_with: LabWith) -> None:
    lab = sms_lab(lab_with, p_called_party_id=True)
    s = sms_phone(lab, "s", "2", "192.0.2.22", sms=False)
    submit(lab, lab.a, "Hi")
    read(lab, s)
    assert s.last("MESSAGE").get("p-called-party-id") == "<tel:+49302>"


def test_a_phone_that_must_be_asked_first(lab: Lab, s: Phone) -> None:
    """q decides nothing: a short message goes to the contact that reads short messages."""
    b = lab.beside("b", "2", "192.0.2.12", q=0.1)
    lab.subscribers.by_impi(f"2@{DOMAIN}").bindings[-1].sms_over_ip = True  # type: ignore[union-attr]
    b.target = "tel:+491"
    submit(lab, lab.a, "Hi")
    assert content(receive(lab, b)) == "Hi"
    settled(lab)
