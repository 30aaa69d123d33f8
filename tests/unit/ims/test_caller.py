"""Who sends a request: claimed, proven or believed, and what is asserted to the callee."""

import pytest

from lteims.config import AuthentType, ImpuConfig, ImsConfig
from lteims.ims.caller import ANONYMOUS, Caller
from lteims.ims.scscf import Unauthorized
from lteims.net.sip_flow import Flow
from lteims.sip.errors import SipError
from tests.unit.ims.registry import DOMAIN, FLOW, K, Registry, user

SOS = ImpuConfig("urn:service:sos", anonymous=True, authentication=False)
OPEN = ImpuConfig("tel:1", authentication=False)
STRANGER = "From: <sip:anonymous@anonymous.invalid>;tag=1"
ELSEWHERE = Flow("UDP", 0, "198.51.100.1", 5060)
IMEI_A, IMEI_B = '"<urn:gsma:imei:35209900-176148-1>"', '"<urn:gsma:imei:35209900-176149-9>"'


async def who(registry: Registry, *lines: str, flow: Flow = FLOW, callee: ImpuConfig | None = None) -> Caller:
    return await registry.identifier.identify(registry.request("INVITE", "tel:1", *lines), flow, callee)


async def turned_away(registry: Registry, *lines: str, flow: Flow = FLOW, callee: ImpuConfig | None = None) -> str:
    with pytest.raises(SipError) as refusal:
        await who(registry, *lines, flow=flow, callee=callee)
    assert refusal.value.code == 403
    return refusal.value.why


async def registered(*users: object, config: ImsConfig | None = None) -> Registry:
    """A registry whose first user is registered, whatever authentication it has."""
    registry = Registry(*users, config=config)  # type: ignore[arg-type]
    subscriber = next(iter(registry.subscribers))
    request = registry.request("REGISTER", "", "Contact: <sip:a@192.0.2.1>")
    registry.registrar._apply(subscriber, subscriber.impus[0], request, FLOW, True, False)
    return registry


async def test_a_registered_user() -> None:
    registry = await registered(user("001"))
    caller = await who(registry)
    assert caller.subscriber is registry.only
    assert caller.binding is registry.only.bindings[0]
    assert caller.asserted() == f"<sip:001@{DOMAIN}>"
    assert caller.name == f"001@{DOMAIN}"


async def test_from_elsewhere() -> None:
    registry = await registered(user("001"))
    why = await turned_away(registry, flow=ELSEWHERE)
    assert "registered from 192.0.2.1, not from 198.51.100.1" in why


async def test_unregistered() -> None:
    assert "not registered" in await turned_away(Registry(user("001")))


async def test_a_stranger() -> None:
    registry = await registered(user("001"))
    assert "no user here" in await turned_away(registry, STRANGER, flow=ELSEWHERE)
    assert "no user here" in await turned_away(registry, STRANGER, flow=ELSEWHERE, callee=OPEN)
    assert await who(registry, STRANGER, callee=SOS) is ANONYMOUS
    assert ANONYMOUS.asserted() == ""
    assert ANONYMOUS.name == "anonymous"


@pytest.mark.parametrize(
    ("of_user", "of_all", "asked"),
    [(None, False, True), (None, True, False), (True, False, False), (False, True, True)],
)
async def test_whether_to_ask(of_user: bool | None, of_all: bool, asked: bool) -> None:
    config = ImsConfig(domain=DOMAIN, auth_on_register_only=of_all)
    registry = await registered(user("001", pwd="x", auth_on_register_only=of_user), config=config)
    if asked:
        with pytest.raises(Unauthorized):
            await who(registry)
    else:
        assert (await who(registry)).binding is not None


async def test_nobody_is_asked_where_authentication_is_off() -> None:
    registry = await registered(user("001", k=K, authent_type=AuthentType.AKAV1))
    assert (await who(registry, callee=OPEN)).binding is not None
    impu = await registered(user("001", pwd="x", impu=(ImpuConfig("a", authentication=False), "b")))
    assert (await who(impu)).binding is not None
    with pytest.raises(Unauthorized):
        await who(impu, f"From: <sip:b@{DOMAIN}>;tag=1")


