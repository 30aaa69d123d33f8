"""Subscriptions to registration state as ladders in virtual time (RFC 6665, RFC 3680, TS 24.229 5.4.2.1).

a watches its own registration; phones.py explains the lines. Each document is checked against the schema of RFC 3680.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from lteims.config import ImpuConfig
from lteims.ims.deregistration import Deregistration
from lteims.ims.regevent import MAX_OF_CONTACT
from lteims.ims.subscribers import Binding, Subscriber
from lteims.sip.event import SubscriptionState
from lteims.sip.message import Request, Response
from lteims.sip.reginfo import Reginfo, Registration
from lteims.store.memory import MemoryStore
from tests.flows.phones import BYE, CALL, DOMAIN, Lab, Phone, user
from tests.vectors.sip.schema import Schema

SCHEMA = Schema(Path(__file__).parents[1] / "vectors" / "sip" / "reginfo.xsd")
A = "sip:1@192.0.2.11:5060"
SUBSCRIBED = """
    a --> SUBSCRIBE
    a <-- 200 SUBSCRIBE
    a <-- NOTIFY
    a --> 200 NOTIFY
"""
TOLD = """
    within 0.1 s
    a <-- NOTIFY
    a --> 200 NOTIFY
"""


def asking(lab: Lab, phone: Phone, expires: int | None = 600000, **headers: str) -> None:
    """The next SUBSCRIBE of a phone, outside a dialog or in the one that it has."""
    phone.target = phone.target if phone.target.startswith("sip:") else phone.uri

    def bend(message: Request | Response) -> None:
        message.set("event", "reg")
        if expires is not None:
            message.set("expires", str(expires))
        message.set("contact", f"<sip:{phone.number}@{phone.host}:{phone.port}>")
        for name, value in headers.items():
            message.set(name, value)

    phone.bend = bend


def inside(phone: Phone) -> None:
    """Go on in the dialog that the last 200 has made."""
    made: Response = phone.last("200 SUBSCRIBE")
    phone.remote_tag, phone.remote_target = made.to.tag, made.contacts[0].uri.text


def subscribe(lab: Lab, expires: int | None = 600000, **headers: str) -> None:
    """a subscribes, is told, and is in the dialog."""
    asking(lab, lab.a, expires, **headers)
    lab.play(SUBSCRIBED)
    inside(lab.a)


def told(phone: Phone) -> Reginfo:
    """What the last NOTIFY says; it fits the schema."""
    notify: Request = phone.last("NOTIFY")
    assert notify.get("content-type") == "application/reginfo+xml"
    assert SCHEMA.faults(notify.body) == []
    return Reginfo.parse(notify.body)


def state(phone: Phone) -> str:
    """The Subscription-State of the last NOTIFY."""
    return str(phone.last("NOTIFY").get("subscription-state"))


def shown(registration: Registration) -> str:
    """One registration in a line: AOR, state, and event of each contact."""
    contacts = " ".join(f"{contact.event}:{contact.uri}" for contact in registration.contacts)
    return f"{registration.aor} {registration.state} {contacts}"


def table(phone: Phone) -> list[str]:
    """All registrations of the last document."""
    return [shown(each) for each in told(phone).registrations]


def owner(lab: Lab, number: str = "1") -> tuple[Subscriber, Binding]:
    """A user with its first contact."""
    subscriber = lab.subscribers.by_impi(f"{number}@{DOMAIN}")
    assert subscriber is not None
    return subscriber, subscriber.bindings[0]


def rebind(lab: Lab, binding: Binding, **changes: object) -> None:
    """The same contact registers again."""
    fields = {name: getattr(binding, name) for name in Binding.__struct_fields__} | {"line": ""} | changes
    lab.subscribers.bind(owner(lab)[0], Binding(**fields))


# -- the subscription
def test_the_first_document_has_everything(lab: Lab) -> None:
    subscribe(lab)
    answer, notify = lab.a.last("200 SUBSCRIBE"), lab.a.last("NOTIFY")
    assert answer.get("expires") == "600000"
    assert answer.get("contact") == "<sip:192.0.2.1:5060>"
    assert SubscriptionState.parse(state(lab.a)).expires == 600000
    assert notify.target == "sip:1@192.0.2.11:5060"
    assert notify.get("event") == "reg"
    assert notify.get("contact") == "<sip:192.0.2.1:5060>"
    asked = lab.a.sent[0]
    assert (notify.from_.uri, notify.to.uri) == (asked.to.uri, asked.from_.uri)  # of the dialog, not the contact
    assert (notify.from_.tag, notify.to.tag) == (answer.to.tag, asked.from_.tag)
    document = told(lab.a)
    assert (document.version, document.state) == (0, "full")
    assert table(lab.a) == [f"sip:1@{DOMAIN} active registered:{A}", f"tel:+49301 active created:{A}"]
    ids = [each.id for each in document.registrations] + [c.id for r in document.registrations for c in r.contacts]
    assert len(set(ids)) == 4
    assert [c.expires for r in document.registrations for c in r.contacts] == [1000000, 1000000]


def test_a_change_is_told_in_part_with_the_next_version(lab: Lab) -> None:
    subscribe(lab)
    first = told(lab.a)
    lab.bind(lab.beside("d", "1", "192.0.2.14"))
    lab.play(TOLD)
    rebind(lab, owner(lab)[1])
    lab.play(TOLD)
    document = told(lab.a)
    assert (document.version, document.state) == (2, "partial")
    assert document.registrations[0].id == first.registrations[0].id
    assert document.registrations[0].contacts[0].id == first.registrations[0].contacts[0].id
    assert document.registrations[0].contacts[0].event == "refreshed"
    assert {r.aor for r in document.registrations} == {f"sip:1@{DOMAIN}", "tel:+49301"}


def test_changes_of_one_moment_are_told_together(lab: Lab) -> None:
    subscribe(lab)
    lab.beside("d", "1", "192.0.2.14")
    lab.beside("e", "1", "192.0.2.15")
    lab.play(f"{TOLD}\n1 s")
    assert len(told(lab.a).registrations[0].contacts) == 3


def test_one_notify_at_a_time(lab: Lab) -> None:
    """What happens while one is under way waits for its answer: a datagram may overtake another."""
    asking(lab, lab.a)
    lab.play("""
        a --> SUBSCRIBE
        a <-- 200 SUBSCRIBE
        a <-- NOTIFY
    """)
    lab.beside("d", "1", "192.0.2.14")
    lab.play("""
        0.4 s
        a --> 200 NOTIFY
        a <-- NOTIFY
        a --> 200 NOTIFY
    """)
    assert told(lab.a).version == 1


def test_a_refresh_brings_full_state(lab: Lab) -> None:
    subscribe(lab)
    lab.play("100 s")
    asking(lab, lab.a, 1200)
    lab.play(SUBSCRIBED)
    assert (told(lab.a).version, told(lab.a).state) == (1, "full")
    assert state(lab.a) == "active;expires=1200"
    assert told(lab.a).registrations[0].contacts[0].expires == 999900
    lab.play("1199.95 s")
    lab.play(TOLD)
    assert state(lab.a) == "terminated;reason=timeout"
    assert len(lab.notifier) == 0


def test_a_later_end_moves_the_timer(lab: Lab) -> None:
    subscribe(lab, 100)
    lab.play("90 s")
    asking(lab, lab.a, 300)
    lab.play(f"{SUBSCRIBED}\n299 s")
    assert len(lab.notifier) == 1
    lab.play("""
        within 2 s
        a <-- NOTIFY
        a --> 200 NOTIFY
    """)
    assert len(lab.notifier) == 0


def test_a_phone_ends_its_subscription(lab: Lab) -> None:
    subscribe(lab)
    asking(lab, lab.a, 0)
    lab.play(SUBSCRIBED)
    assert (lab.a.last("200 SUBSCRIBE").get("expires"), state(lab.a)) == ("0", "terminated;reason=timeout")
    assert told(lab.a).registrations[0].state == "active"
    asking(lab, lab.a, 600)
    lab.play("""
        a --> SUBSCRIBE
        a <-- 481 SUBSCRIBE
    """)
    lab.beside("d", "1", "192.0.2.14")
    lab.play("1 s")


def test_a_look_without_a_subscription(lab: Lab) -> None:
    subscribe(lab, 0)
    assert (told(lab.a).state, state(lab.a)) == ("full", "terminated;reason=timeout")
    assert len(lab.notifier) == 0


@pytest.mark.parametrize(
    ("option", "asked", "granted"),
    [
        (0, 600000, 600000),
        (0, 10_000_000, 864000),
        (0, None, 3761),
        (1800, 600000, 1800),
        (1800, 900, 900),
        (30, 40, 30),
    ],
)
def test_how_long(lab_with: Callable[..., Lab], option: int, asked: int | None, granted: int) -> None:
    lab = lab_with(subscribe_expires=option)
    subscribe(lab, asked)
    assert lab.a.last("200 SUBSCRIBE").get("expires") == str(granted)
    asking(lab, lab.a, 0)
    lab.play(SUBSCRIBED)


@pytest.mark.parametrize(
    ("headers", "code", "name", "value"),
    [
        ({"event": "presence"}, 489, "allow-events", "reg"),
        ({"event": "reg.winfo"}, 489, "allow-events", "reg"),
        ({"event": "REG"}, 489, "allow-events", "reg"),
        ({"event": ""}, 489, "allow-events", "reg"),
        ({"event": '"'}, 400, "", ""),
        ({"accept": "application/pidf+xml"}, 406, "accept", "application/reginfo+xml"),
        ({"expires": "59"}, 423, "min-expires", "60"),
        ({"contact": "<tel:1>"}, 400, "", ""),
        ({"require": "eventlist"}, 420, "unsupported", "eventlist"),
    ],
)
def test_refusals(lab: Lab, headers: dict[str, str], code: int, name: str, value: str) -> None:
    asking(lab, lab.a, **headers)
    lab.play(f"""
        a --> SUBSCRIBE
        a <-- {code} SUBSCRIBE
    """)
    assert not name or lab.a.last().get(name) == value
    assert len(lab.notifier) == 0


@pytest.mark.parametrize("accept", ["application/reginfo+xml;q=0.5, text/plain", "application/*", "*/*"])
def test_what_else_is_accepted(lab: Lab, accept: str) -> None:
    subscribe(lab, accept=accept)


def test_a_refused_refresh_changes_nothing(lab: Lab) -> None:
    subscribe(lab)
    for headers, code in (({"expires": "1"}, 423), ({"event": "presence"}, 489), ({"event": "reg;id=2"}, 481)):
        asking(lab, lab.a, **headers)
        lab.play(f"""
            a --> SUBSCRIBE
            a <-- {code} SUBSCRIBE
        """)
    lab.beside("d", "1", "192.0.2.14")
    lab.play(TOLD)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (f"sip:2@{DOMAIN}", 403),
        ("tel:+49302", 403),
        ("tel:666", 404),
        (f"sip:nobody@{DOMAIN}", 404),
        (f"sip:1@{DOMAIN}", 200),
        ("tel:+49301", 200),
        (f"sip:+49301@{DOMAIN};user=phone", 200),
        ("sip:1@192.0.2.1", 200),
    ],
)
def test_whose_registration(lab: Lab, target: str, code: int) -> None:
    lab.a.target = target
    asking(lab, lab.a)
    lab.a.target = target
    lab.play(f"""
        a --> SUBSCRIBE
        a <-- {code} SUBSCRIBE
    """ + ("a <-- NOTIFY\na --> 200 NOTIFY" if code == 200 else ""))  # fmt: skip


def test_who_is_not_registered_is_told_nothing(lab: Lab) -> None:
    lab.subscribers.unbind(*owner(lab), "unregistered")
    asking(lab, lab.a)
    lab.play("""
        a --> SUBSCRIBE
        a <-- 403 SUBSCRIBE
    """)


def test_an_emergency_registration_is_not_shown(lab: Lab) -> None:
    subscribe(lab)
    sos = lab.bind(lab.beside("d", "1", "192.0.2.14"), sos=True)
    lab.play(TOLD)  # of d's normal one
    lab.subscribers.unbind(owner(lab)[0], sos, "expired")
    lab.play("1 s")
    asking(lab, lab.a)
    lab.play(SUBSCRIBED)
    assert len(told(lab.a).registrations[0].contacts) == 2


def test_an_emergency_registration_alone_cannot_be_watched(lab: Lab) -> None:
    subscriber, binding = owner(lab)
    lab.bind(lab.a, sos=True)
    lab.subscribers.unbind(subscriber, binding, "expired")
    asking(lab, lab.a)
    lab.play("""
        a --> SUBSCRIBE
        a <-- 480 SUBSCRIBE
    """)


@pytest.mark.parametrize(("method", "code"), [("PUBLISH", 405), ("NOTIFY", 481)])
def test_other_methods(lab: Lab, method: str, code: int) -> None:
    asking(lab, lab.a)
    lab.play(f"""
        a --> {method}
        a <-- {code} {method}
    """)
    assert code != 405 or "SUBSCRIBE" in lab.a.last().get("allow")
    subscribe(lab)
    lab.play("""
        a --> NOTIFY
        a <-- 481 NOTIFY
    """)


def test_a_call_is_no_dialog_to_subscribe_in(lab: Lab) -> None:
    lab.play(CALL)
    asking(lab, lab.a)
    lab.play("""
        a --> SUBSCRIBE
        a <-- 481 SUBSCRIBE
    """)
    lab.play(BYE)


def test_after_a_restart_the_phone_subscribes_anew(lab: Lab) -> None:
    asking(lab, lab.a)
    lab.a.remote_tag = "of-another-life"
    lab.play("""
        a --> SUBSCRIBE
        a <-- 481 SUBSCRIBE
    """)
    lab.a.fresh()
    subscribe(lab)


# -- the ends of contacts
@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("unregistered", "reason=noresource"),
        ("expired", "reason=noresource"),
        ("deactivated", "reason=deactivated"),
        ("rejected", "reason=rejected"),
        ("probation", "reason=probation;retry-after=60"),
    ],
)
def test_the_end_of_the_contact_ends_its_subscription(lab: Lab, why: str, reason: str) -> None:
    subscribe(lab)
    lab.subscribers.unbind(*owner(lab), why)
    lab.play(TOLD)  # by the way that it had
    assert state(lab.a) == f"terminated;{reason}"
    assert table(lab.a) == [f"sip:1@{DOMAIN} terminated {why}:{A}", f"tel:+49301 terminated {why}:{A}"]
    assert len(lab.notifier) == 0
    lab.bind(lab.a)
    lab.play("1 s")


def test_the_last_notify_waits_for_the_one_before(lab: Lab) -> None:
    subscribe(lab)
    lab.beside("d", "1", "192.0.2.14")
    lab.play("""
        within 0.1 s
        a <-- NOTIFY
    """)
    lab.subscribers.unbind(*owner(lab), "unregistered")
    lab.play("""
        0.2 s
        a --> 200 NOTIFY
        a <-- NOTIFY
        a --> 200 NOTIFY
    """)
    assert state(lab.a) == "terminated;reason=noresource"
    assert table(lab.a)[0].startswith(f"sip:1@{DOMAIN} active")  # d is still there
    assert f"unregistered:{A}" in table(lab.a)[0]


def test_another_address_of_the_same_phone(lab: Lab) -> None:
    subscribe(lab)
    rebind(lab, owner(lab)[1], contact="sip:1@192.0.2.11:6060")
    lab.play(TOLD)
    assert table(lab.a)[0] == f"sip:1@{DOMAIN} active registered:sip:1@192.0.2.11:6060 unregistered:{A}"
    first, second = told(lab.a).registrations[0].contacts
    assert first.id != second.id
    assert state(lab.a).startswith("active")


def test_an_earlier_end_is_told_as_such(lab: Lab) -> None:
    subscribe(lab)
    rebind(lab, owner(lab)[1], expires_at=lab.clock.now + 300)
    lab.play(TOLD)
    (contact,) = told(lab.a).registrations[0].contacts
    assert (contact.event, contact.expires) == ("shortened", 300)
    rebind(lab, owner(lab)[1], expires_at=lab.clock.now + 1e6)
    lab.play(TOLD)


# -- NOTIFYs that fail
@pytest.mark.parametrize("code", [481, 408, 403, 489, 500, 302, 603])
def test_a_notify_that_is_refused_ends_the_subscription(lab: Lab, code: int) -> None:
    asking(lab, lab.a)
    lab.play(f"""
        a --> SUBSCRIBE
        a <-- 200 SUBSCRIBE
        a <-- NOTIFY
        a --> {code} NOTIFY
    """)
    assert len(lab.notifier) == 0
    assert owner(lab)[0].bindings  # the registration stands
    rebind(lab, owner(lab)[1])
    lab.play("1 s")


def test_a_notify_without_answer_ends_the_subscription(lab: Lab) -> None:
    asking(lab, lab.a)
    lab.play("""
        a --> SUBSCRIBE
        a <-- 200 SUBSCRIBE
        11 x a x-- NOTIFY
    """.replace("11 x a x-- NOTIFY", "a x-- NOTIFY\n" + "within 5 s\na x-- NOTIFY\n" * 10 + "40 s"))  # fmt: skip
    assert len(lab.notifier) == 0


# -- ways
def test_the_route_set_of_the_dialog(lab: Lab) -> None:
    asking(lab, lab.a, **{"record-route": "<sip:192.0.2.99:5060;lr>"})
    lab.play(SUBSCRIBED)
    assert lab.a.last("NOTIFY").get("route") == "<sip:192.0.2.99:5060;lr>"
    assert lab.a.last("200 SUBSCRIBE").get("record-route") == "<sip:192.0.2.99:5060;lr>"


def test_a_notify_follows_the_phone(lab: Lab) -> None:
    subscribe(lab)
    rebind(lab, owner(lab)[1], flow=lab.a.flow._replace(port=6070))
    lab.play(TOLD)
    assert lab.sent_to[-1] == ("UDP", "192.0.2.11", 6070)


def test_a_route_that_cannot_be_followed_hurts_nobody_else(lab: Lab) -> None:
    subscribe(lab)
    asking(lab, lab.b)
    lab.play(SUBSCRIBED.replace("a -", "b -").replace("a <", "b <"))
    subscription = lab.notifier._by_impi[f"1@{DOMAIN}"][0]
    subscription.dialog.routes = ["<sip:[>"]
    rebind(lab, owner(lab)[1])
    lab.subscribers.bind(*owner(lab, "2"))
    lab.play(TOLD.replace("a -", "b -").replace("a <", "b <"))
    assert len(lab.notifier) == 1


def test_over_tcp(lab: Lab) -> None:
    lab.a = lab.phone("a", "1", "192.0.2.11", transport="TCP")
    subscribe(lab)
    assert lab.sent_to[-1] == ("TCP", "192.0.2.11", 5060)
    assert lab.a.last("NOTIFY").get("contact") == "<sip:192.0.2.1:5060;transport=tcp>"


# -- several phones and identities
def test_phones_with_one_sim_have_a_registration_each(lab_with: Callable[..., Lab]) -> None:
    """multi_sim: the other phone's times and ends are not this one's, nor is its IMPU."""
    impus = ("1", ImpuConfig(impu="tel:281", imei="35209900176148"), ImpuConfig(impu="tel:282", imei="35209900176149"))
    lab = lab_with(users=(user("1", *impus, multi_sim=True), user("2")))
    subscriber, own = owner(lab)
    rebind(lab, own, imei="35209900176148")
    subscribe(lab)
    assert table(lab.a) == [f"sip:1@{DOMAIN} active registered:{A}", f"tel:281 active created:{A}"]
    lab.phones["d"] = Phone(lab, "d", "1", "192.0.2.14")
    lab.bind(lab.phones["d"], imei="35209900176149")
    lab.play("1 s")
    asking(lab, lab.phones["d"])
    lab.play(SUBSCRIBED.replace("a -", "d -").replace("a <", "d <"))
    there = "sip:1@192.0.2.14:5060"
    assert table(lab.phones["d"]) == [f"sip:1@{DOMAIN} active registered:{there}", f"tel:282 active created:{there}"]
    lab.subscribers.unbind(subscriber, subscriber.bindings[0], "unregistered")
    lab.play(TOLD)
    assert table(lab.a)[0] == f"sip:1@{DOMAIN} terminated unregistered:{A}"


def test_an_identity_that_is_not_associated(lab_with: Callable[..., Lab]) -> None:
    impus = ("1", ImpuConfig(impu="tel:2810", associated=False), ImpuConfig(impu="tel:2811", preferred=True))
    lab = lab_with(users=(user("1", *impus, ImpuConfig(impu="urn:service:sos")), user("2")))
    subscribe(lab)
    assert table(lab.a) == [f"tel:2811 active created:{A}", f"sip:1@{DOMAIN} active registered:{A}"]
    rebind(lab, owner(lab)[1], impu_key="tel:2810")
    lab.play(TOLD)
    assert f"tel:2810 active refreshed:{A}" in table(lab.a)
    rebind(lab, owner(lab)[1], impu_key=f"sip:1@{DOMAIN}")
    lab.play(TOLD)
    assert f"tel:2810 terminated unregistered:{A}" in table(lab.a)
    assert f"sip:1@{DOMAIN} active refreshed:{A}" in table(lab.a)


def test_a_wildcarded_identity(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(users=(user("1", "1", "desk!.*!"), user("2")))
    lab.a.target = f"sip:desk42@{DOMAIN}"
    subscribe(lab)
    first, second = told(lab.a).registrations
    assert (first.aor, first.wildcard) == (f"sip:1@{DOMAIN}", "")
    assert (second.aor, second.wildcard) == (f"sip:desk@{DOMAIN}", f"sip:desk!.*!@{DOMAIN}")


def test_parameters_of_the_contact(lab: Lab) -> None:
    instance = "<urn:gsma:imei:35209900-176148-1>"
    rebind(lab, owner(lab)[1], params={"+g.3gpp.smsip": None, "+sip.instance": instance}, q=0.5)
    subscribe(lab)
    (contact,) = told(lab.a).registrations[0].contacts
    assert contact.unknown_params == (("+g.3gpp.smsip", ""), ("+sip.instance", f'"{instance}"'))
    assert contact.q == "0.5"


def test_the_contact_as_the_phone_wrote_it(lab: Lab) -> None:
    odd = "sip:1%2B@192.0.2.11:5060;transport=UDP;x=%22a%26b%22?y=1&z=<"
    odd = odd[:-1]
    rebind(lab, owner(lab)[1], contact=odd)
    subscribe(lab)
    assert told(lab.a).registrations[0].contacts[0].uri == odd


# -- bounds
def test_the_oldest_subscription_of_a_contact_makes_room(lab: Lab) -> None:
    for _ in range(MAX_OF_CONTACT):
        lab.a.fresh()
        subscribe(lab)
    lab.a.fresh()
    asking(lab, lab.a)
    lab.play(SUBSCRIBED)
    lab.play(TOLD)
    assert state(lab.a) == "terminated;reason=giveup"
    assert len(lab.notifier) == MAX_OF_CONTACT


def test_too_many_subscriptions(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lteims.ims.regevent.MAX_SUBSCRIPTIONS", 0)
    asking(lab, lab.a)
    lab.play("""
        a --> SUBSCRIBE
        a <-- 503 SUBSCRIBE
    """)


# -- the operator
def deregistration(lab: Lab) -> Deregistration:
    return Deregistration(lab.stack, lab.subscribers, lab.calls, MemoryStore())


@pytest.mark.parametrize("uri", [A, f"sip:1@{DOMAIN}", "tel:+49301", "1", f"1@{DOMAIN}"])
@pytest.mark.parametrize("event", ["deactivated", "rejected"])
def test_the_operator_ends_a_registration(lab: Lab, uri: str, event: str) -> None:
    subscribe(lab)
    assert deregistration(lab).unregister(uri, event) == [A]
    lab.play(TOLD)
    assert state(lab.a) == f"terminated;reason={event}"
    assert table(lab.a)[0] == f"sip:1@{DOMAIN} terminated {event}:{A}"
    assert owner(lab, "2")[0].bindings
    assert not lab.subscribers.by_impi(f"1@{DOMAIN}").bindings  # type: ignore[union-attr]


def test_its_calls_end_first(lab: Lab) -> None:
    lab.play(CALL)
    deregistration(lab).unregister("sip:2@192.0.2.12:5060")
    lab.play("""
        a <-- BYE
                BYE --> b
        a --> 200 BYE
                200 BYE <-- b
    """)


def test_a_call_that_rings_elsewhere_too_goes_on(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    100 <-- b
                    180 <-- b
        a <-- 180
    """)
    deregistration(lab).unregister("sip:2@192.0.2.12:5060")
    lab.play("""
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    lab.play(BYE)
