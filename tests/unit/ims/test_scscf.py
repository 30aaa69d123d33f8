"""The registrar without a socket: contacts, lifetimes, order, authentication levels; a REGISTER is whole or nothing."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lteims.config import AuthentType, ImpuConfig, ImsConfig
from lteims.ims.scscf import MAX_BINDINGS, Unauthorized
from lteims.net.sip_flow import Flow
from lteims.sip.errors import SipError
from lteims.sip.headers import AuthValue
from lteims.sip.valid import check_request
from tests.unit.ims.conftest import Lines
from tests.unit.ims.registry import DOMAIN, EPOCH, FLOW, K, Registry, user

A, B = "sip:a@192.0.2.1", "sip:b@192.0.2.1"
IMEI_A, IMEI_B = '"<urn:gsma:imei:35209900-176148-1>"', '"<urn:gsma:imei:35209900-176149-9>"'


@pytest.fixture
def registry() -> Registry:
    """One user who needs no authentication; registrations live for 600 s."""
    return Registry(user(), config=ImsConfig(domain=DOMAIN, binding_expires=600))


async def refused(registry: Registry, code: int, *lines: str, to: str = "") -> SipError:
    """A REGISTER that gets this code and changes nothing."""
    before, events = registry.contacts(), list(registry.events)
    with pytest.raises(SipError) as refusal:
        await registry.register(*lines, to=to)
    assert refusal.value.code == code
    assert (registry.contacts(), registry.events) == (before, events)
    return refusal.value


def lifetimes(registry: Registry) -> dict[str, float]:
    now = EPOCH + registry.time.now
    return {binding.contact: binding.expires_at - now for binding in registry.only.bindings}


# -- emergency (TS 24.229 5.4.8)
@pytest.mark.parametrize("contact", [f"<{A};sos>", f"<{A};sos=x>", f"<{A}>;sos", f"<{A}>;+sos"])
async def test_an_emergency_registration_stands_beside_the_normal_one(registry: Registry, contact: str) -> None:
    await registry.register(f"Contact: <{A}>;+sip.instance={IMEI_A}")
    await registry.register(f"Contact: {contact};+sip.instance={IMEI_A}")
    assert [b.sos for b in registry.only.bindings] == [False, True]
    await registry.register(f"Contact: {contact};+sip.instance={IMEI_A}", "Call-ID: again")
    assert [b.sos for b in registry.only.bindings] == [False, True]
    assert registry.registrar.contact_lines(registry.only.bindings)[1].startswith(f"{contact};+sip.instance=")


@pytest.mark.parametrize(
    "lines",
    [[f"Contact: <{A};sos>;expires=0"], [f"Contact: <{A};sos>", "Expires: 0"], [f"Contact: <{B};sos>;expires=0"]],
)
async def test_nobody_ends_an_emergency_registration(registry: Registry, lines: list[str]) -> None:
    await registry.register(f"Contact: <{A};sos>")
    await refused(registry, 501, *lines)
    registry.time.advance(601)
    assert registry.contacts() == []


async def test_all_contacts_but_the_emergency_one_go(registry: Registry) -> None:
    await registry.register(f"Contact: <{A};sos>")
    await registry.register(f"Contact: <{B}>")
    await registry.register("Contact: *", "Expires: 0")
    assert registry.contacts() == [f"{A};sos"]


async def test_a_service_is_no_associated_identity() -> None:
    registry = Registry(user("001", impu=("urn:service:sos", "a", "tel:+1")))
    subscriber, _, (binding,) = await registry.register(f"Contact: <{A};sos>", to=f"sip:a@{DOMAIN}")
    assert registry.registrar.associated_uris(subscriber, binding) == [f"<sip:a@{DOMAIN}>", "<tel:+1>"]


async def test_an_emergency_registration_is_challenged_as_any_other() -> None:
    registry = Registry(user("001", pwd="x"))
    with pytest.raises(Unauthorized):
        await registry.register(f"Contact: <{A};sos>")


# -- lifetimes
@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ([f"Contact: <{A}>"], 600),
        ([f"Contact: <{A}>", "Expires: 300"], 300),
        ([f"Contact: <{A}>;expires=200", "Expires: 300"], 200),
        ([f"Contact: <{A}>;expires=99999"], 600),
        ([f"Contact: <{A}>;expires=99999999999999"], 600),
        ([f"Contact: <{A}>;expires=soon"], 600),
        ([f'Contact: <{A}>;expires="120"'], 120),
        ([f"Contact: <{A}>;expires"], 600),
        ([f"Contact: {A};expires=240"], 240),
    ],
)
async def test_how_long(registry: Registry, lines: list[str], seconds: int) -> None:
    await registry.register(*lines)
    assert lifetimes(registry) == {A: seconds}


async def test_it_ends_in_time(registry: Registry) -> None:
    await registry.register(f"Contact: <{A}>;expires=100, <{B}>;expires=200")
    registry.time.advance(99.9)
    assert registry.contacts() == [A, B]
    assert registry.registrar.contact_lines(registry.only.bindings)[1] == f"<{B}>;expires=100"
    registry.time.advance(0.2)
    assert registry.contacts() == [B]
    assert registry.events[-1] == ("expired", A)
    await registry.register(f"Contact: <{B}>;expires=300")
    registry.time.advance(200)
    assert registry.contacts() == [B]  # the timer of its first lifetime is gone
    registry.time.advance(101)
    assert registry.contacts() == []
    assert [event for event, _ in registry.events] == ["registered", "registered", "expired", "refreshed", "expired"]


async def test_too_brief(registry: Registry) -> None:
    error = await refused(registry, 423, f"Contact: <{A}>;expires=59")
    assert error.headers == {"min-expires": "60"}
    await refused(registry, 423, f"Contact: <{A}>", "Expires: 1")
    short = Registry(user(), config=ImsConfig(domain=DOMAIN, binding_expires=5))
    await short.register(f"Contact: <{A}>;expires=5")  # the operator's own limit is below
    assert (await refused(short, 423, f"Contact: <{B}>;expires=4")).headers == {"min-expires": "5"}


# -- all or nothing
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (f"<{B}>;q=high", 400),
        (f"<{B}>;q=1_0", 400),
        (f"<{B}>;q=-1", 400),
        ("<tel:+331>", 400),
        ("<urn:service:sos>", 400),
        (f"<{B}>;expires=5", 423),
        ("*", 400),
    ],
)
async def test_one_bad_contact(registry: Registry, bad: str, code: int) -> None:
    await refused(registry, code, f"Contact: <{A}>", f"Contact: {bad}")


async def test_too_many(registry: Registry) -> None:
    await refused(registry, 400, "Contact: " + ", ".join(f"<sip:{n}@192.0.2.1>" for n in range(11)))
    for n in range(MAX_BINDINGS):
        await registry.register(f"Contact: <sip:{n}@192.0.2.1>")
    await refused(registry, 403, "Contact: <sip:more@192.0.2.1>")
    await registry.register("Contact: <sip:3@192.0.2.1>")  # a refresh needs no room


# -- order
async def test_cseq(registry: Registry) -> None:
    await registry.register(f"Contact: <{A}>", "CSeq: 10 REGISTER")
    for number in (10, 9, 0):
        await refused(registry, 500, f"Contact: <{A}>;expires=0", f"CSeq: {number} REGISTER")
        await refused(registry, 500, "Contact: *", "Expires: 0", f"CSeq: {number} REGISTER")
    await registry.register(f"Contact: <{B}>", "CSeq: 2 REGISTER")  # of another contact nothing is known yet
    await registry.register(f"Contact: <{A}>;expires=0", "CSeq: 1 REGISTER", "Call-ID: another")
    assert registry.contacts() == [B]


async def test_the_star(registry: Registry) -> None:
    await registry.register(f"Contact: <{A}>, <{B}>")
    for lines in (["Contact: *"], ["Contact: *", "Expires: 10"], [f"Contact: *, <{A}>", "Expires: 0"]):
        await refused(registry, 400, *lines)
    await registry.register("Contact: *", "Expires: 0")
    assert registry.contacts() == []
    assert registry.events[2:] == [("unregistered", A), ("unregistered", B)]


# -- which binding
async def test_the_same_contact(registry: Registry) -> None:
    for text in (A, "sip:%61@192.0.2.1", "sip:a@192.0.2.1;x=y"):  # RFC 3261 19.1.4
        await registry.register(f"Contact: <{text}>")
    assert len(registry.only.bindings) == 1
    for text in ("sip:A@192.0.2.1", "sip:a@192.0.2.1:5060", "sip:a@192.0.2.1;transport=tcp", "sips:a@192.0.2.1"):
        await registry.register(f"Contact: <{text}>")
    assert len(registry.only.bindings) == 5


async def test_a_refresh_keeps_the_id(registry: Registry) -> None:
    await registry.register(f"Contact: <{A}>;q=0.5;+g.3gpp.smsip")
    (first,) = registry.only.bindings
    elsewhere = Flow("TCP", 0, "192.0.2.7", 40000)
    await registry.register(f"Contact: <{A}>;q=0.7;video", flow=elsewhere)
    (second,) = registry.only.bindings
    assert (second.id, second.q, second.flow, second.video, second.sms_over_ip) == (
        first.id,
        0.7,
        elsewhere,
        True,
        False,
    )


async def test_the_same_phone(registry: Registry) -> None:
    await registry.register(f"Contact: <{A}>;+sip.instance={IMEI_A}")
    (first,) = registry.only.bindings
    await registry.register(f"Contact: <{B}>;+sip.instance={IMEI_A}")
    (second,) = registry.only.bindings
    assert (second.id, second.contact, second.imei) == (first.id, B, "35209900-176148-1")
    await registry.register(f"Contact: <{A}>;+sip.instance={IMEI_A};reg-id=1")
    await registry.register(f"Contact: <{A};sos>;+sip.instance={IMEI_A}")
    assert [(b.contact, b.sos) for b in registry.only.bindings] == [(B, False), (A, False), (f"{A};sos", True)]


async def test_a_sim_moves_to_another_phone(registry: Registry) -> None:
    await registry.register(f"Contact: <{A}>;+sip.instance={IMEI_A}")
    await registry.register(f"Contact: <{A};sos>;+sip.instance={IMEI_A}")
    await registry.register("Contact: <sip:soft@192.0.2.9>")
    await registry.register(f"Contact: <{B}>;+sip.instance={IMEI_B}")
    assert registry.contacts() == [f"{A};sos", "sip:soft@192.0.2.9", B]
    assert ("deactivated", A) in registry.events


async def test_many_phones_of_one_sim() -> None:
    registry = Registry(user(multi_sim=True, impu=("1", ImpuConfig("tel:2", imei="35209900176149"))))
    await registry.register(f"Contact: <{A}>;+sip.instance={IMEI_A}")
    _, _, bindings = await registry.register(f"Contact: <{B}>;+sip.instance={IMEI_B}")
    assert registry.contacts() == [A, B]
    found = [registry.registrar.associated_uris(registry.only, binding) for binding in bindings]
    assert found == [[f"<sip:1@{DOMAIN}>"], [f"<sip:1@{DOMAIN}>", "<tel:2>"]]


async def test_the_star_of_one_of_many_phones() -> None:
    registry = Registry(user(multi_sim=True))
    await registry.register(f"Contact: <{A}>")
    await registry.register("Contact: <sip:b@192.0.2.2>", flow=Flow("UDP", 0, "192.0.2.2", 5060))
    await registry.register("Contact: *", "Expires: 0")
    assert registry.contacts() == ["sip:b@192.0.2.2"]


async def test_removing_what_is_not_there(registry: Registry) -> None:
    _, _, bindings = await registry.register(f"Contact: <{A}>;expires=0")
    assert bindings == []
    assert registry.events == []


async def test_what_is_remembered(registry: Registry) -> None:
    await registry.register(
        f"Contact: <{A};ob>;q=0.25;expires=90;+g.3gpp.smsip;reg-id=3;+sip.instance={IMEI_A}",
        "Path: <sip:edge1@192.0.2.50;lr>, <sip:edge2@192.0.2.51;lr>",
        "User-Agent: phone/1",
    )
    (binding,) = registry.only.bindings
    assert binding.path == ["<sip:edge1@192.0.2.50;lr>", "<sip:edge2@192.0.2.51;lr>"]
    assert (binding.user_agent, binding.flow, binding.sms_over_ip) == ("phone/1", FLOW, True)
    (line,) = registry.registrar.contact_lines([binding])
    assert line.startswith(f"<{A};ob>;+g.3gpp.smsip;reg-id=3;+sip.instance={IMEI_A}")
    assert line.endswith(";q=0.25;expires=90")


# -- authentication
async def challenge_of(registry: Registry, credentials: str = "") -> AuthValue:
    with pytest.raises(Unauthorized) as asked:
        await registry.register(*([f"Authorization: Digest {credentials}"] if credentials else []))
    return AuthValue.parse(asked.value.headers["www-authenticate"])


@pytest.mark.parametrize(
    ("minimum", "offered", "asked"),
    [
        ("MD5", "", "MD5"),
        ("MD5", "MD5", "MD5"),
        ("MD5", "AKAv1-MD5", "AKAv1-MD5"),
        ("MD5", "AKAv2-MD5", "AKAv2-MD5"),
        ("AKAv1", "", "AKAv1-MD5"),
        ("AKAv1", "akav2-md5", "AKAv2-MD5"),
        ("AKAv2", "", "AKAv2-MD5"),
        ("AKAv1", "MD5", ""),
        ("AKAv2", "MD5", ""),
        ("AKAv2", "AKAv1-MD5", ""),
        ("MD5", "SHA-256", ""),
        ("MD5", "MD5-sess", ""),
    ],
)
async def test_the_minimum_level(minimum: str, offered: str, asked: str) -> None:
    registry = Registry(user(pwd="secret", k=K, authent_type=AuthentType(minimum)))
    credentials = f'username="001", nonce="", response=""{f", algorithm={offered}" if offered else ""}'
    if asked:
        assert (await challenge_of(registry, credentials)).get("algorithm") == asked
        return
    error = await refused(registry, 403, f"Authorization: Digest {credentials}")
    assert f"offers {offered}, authent_type asks for {minimum} or more" in error.why


async def test_a_level_that_ue_db_cannot_give() -> None:
    registry = Registry(user(pwd="secret"))
    credentials = 'username="001", nonce="", response="", algorithm=AKAv1-MD5'
    assert (await challenge_of(registry, credentials)).get("algorithm") == "MD5"


async def test_no_authentication_for_an_impu() -> None:
    registry = Registry(user(pwd="secret", impu=("a", ImpuConfig("b", authentication=False))))
    await challenge_of(registry)
    await registry.register(f"Contact: <{A}>", to=f"sip:b@{DOMAIN}")
    assert registry.contacts() == [A]


async def test_why_a_second_challenge(lines: Lines) -> None:
    registry = Registry(user(pwd="secret"))
    challenge = await challenge_of(registry)
    assert not lines.entries
    await challenge_of(registry, f'username="001", realm="asterisk", nonce="{challenge.get("nonce")}", response="x"')
    ((_, text),) = lines.at("realm 'asterisk'")
    assert f"001@{DOMAIN}" in text


async def test_the_realm_is_the_users_domain() -> None:
    registry = Registry(user(pwd="secret", domain="own.example.org"))
    assert (await challenge_of(registry)).get("realm") == "own.example.org"


@pytest.mark.parametrize("target", ["sip:foreign.example.org", "sip:198.51.100.1", "tel:1"])
async def test_another_domain(target: str) -> None:
    registry = Registry(user(pwd="secret"))
    request = registry.request("REGISTER", target, f"Contact: <{A}>")
    with pytest.raises(SipError, match="the domain here is") as refusal:
        await registry.registrar.register(request, FLOW)
    assert refusal.value.code == 404


@pytest.mark.parametrize("target", ["sip:own.example.org", "sip:192.0.2.100:5070", f"sip:{DOMAIN.upper()}"])
async def test_every_domain_of_ours(target: str) -> None:
    registry = Registry(user(domain="own.example.org"))
    await registry.registrar.register(registry.request("REGISTER", target, f"Contact: <{A}>"), FLOW)
    assert registry.contacts() == [A]


# -- hostile input
_PIECES = st.text(alphabet=st.sampled_from('<>";,=:@*%\\ ?&[]a1.'), max_size=12) | st.sampled_from(
    [
        "sip:a@h",
        "expires=",
        "q=0.5",
        "+sip.instance=",
        "tel:1",
        "Digest ",
        'nonce=""',
        "username=001",
        "qop=auth",
        "\x80",
    ]
)


@given(
    name=st.sampled_from(["Contact", "Authorization", "Path", "Expires", "Call-ID", "To", "CSeq", "User-Agent"]),
    pieces=st.lists(_PIECES, max_size=8),
)
@settings(max_examples=400, deadline=None)
def test_no_register_is_too_odd(name: str, pieces: list[str]) -> None:
    registry = Registry(user(pwd="x", impu=("a", ImpuConfig("b", authentication=False))))
    request = registry.request("REGISTER", "", to=f"sip:b@{DOMAIN}")
    request.set(name.lower(), "".join(pieces))
    if name != "Contact":
        request.set("contact", f"<{A}>")
    code = 200
    try:
        check_request(request)
        asyncio.run(registry.registrar.register(request, FLOW))
    except SipError as error:
        code = error.code
    assert code == 200 or (400 <= code < 600 and registry.contacts() == [])