@pytest.mark.parametrize("authentication", [True, False])
async def test_an_emergency_call(authentication: bool) -> None:
    """Unregistered, or from elsewhere, it is taken, but nothing is asserted; a registered phone is who it is."""
    sos = ImpuConfig("urn:service:sos", anonymous=True, authentication=authentication)
    assert await who(Registry(user("001", pwd="x")), callee=sos) is ANONYMOUS
    registry = await registered(user("001", pwd="x"))
    assert await who(registry, callee=sos, flow=ELSEWHERE) is ANONYMOUS
    if authentication:
        with pytest.raises(Unauthorized):
            await who(registry, callee=sos)
    else:
        assert (await who(registry, callee=sos)).asserted() == f"<sip:001@{DOMAIN}>"


@pytest.mark.parametrize(
    "claim",
    [
        "<tel:+336>",
        "tel:+33-6",
        '"0600000123"<tel:+336>',
        f"<sip:+336@{DOMAIN};user=phone>",
        f"<sip:6;phone-context=+33@{DOMAIN};user=phone>",
        "<tel:6;phone-context=+33>",
        "<sip:+336@192.0.2.100>",
    ],
)
async def test_the_forms_of_a_number_that_phones_claim(claim: str) -> None:
    registry = await registered(user("001", impu=("a", "tel:+336")))
    assert (await who(registry, f"From: {claim};tag=1")).asserted() == "<tel:+336>"


async def test_the_preferred_identity_counts_before_from() -> None:
    registry = await registered(user("001", impu=("a", "tel:+331")), user("002"))
    caller = await who(registry, "P-Preferred-Identity: <tel:+33-1>", STRANGER)
    assert caller.asserted() == "<tel:+331>"
    caller = await who(registry, "P-Preferred-Identity: <sip:unknown@foreign.org>")
    assert caller.asserted() == f"<sip:a@{DOMAIN}>"
    caller = await who(registry, f"P-Preferred-Identity: <sip:002@{DOMAIN}>")
    assert caller.asserted() == f"<sip:a@{DOMAIN}>"  # a preference for another's identity does not count
    assert "not registered" in await turned_away(registry, f"P-Preferred-Identity: <sip:002@{DOMAIN}>", STRANGER)


async def test_a_registered_phone_that_names_nobody_is_known_by_its_flow() -> None:
    registry = await registered(user("001", impu=("urn:service:sos", "a", "tel:+331")), user("002"))
    caller = await who(registry, STRANGER)
    assert caller.identities() == [f"<sip:a@{DOMAIN}>", "<tel:+331>"]
    assert "no user here" in await turned_away(registry, STRANGER, flow=Flow("UDP", 0, FLOW.host, 5099))
    assert "no user here" in await turned_away(registry, "From: <sip:anonymous@elsewhere.org>;tag=1")
    assert await who(registry, STRANGER, flow=ELSEWHERE, callee=SOS) is ANONYMOUS


async def test_a_phone_that_names_nobody_is_still_challenged() -> None:
    registry = await registered(user("001", pwd="x"))
    with pytest.raises(Unauthorized):
        await who(registry, STRANGER)


async def test_the_asserted_identity() -> None:
    registry = await registered(user("001", impu=("a", ImpuConfig("tel:+331", asserted=True, display_name="A"))))
    assert (await who(registry)).asserted() == '"A" <tel:+331>'


async def test_which_phone() -> None:
    registry = await registered(user("001"))
    second = Flow("UDP", 0, "192.0.2.1", 5062)
    await registry.register("Contact: <sip:b@192.0.2.1:5062>", flow=second)
    await registry.register("Contact: <sip:c@198.51.100.1>", flow=ELSEWHERE)
    for flow, name in ((FLOW, "a"), (second, "b"), (ELSEWHERE, "c"), (Flow("TCP", 0, "198.51.100.1", 33333), "c")):
        caller = await who(registry, flow=flow)
        assert caller.binding is not None
        assert caller.binding.uri.user == name


async def test_a_phone_asserts_its_own_number() -> None:
    """With multi_sim an IMPU with an IMEI is that phone's alone."""
    imeis = {"tel:1": "35209900176148", "tel:2": "35209900176149"}
    impus = tuple(ImpuConfig(number, imei=imei, asserted=True) for number, imei in imeis.items())
    registry = Registry(user("001", multi_sim=True, impu=impus))
    for name, imei, host in (("a", IMEI_A, "192.0.2.1"), ("b", IMEI_B, "192.0.2.2")):
        await registry.register(f"Contact: <sip:{name}@{host}>;+sip.instance={imei}", flow=Flow("UDP", 0, host, 5060))
    for host, number in (("192.0.2.1", "1"), ("192.0.2.2", "2")):
        caller = await who(registry, "From: <tel:1>;tag=1", flow=Flow("UDP", 0, host, 5060))
        assert caller.asserted() == f"<tel:{number}>"


async def test_credentials_of_another_user() -> None:
    registry = await registered(user("001", pwd="x"), user("002", pwd="x"))
    why = await turned_away(registry, 'Authorization: Digest username="002", nonce="1", response="1"')
    assert "does not belong to '002'" in why
    why = await turned_away(registry, 'Authorization: Digest username="nobody", nonce="1", response="1"')
    assert "does not belong to 'nobody'" in why


# -- emergency and identities
async def test_a_call_for_help_comes_by_the_emergency_registration() -> None:
    registry = await registered(user("001"))
    await registry.register("Contact: <sip:a@192.0.2.1;sos>")
    for emergency in (False, True):
        request = registry.request("INVITE", "tel:1")
        caller = await registry.identifier.identify(request, FLOW, None, emergency=emergency)
        assert caller.binding is not None
        assert (caller.binding.sos, caller.emergency) == (emergency, emergency)
    assert ANONYMOUS.emergency


async def test_the_imei_of_a_phone_without_registration_is_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr("lteims.ims.caller.log", lambda layer, level, text: lines.append(text))
    registry = Registry(user("001"))
    phone = f"Contact: <sip:192.0.2.1>;+sip.instance={IMEI_A}"
    for contact in (phone, "Contact: <sip:192.0.2.1>", "Contact: <<>", "Contact: *"):
        assert await who(registry, STRANGER, contact, callee=SOS) is ANONYMOUS
    assert ["35209900-176148-1" in line for line in lines] == [True, False, False, False]


@pytest.mark.parametrize(
    ("impus", "claim", "asserted"),
    [
        (("a",), f"sip:a@{DOMAIN}", [f"<sip:a@{DOMAIN}>"]),
        (("a", "tel:+1"), f"sip:a@{DOMAIN}", [f"<sip:a@{DOMAIN}>", "<tel:+1>"]),
        (("a", "tel:+1"), "tel:+1", ["<tel:+1>", f"<sip:a@{DOMAIN}>"]),
        (("a", "b", "tel:+1", "tel:+2"), f"sip:b@{DOMAIN}", [f"<sip:b@{DOMAIN}>", "<tel:+1>"]),
        (("a", ImpuConfig("tel:+1", associated=False)), f"sip:a@{DOMAIN}", [f"<sip:a@{DOMAIN}>"]),
        (("a", ImpuConfig("tel:+1", asserted=True)), f"sip:a@{DOMAIN}", ["<tel:+1>"]),
        (
            (ImpuConfig("a", asserted=True), ImpuConfig("tel:+1", asserted=True), "b"),
            f"sip:b@{DOMAIN}",
            [f"<sip:a@{DOMAIN}>", "<tel:+1>"],
        ),
        (("urn:service:sos", "a"), f"sip:a@{DOMAIN}", [f"<sip:a@{DOMAIN}>"]),
        (("a", "b"), f"sip:b@{DOMAIN}", [f"<sip:b@{DOMAIN}>"]),
    ],
)
async def test_all_that_is_asserted(impus: tuple[ImpuConfig | str, ...], claim: str, asserted: list[str]) -> None:
    registry = await registered(user("001", impu=impus))
    assert (await who(registry, f"From: <{claim}>;tag=1")).identities() == asserted
    assert ANONYMOUS.identities() == []


async def test_what_a_phone_asserts_itself_is_not_believed() -> None:
    registry = await registered(user("001"), user("002"))
    caller = await who(registry, f"P-Asserted-Identity: <sip:002@{DOMAIN}>")
    assert caller.identities() == [f"<sip:001@{DOMAIN}>"]
