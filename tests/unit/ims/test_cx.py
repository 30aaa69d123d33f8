"""The external HSS (TS 29.228 6, TS 24.229 5.4.1), played by the simulated one: what is asked, what becomes of it."""

import asyncio

import pytest

from lteims.config import AuthentType
from lteims.diameter.attributes import TGPP
from lteims.diameter.command import Result
from lteims.diameter.cx import CxResult, Ppr, Rta, Rtr
from lteims.diameter.cx_attributes import ReasonCode
from lteims.diameter.cx_auth import DigestVector
from lteims.diameter.errors import DiameterError, ResultCode
from lteims.diameter.user_data import PublicIdentity, ServiceProfile, UserData
from lteims.ims import cx, cx_reports, cx_users
from lteims.ims.cx_vectors import MOST_USERS, Vectors, auth_vector
from lteims.ims.scscf import Unauthorized
from lteims.net.sip_flow import Flow
from lteims.sip.errors import SipError
from lteims.sip.uri import parse_uri
from tests.unit.ims.conftest import Lines
from tests.unit.ims.cx_lab import (
    HSS,
    IMPI,
    IMPU,
    IMSI,
    KEY,
    OWN,
    S_CSCF,
    SOFT,
    TEL,
    CxRegistry,
    Ue,
    subscription,
    texts,
)
from tests.unit.ims.registry import DOMAIN
from tests.waiting import until

FLOW = Flow("UDP", 0, "192.0.2.7", 5060)


async def refused(ue: Ue, code: int, **more: object) -> SipError:
    with pytest.raises(SipError) as refusal:
        await ue.register(**more)  # type: ignore[arg-type]
    assert refusal.value.code == code, refusal.value
    return refusal.value


def no_faults(registry: CxRegistry) -> None:
    assert registry.sim.faults == [], "\n".join(registry.sim.ladder)


# -- registration
async def test_a_card_registers_refreshes_and_leaves() -> None:
    registry = CxRegistry()
    ue = Ue(registry)
    subscriber, impu, (binding,) = await ue.register()
    assert [name.partition(" ")[0] for name in registry.wire.names] == ["UAR", "MAR", "UAR", "SAR"]
    assert ue.challenges[0].get("algorithm") == "AKAv1-MD5"
    assert (subscriber.impi, impu.uri.text, binding.impu_key) == (IMPI, IMPU, f"sip:{IMSI}@{DOMAIN}")
    assert texts(subscriber.impus) == [IMPU, TEL]
    assert registry.registrar.associated_uris(subscriber, binding) == [f"<{IMPU}>", f"<{TEL}>"]
    assert subscriber.user.imsi == IMSI
    assert registry.subscribers.by_impu(parse_uri(TEL)) == (subscriber, subscriber.impus[1])
    assert registry.sim.users[IMPI].server == S_CSCF
    await ue.register()
    assert "SAR RE_REGISTRATION" in registry.wire.names
    await ue.register(expires=0)
    await registry.settle()
    assert registry.contacts() == []
    assert registry.wire.names[-1] == "SAR USER_DEREGISTRATION"
    assert not registry.sim.users[IMPI].registered
    no_faults(registry)


async def test_a_password() -> None:
    registry = CxRegistry()
    ue = Ue(registry, SOFT, password="secret")
    await ue.register()
    assert ue.challenges[0].get("algorithm") == "MD5"
    assert ue.challenges[0].get("realm") == DOMAIN
    no_faults(registry)
    wrong = Ue(registry, SOFT, password="guess")
    await refused(wrong, 403)
    await registry.settle()
    assert registry.wire.names[-1] == "SAR AUTHENTICATION_FAILURE"


async def test_a_softphone_that_begins_without_credentials() -> None:
    registry = CxRegistry()
    ue = Ue(registry, SOFT, password="secret")
    with pytest.raises(Unauthorized) as refusal:
        await registry.registrar.register(ue.request(""), FLOW)
    await registry.registrar.register(ue.request(ue.answer(refusal.value)), FLOW)
    assert registry.contacts() == [f"sip:{SOFT}@192.0.2.7"]


@pytest.mark.parametrize(
    ("named", "given"), [("AKAv2-MD5", "AKAv2-MD5"), ("AKAv1-MD5", "AKAv1-MD5"), ("MD5", "AKAv1-MD5")]
)
async def test_the_phone_says_what_it_can(named: str, given: str) -> None:
    registry = CxRegistry()
    ue = Ue(registry)
    ue.algorithm = named
    await ue.register()
    assert ue.challenges[0].get("algorithm") == given
    no_faults(registry)


async def test_ipsec_asks_for_a_card() -> None:
    """Security-Client: whoever offers SAs needs CK and IK (TS 24.229 5.4.1.2.1)."""
    registry = CxRegistry(subscription(pwd="secret", k=KEY))
    ue = Ue(registry)
    with pytest.raises(Unauthorized) as refusal:
        await ue.register(
            "Security-Client: ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=3;port-s=4", challenges=0
        )
    vector = refusal.value.challenge.vector
    ue.answer(refusal.value)
    assert vector.aka is not None
    assert (vector.aka.ck, vector.aka.ik) == (ue.auth.ck, ue.auth.ik)


async def test_vectors_are_kept_and_used_in_their_order() -> None:
    registry = CxRegistry()
    ue = Ue(registry)
    for _ in range(cx.COUNT):
        await ue.register()
    assert registry.wire.names.count("MAR") == 1
    assert len({challenge.get("nonce") for challenge in ue.challenges}) == cx.COUNT
    await ue.register()
    assert registry.wire.names.count("MAR") == 1
    assert not [verdict for verdict in ue.auth.verdicts if type(verdict).__name__ != "Accepted"]
    registry.sim.most_vectors = 1
    await ue.register()


async def test_resynchronisation() -> None:
    registry = CxRegistry()
    ue = Ue(registry, sqn=1 << 20)
    await ue.register(challenges=2)
    assert registry.wire.names.count("MAR") == 2
    assert registry.sim.users[IMPI].authentication.resynchronisations == 1
    assert len(ue.auth.verdicts) == 2
    no_faults(registry)


async def test_an_auts_of_another_card() -> None:
    registry = CxRegistry()
    ue = Ue(registry, sqn=1 << 20)
    registry.sim.refused["SAR"] = CxResult.ERROR_USER_UNKNOWN.result
    with pytest.raises(Unauthorized) as refusal:
        await ue.register(challenges=0)
    answer = ue.answer(refusal.value).replace('auts="', 'auts="AAAA')
    with pytest.raises(SipError) as wrong:
        await registry.registrar.register(ue.request(answer), FLOW)
    assert wrong.value.code == 403


async def test_who_is_in_ue_db_is_not_asked_of_the_hss() -> None:
    registry = CxRegistry()
    _, _, bindings = await registry.register("Contact: <sip:a@192.0.2.1>")
    assert len(bindings) == 1
    assert registry.wire.names == []
    await registry.register("Contact: <sip:a@192.0.2.1>", "Expires: 0")
    await registry.settle()
    assert registry.wire.names == []


async def test_nobody_takes_an_identity_of_ue_db() -> None:
    registry = CxRegistry()
    ue = Ue(registry, impu=f"sip:{OWN}@{DOMAIN}")
    await refused(ue, 403)
    assert registry.wire.names == []


async def test_a_challenge_that_nobody_answers() -> None:
    registry = CxRegistry()
    with pytest.raises(Unauthorized):
        await Ue(registry).register(challenges=0)
    registry.time.advance(300)
    registry.challenges.sweep()
    await registry.settle()
    assert registry.wire.names[-1] == "SAR AUTHENTICATION_TIMEOUT"
    assert registry.sim.users[IMPI].server == ""
    no_faults(registry)


async def test_a_challenge_that_was_followed_by_another_one() -> None:
    """The answer to the first one was lost, and the phone has begun anew."""
    registry = CxRegistry()
    with pytest.raises(Unauthorized):
        await Ue(registry).register(challenges=0)
    await Ue(registry).register()
    registry.wire.asked.clear()
    registry.time.advance(300)
    registry.challenges.sweep()
    await registry.settle()
    assert registry.wire.names == []
    no_faults(registry)


async def test_what_is_refused_anyway_the_hss_does_not_hear_of() -> None:
    registry = CxRegistry()
    await refused(Ue(registry), 423, expires=1)
    assert not registry.sim.users[IMPI].registered


async def test_a_registration_that_expires() -> None:
    registry = CxRegistry()
    await Ue(registry).register()
    registry.time.advance(601)
    await registry.settle()
    assert registry.wire.names[-1] == "SAR TIMEOUT_DEREGISTRATION"
    assert registry.cx.load()["away"] == 1


async def test_a_phone_that_takes_over_leaves_the_user_registered() -> None:
    """Without multi_sim the first contact ends a moment before the second one is bound."""
    registry = CxRegistry()
    for imei in ("35209900-176148-1", "35209900-176149-9"):
        host = f"192.0.2.{len(imei) + int(imei[-1])}"
        await Ue(registry, host=host).register(
            f'Contact: <sip:x@{host}>;+sip.instance="<urn:gsma:imei:{imei}>"', "Call-ID: x" + imei
        )
    await registry.settle()
    assert len(registry.contacts()) == 1
    assert "SAR ADMINISTRATIVE_DEREGISTRATION" not in registry.wire.names
    assert registry.sim.users[IMPI].registered


async def test_an_emergency_registration() -> None:
    registry = CxRegistry()
    await Ue(registry).register("Contact: <sip:x@192.0.2.7>;sos")
    assert registry.wire.asked[0].emergency
    assert registry.wire.asked[-1].type.name == "REGISTRATION"
    assert (await registry.sim.terminate(IMPI)).code == ResultCode.DIAMETER_LIMITED_SUCCESS
    assert len(registry.contacts()) == 1  # TS 24.229 5.4.8.4
    answer = await registry.pushes.serve(Rtr(IMPI, ReasonCode.SERVER_CHANGE), "s", HSS)
    assert answer == Rta(Result(ResultCode.DIAMETER_LIMITED_SUCCESS), ((IMPI, IMPU),))
    registry.time.advance(601)
    await registry.settle()
    assert registry.contacts() == []


# -- answers that refuse, and none
@pytest.mark.parametrize("command", ["UAR", "MAR", "SAR"])
@pytest.mark.parametrize(
    ("result", "code"),
    [
        (CxResult.ERROR_USER_UNKNOWN.result, 403),
        (CxResult.ERROR_IDENTITIES_DONT_MATCH.result, 403),
        (CxResult.ERROR_ROAMING_NOT_ALLOWED.result, 403),
        (CxResult.ERROR_IDENTITY_NOT_REGISTERED.result, 403),
        (Result(ResultCode.DIAMETER_AUTHORIZATION_REJECTED), 403),
        (Result(ResultCode.DIAMETER_UNABLE_TO_COMPLY), 500),
        (Result(ResultCode.DIAMETER_TOO_BUSY), 500),
        (CxResult.ERROR_IDENTITY_ALREADY_REGISTERED.result, 500),
        (Result(ResultCode.DIAMETER_UNABLE_TO_DELIVER), 504),
        (Result(5999, TGPP), 500),
    ],
)
async def test_refusals(command: str, result: Result, code: int) -> None:
    registry = CxRegistry()
    registry.sim.refused[command] = result
    error = await refused(Ue(registry), code)
    assert ("retry-after" in error.headers) is (code >= 500)
    assert f"the HSS says {result}" in error.why
    assert registry.contacts() == []


@pytest.mark.parametrize("command", ["UAR", "MAR", "SAR"])
async def test_an_answer_that_does_not_come(command: str) -> None:
    registry = CxRegistry()
    registry.sim.lost.add(command)
    error = await refused(Ue(registry), 504)
    assert error.headers == {"retry-after": cx.RETRY_AFTER}
    registry.sim.lost.clear()
    await Ue(registry, sqn=0).register(challenges=2)
    assert registry.cx.load()["asked"] == 0


async def test_a_hss_that_is_not_connected() -> None:
    registry = CxRegistry()
    registry.wire.down = True
    error = await refused(Ue(registry), 500)
    assert error.headers == {"retry-after": cx.RETRY_AFTER}
    assert registry.wire.names == ["UAR"]  # by that the connection is tried at once, and not when its pause is over
    assert registry.cx.load()["asked"] == 0
    _, _, bindings = await registry.register("Contact: <sip:a@192.0.2.1>")  # ue_db needs no HSS
    assert len(bindings) == 1


async def test_a_scheme_that_the_user_has_not() -> None:
    registry = CxRegistry()
    ue = Ue(registry, SOFT, password="secret")
    ue.algorithm = "AKAv1-MD5"
    await ue.register()  # what the HSS has is asked for in its place
    assert ue.challenges[0].get("algorithm") == "MD5"
    registry.sim.refused["MAR"] = CxResult.ERROR_AUTH_SCHEME_NOT_SUPPORTED.result
    await refused(Ue(registry), 403)


async def test_identities_that_are_none() -> None:
    registry = CxRegistry()
    await refused(Ue(registry, impi="x" * 300 + "@" + DOMAIN), 403)
    await refused(Ue(registry, impu="tel:+999"), 403)  # the HSS does not know it
    assert len(registry.wire.names) == 1


def crowd(number: int, barred: bool = False) -> bytes:
    """A profile with so many identities."""
    identities = tuple(PublicIdentity(f"tel:+{n}", barred=barred) for n in range(number))
    return UserData(IMPI, (ServiceProfile(identities),)).encode()


@pytest.mark.parametrize(
    ("document", "code", "kind"),
    [
        (b"<x/>", 500, "ADMINISTRATIVE_DEREGISTRATION"),
        (b"\xff", 500, "ADMINISTRATIVE_DEREGISTRATION"),
        (crowd(0), 500, "ADMINISTRATIVE_DEREGISTRATION"),
        (crowd(1001), 500, "DEREGISTRATION_TOO_MUCH_DATA"),
        (bytes((1 << 18) + 1), 500, "DEREGISTRATION_TOO_MUCH_DATA"),
        (crowd(2, barred=True), 403, "ADMINISTRATIVE_DEREGISTRATION"),
    ],
)
async def test_a_profile_that_cannot_be_used(document: bytes, code: int, kind: str) -> None:
    """The HSS believes that the user is registered here, and hears that it is not."""
    registry = CxRegistry()
    registry.sim.document = lambda user, sar: document
    error = await refused(Ue(registry), code)
    assert ("retry-after" in error.headers) is (code == 500)
    assert registry.contacts() == []
    await registry.settle()
    assert registry.wire.names[-2:] == ["SAR REGISTRATION", f"SAR {kind}"]
    assert not registry.sim.users[IMPI].registered
    assert registry.cx.load() == {"asked": 0, "tasks": 0, "owed": 0, "vectors": 0, "users": 0, "away": 0}
    registry.sim.document = None
    await Ue(registry, sqn=1 << 5).register(challenges=2)
    no_faults(registry)


async def test_a_refresh_whose_profile_cannot_be_used() -> None:
    """The user is registered as before."""
    registry = CxRegistry()
    ue = Ue(registry)
    await ue.register()
    registry.sim.users[IMPI].registered = False  # or it would send none
    registry.sim.document = lambda user, sar: b"<x/>"
    await refused(ue, 500)
    await registry.settle()
    assert registry.wire.names[-1] == "SAR REGISTRATION"
    assert len(registry.contacts()) == 1


async def test_a_hss_that_has_forgotten_the_registration() -> None:
    registry = CxRegistry()
    ue = Ue(registry)
    await ue.register()
    registry.sim.users[IMPI].registered = False
    await ue.register()
    assert registry.wire.names[-2:] == ["SAR RE_REGISTRATION", "SAR REGISTRATION"]


async def ended_unheard() -> CxRegistry:
    """A registration has expired while the HSS was away."""
    registry = CxRegistry()
    await Ue(registry).register()
    registry.wire.down = True
    registry.time.advance(601)
    await registry.settle()
    assert registry.cx.load()["owed"] == 1
    return registry


async def test_an_end_that_the_hss_does_not_hear_of_is_told_later(lines: Lines) -> None:
    registry = await ended_unheard()
    assert lines.at("does not hear of the timeout deregistration")
    registry.wire.down = False
    registry.cx.reports.on_state(HSS)  # type: ignore[arg-type]
    await registry.settle()
    assert registry.cx.load()["owed"] == 0
    assert not registry.sim.users[IMPI].registered
    no_faults(registry)


async def test_an_end_that_is_owed_is_not_told_once_the_hss_has_ended_the_registration() -> None:
    """It may have given the user another server since, whose registration that would end."""
    registry = await ended_unheard()
    assert (await registry.sim.terminate(IMPI, ReasonCode.NEW_SERVER_ASSIGNED)).ok
    registry.wire.down = False
    registry.wire.asked.clear()
    registry.cx.reports.on_state(HSS)  # type: ignore[arg-type]
    await registry.settle()
    assert registry.wire.names == []
    no_faults(registry)


@pytest.mark.parametrize("well", [True, False])
async def test_a_contact_that_expires_while_it_is_refreshed(well: bool) -> None:
    """The end would come to the HSS behind the registration, and be the last that it hears."""
    registry = CxRegistry()
    ue = Ue(registry)
    await ue.register()
    await ue.register()  # the card counts on
    registry.wire.asked.clear()
    registry.wire.held = asyncio.Event()
    again = asyncio.create_task(ue.register())
    for _ in range(3):  # UAR, and MAR or SAR
        await registry.settle()
        if any(name.startswith("SAR") for name in registry.wire.names):
            break
        registry.wire.held.set()
        registry.wire.held = asyncio.Event()
    registry.time.advance(601)
    await registry.settle()
    assert registry.wire.names == []
    if not well:
        registry.sim.refused["SAR"] = CxResult.ERROR_IN_ASSIGNMENT_TYPE.result
    registry.wire.held.set()
    if well:
        await again
    else:
        with pytest.raises(SipError):
            await again
    registry.sim.refused.clear()
    await registry.settle()
    assert len(registry.contacts()) == well
    assert registry.cx.load()["owed"] == (not well)
    registry.cx.reports.on_state(HSS)  # type: ignore[arg-type]
    await registry.settle()
    assert registry.sim.users[IMPI].registered is well
    await registry.cx.reports.close()


async def test_an_end_that_was_not_answered_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cx_reports, "AGAIN", 0.01)
    registry = CxRegistry()
    await Ue(registry).register()
    registry.sim.lost.add("SAR")
    registry.wire.asked.clear()
    registry.time.advance(601)
    await until(lambda: len(registry.wire.asked) > 1)
    assert set(registry.wire.names) == {"SAR TIMEOUT_DEREGISTRATION"}
    registry.sim.lost.clear()
    await until(lambda: registry.cx.load()["owed"] == 0)
    assert not registry.sim.users[IMPI].registered
    await registry.cx.reports.close()
    no_faults(registry)


@pytest.mark.parametrize(("code", "vendor", "owed"), [(3004, 0, 1), (4002, 0, 1), (5012, 0, 0), (5001, TGPP, 0)])
async def test_an_end_that_the_hss_has_no_time_for(code: int, vendor: int, owed: int) -> None:
    registry = CxRegistry()
    await Ue(registry).register()
    registry.sim.refused["SAR"] = Result(code, vendor)
    registry.time.advance(601)
    await registry.settle()
    assert registry.cx.load()["owed"] == owed
    registry.sim.refused.clear()
    registry.cx.reports.on_state(HSS)  # type: ignore[arg-type]
    await registry.settle()
    assert registry.sim.users[IMPI].registered is not bool(owed)


async def test_ends_of_many_registrations_leave_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cx_reports, "MOST_REPORTS", 3)
    imsis = [f"00102{n:010}" for n in range(20)]
    registry = CxRegistry(*(subscription(imsi, imsi) for imsi in imsis))
    for imsi in imsis:
        await Ue(registry, imsi).register()
    registry.wire.held = asyncio.Event()
    registry.time.advance(601)
    await registry.settle()
    assert registry.cx.load() | {"vectors": 0} == {
        "asked": 3, "tasks": 20, "owed": 0, "vectors": 0, "users": 20, "away": 20,
    }  # fmt: skip
    returned = asyncio.ensure_future(Ue(registry, imsis[-1], sqn=1 << 10).register(challenges=2))
    await registry.settle()
    registry.wire.held.set()
    await returned
    for _ in range(20):
        await registry.settle()
    assert [user.registered for user in registry.sim.users.values()] == [False] * 19 + [True]


# -- floods
async def test_a_flood_of_unknown_users_costs_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cx, "MOST_ASKED", 20)
    registry = CxRegistry()
    registry.wire.held = asyncio.Event()
    tasks = [asyncio.ensure_future(Ue(registry, f"00199{n:010}").register()) for n in range(50)]
    await registry.settle()
    assert registry.cx.load()["asked"] == 20
    registry.wire.held.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    codes = sorted(error.code for error in results if isinstance(error, SipError))
    assert codes == [403] * 20 + [500] * 30
    assert registry.cx.load() == {"asked": 0, "tasks": 0, "owed": 0, "vectors": 0, "users": 0, "away": 0}
    assert len(list(registry.subscribers)) == 1


def test_vectors_of_so_many_users_are_kept() -> None:
    vectors = Vectors()
    for n in range(MOST_USERS + 5):
        vectors.remember(f"{n}", "x")
    assert (vectors.identity("4"), vectors.identity("5")) == ("", "x")


async def test_users_without_a_contact_are_forgotten_from_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cx_users, "MOST_AWAY", 1)
    registry = CxRegistry(subscription(), subscription(SOFT, SOFT))
    for imsi in (IMSI, SOFT):
        ue = Ue(registry, imsi)
        await ue.register()
        await ue.register(expires=0)
        await registry.settle()
    assert registry.cx.load()["users"] == 1
    assert registry.subscribers.by_impi(IMPI) is None
    assert registry.subscribers.by_impu(parse_uri(TEL)) is None
    assert registry.subscribers.by_impi(f"{SOFT}@{DOMAIN}") is not None
    assert set(registry.store.load(cx_users.KIND)) == {f"{SOFT}@{DOMAIN}"}


# -- profiles
async def test_barred_and_shown_and_wildcarded_identities() -> None:
    registry = CxRegistry()
    registry.sim.users[IMPI].identities = (
        PublicIdentity(IMPU, barred=True),
        PublicIdentity(TEL, display_name="Ada"),
        PublicIdentity("sip:desk1@other.example", wildcard="sip:desk!.*!@other.example"),
    )
    subscriber, impu, (binding,) = await Ue(registry).register()
    assert impu.uri.text == TEL  # a barred identity is for registration alone
    assert registry.registrar.associated_uris(subscriber, binding)[0] == f'"Ada" <{TEL}>'
    assert registry.subscribers.by_impu(parse_uri(IMPU)) is None
    found = registry.subscribers.by_impu(parse_uri("sip:desk77@other.example"))
    assert found is not None
    assert found[0] is subscriber
    assert registry.subscribers.is_local("other.example")
    await Ue(registry, sqn=1 << 5).register(challenges=2)
    assert len(registry.contacts()) == 1


async def test_all_identities_barred() -> None:
    registry = CxRegistry()
    registry.sim.bar(IMPI, IMPU, TEL)
    await refused(Ue(registry), 403)
    assert registry.cx.load()["users"] == 0


async def test_a_second_registration_set() -> None:
    registry = CxRegistry(subscription(IMSI, IMSI, TEL, "other"))
    other = f"sip:other@{DOMAIN}"
    user = registry.sim.users[IMPI]
    everything = user.identities
    one, two = UserData(IMPI, (ServiceProfile(everything[:2]),)), UserData(IMPI, (ServiceProfile(everything[2:]),))
    registry.sim.document = lambda user, sar: (two if other in sar.impus else one).encode()
    await Ue(registry).register()
    subscriber, impu, _ = await Ue(registry, impu=other, sqn=1 << 5).register("Call-ID: two", challenges=2)
    assert impu.uri.text == other
    assert sorted(texts(subscriber.impus)) == sorted([IMPU, TEL, other])


async def test_a_number_that_moves_to_another_card() -> None:
    """The HSS gives an identity to a second user; it is that one's while the first has no contact."""
    registry = CxRegistry(subscription(), subscription(SOFT, SOFT, TEL))
    first, second = Ue(registry), Ue(registry, SOFT, host="192.0.2.8")
    for ue in (first, second):
        await ue.register()
    owner = registry.subscribers.by_impu(parse_uri(TEL))
    assert owner is not None
    assert owner[0].impi == IMPI
    await first.register(expires=0)
    await second.register()
    owner = registry.subscribers.by_impu(parse_uri(TEL))
    assert owner is not None
    assert owner[0].impi == f"{SOFT}@{DOMAIN}"
    await registry.settle()
    registry.users.forget(IMPI)
    assert registry.subscribers.by_impu(parse_uri(TEL)) == owner
    assert registry.subscribers.by_impu(parse_uri(IMPU)) is None


# -- PPR and RTR
async def test_a_new_profile() -> None:
    registry = CxRegistry()
    subscriber, _, (binding,) = await Ue(registry).register()
    registry.events.clear()
    result = await registry.sim.push(IMPI, [TEL, "tel:+4912"])
    assert result.ok
    assert texts(subscriber.impus) == [TEL, "tel:+4912"]
    assert registry.events == [("refreshed", binding.contact)]
    assert registry.subscribers.by_impu(parse_uri(IMPU)) is None
    assert registry.subscribers.by_impu(parse_uri("tel:+4912")) == (subscriber, subscriber.impus[1])
    assert binding.impu_key == TEL


async def test_profiles_that_cannot_be() -> None:
    registry = CxRegistry()
    await Ue(registry).register()
    barred = UserData(IMPI, (ServiceProfile((PublicIdentity(IMPU, barred=True),)),)).encode()
    for data in (b"rubbish", barred):
        with pytest.raises(DiameterError) as error:
            await registry.pushes.serve(Ppr(IMPI, data), "s", HSS)
        assert error.value.result_code == CxResult.ERROR_NOT_SUPPORTED_USER_DATA
    assert (await registry.pushes.serve(Ppr(IMPI), "s", HSS)).result.ok
    for request in (Ppr("nobody@x"), Rtr("nobody@x", ReasonCode.SERVER_CHANGE)):
        with pytest.raises(DiameterError) as error:
            await registry.pushes.serve(request, "s", HSS)
        assert error.value.result_code == CxResult.ERROR_USER_UNKNOWN
    assert texts(next(s for s in registry.subscribers if s.external).impus) == [IMPU, TEL]


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        (ReasonCode.PERMANENT_TERMINATION, "rejected"),
        (ReasonCode.SERVER_CHANGE, "deactivated"),
        (ReasonCode.NEW_SERVER_ASSIGNED, "moved"),
        (ReasonCode.REMOVE_S_CSCF, "moved"),
    ],
)
async def test_the_hss_ends_a_registration(reason: ReasonCode, event: str) -> None:
    registry = CxRegistry()
    await Ue(registry).register()
    registry.events.clear()
    registry.wire.names  # noqa: B018
    assert (await registry.sim.terminate(IMPI, reason)).ok
    await registry.settle()
    assert [what for what, _ in registry.events] == [event]
    assert registry.wire.names == []  # the HSS knows
    assert registry.subscribers.by_impi(IMPI) is None
    assert registry.cx.load()["users"] == 0
    await Ue(registry, sqn=1 << 5).register(challenges=2)
    no_faults(registry)


async def test_vectors_of_before_the_hss_ended_a_registration_are_not_used() -> None:
    registry = CxRegistry()
    ue = Ue(registry)
    await ue.register()
    assert registry.cx.load()["vectors"] == cx.COUNT - 1
    await registry.sim.terminate(IMPI, ReasonCode.SERVER_CHANGE)
    await registry.settle()
    assert registry.cx.load()["vectors"] == 0
    registry.wire.asked.clear()
    await ue.register(challenges=2)
    assert "MAR" in registry.wire.names  # by which the HSS knows again who is to serve the user
    no_faults(registry)


async def test_the_hss_ends_a_registration_that_is_being_refreshed() -> None:
    registry = CxRegistry()
    ue = Ue(registry)
    await ue.register()
    registry.wire.held = asyncio.Event()
    again = asyncio.create_task(ue.register())
    await registry.settle()
    assert (await registry.sim.terminate(IMPI, ReasonCode.SERVER_CHANGE)).ok
    registry.wire.held.set()
    await again
    await registry.settle()
    assert len(registry.contacts()) == 1
    assert registry.cx.load()["users"] == 1
    assert registry.cx.load()["away"] == 0
    assert registry.users.by_impi(IMPI) is registry.subscribers.by_impi(IMPI)


async def test_an_identity_is_taken_with_what_is_registered_together_with_it() -> None:
    registry = CxRegistry()
    await Ue(registry).register()
    with pytest.raises(DiameterError) as error:
        await registry.sim.terminate(IMPI, ReasonCode.SERVER_CHANGE, ("tel:+1",))
    assert error.value.result_code == CxResult.ERROR_IDENTITIES_DONT_MATCH
    assert len(registry.contacts()) == 1
    await registry.sim.terminate(IMPI, ReasonCode.SERVER_CHANGE, (TEL,), "moved to another town")
    assert registry.contacts() == []


async def test_an_operator_ends_a_registration() -> None:
    registry = CxRegistry()
    subscriber, _, (binding,) = await Ue(registry).register()
    registry.subscribers.unbind(subscriber, binding, "deactivated")
    await registry.settle()
    assert registry.wire.names[-1] == "SAR ADMINISTRATIVE_DEREGISTRATION"


# -- who is called
@pytest.mark.parametrize(
    ("uri", "known"),
    [(TEL, True), (f"sip:{IMSI}@{DOMAIN};user=phone", True), ("tel:+1", False), (f"sip:nobody@{DOMAIN}", False)],
)
async def test_location(uri: str, known: bool) -> None:
    registry = CxRegistry()
    assert await registry.cx.location_info(parse_uri(uri)) is known
    assert registry.wire.names == ["LIR"]


async def test_locations_that_no_hss_is_asked_for() -> None:
    registry = CxRegistry()
    for uri in ("urn:service:sos", "sip:a@elsewhere.example", f"sip:{DOMAIN}"):
        assert not await registry.cx.location_info(parse_uri(uri))
    assert registry.wire.names == []


async def test_the_location_that_nobody_can_tell() -> None:
    registry = CxRegistry()
    registry.sim.lost.add("LIR")
    with pytest.raises(SipError) as error:
        await registry.cx.location_info(parse_uri(TEL))
    assert (error.value.code, error.value.headers) == (504, {"retry-after": cx.RETRY_AFTER})


async def test_who_is_served_elsewhere(lines: Lines) -> None:
    registry = CxRegistry()
    registry.sim.users[IMPI].server = "sip:other.example.org"
    assert await registry.cx.location_info(parse_uri(TEL))
    assert lines.at("the HSS says sip:other.example.org")
    await Ue(registry).register()
    assert lines.at(f"{IMPI} was served by sip:other.example.org; it is taken over")


async def test_who_is_not_registered_is_taken_on() -> None:
    """LIR and SAR: the user is known here by all its identities, and registers as others do."""
    registry = CxRegistry()
    found = await registry.cx.unregistered_user(parse_uri(TEL))
    assert found is not None
    subscriber, impu = found
    assert registry.wire.names == ["LIR", "SAR UNREGISTERED_USER"]
    assert (subscriber.impi, impu.uri.text, texts(subscriber.impus)) == (IMPI, TEL, [IMPU, TEL])
    assert registry.subscribers.by_impu(parse_uri(IMPU)) == (subscriber, subscriber.impus[0])
    assert registry.cx.load()["away"] == 1
    assert registry.sim.users[IMPI].server == S_CSCF
    assert not registry.sim.users[IMPI].registered
    assert (await Ue(registry).register())[0] is subscriber
    assert registry.wire.names[-1] == "SAR REGISTRATION"
    assert registry.cx.load()["away"] == 0
    no_faults(registry)


async def test_who_is_taken_on_over_a_restart() -> None:
    before = CxRegistry()
    await before.cx.unregistered_user(parse_uri(TEL))
    after = CxRegistry(store=before.store, hss=before.sim)
    assert after.users.restore() == 1
    assert after.subscribers.by_impu(parse_uri(TEL)) is not None
    after.cx.reports.restored()
    after.cx.reports.on_state(HSS)  # type: ignore[arg-type]
    await after.settle()
    assert after.sim.users[IMPI].server == ""
    no_faults(after)


async def test_who_cannot_be_taken_on() -> None:
    registry = CxRegistry(subscription(), subscription(OWN, "tel:+4999"))
    assert await registry.cx.unregistered_user(parse_uri("tel:+1")) is None
    assert await registry.cx.unregistered_user(parse_uri("sip:a@elsewhere.example")) is None
    user = registry.sim.users[IMPI]
    for change, code in (
        (lambda: setattr(user, "server", "sip:other.example.org"), 480),
        (lambda: setattr(user, "server", ""), 500),
        (lambda: registry.sim.refused.update(SAR=CxResult.ERROR_USER_UNKNOWN.result), 403),
        (lambda: registry.sim.lost.add("LIR"), 504),
    ):
        registry.sim.document = lambda user, sar: b"<x/>"
        change()
        with pytest.raises(SipError) as error:
            await registry.cx.unregistered_user(parse_uri(TEL))
        assert error.value.code == code
        await registry.settle()
    registry.sim.lost.clear()
    registry.sim.refused.clear()
    with pytest.raises(SipError, match="who cannot be taken on"):  # ue_db has that user
        await registry.cx.unregistered_user(parse_uri("tel:+4999"))
    assert registry.cx.load()["users"] == 0


async def test_a_second_set_of_identities_of_somebody_who_is_here() -> None:
    registry = CxRegistry(subscription(IMSI, IMSI, TEL, "tel:+4912"))
    registry.sim.document = lambda user, sar: UserData(
        IMPI, (ServiceProfile(tuple(map(PublicIdentity, (IMPU, TEL)))),)
    ).encode()
    subscriber, _, _ = await Ue(registry).register()
    registry.sim.users[IMPI].registered = False  # as for that set
    assert await registry.cx.unregistered_user(parse_uri("tel:+4912")) == (subscriber, subscriber.impus[0])
    assert texts(subscriber.impus) == [IMPU, TEL]


# -- a restart
async def test_registrations_over_a_restart() -> None:
    before = CxRegistry(subscription(), subscription(SOFT, SOFT))
    await Ue(before).register()
    other = Ue(before, SOFT)
    await other.register(expires=60)
    after = CxRegistry(store=before.store, hss=before.sim)
    after.time.advance(100)
    assert after.users.restore() == 2
    assert after.subscribers.restore(1) == 1
    after.cx.reports.restored()
    subscriber = after.subscribers.by_impi(IMPI)
    assert subscriber is not None
    assert subscriber.external
    assert texts(subscriber.impus) == [IMPU, TEL]
    assert after.cx.load() | {"vectors": 0} == {"asked": 0, "tasks": 0, "owed": 1, "vectors": 0, "users": 2, "away": 1}
    after.cx.reports.on_state(HSS)  # type: ignore[arg-type]
    await after.settle()
    assert after.wire.names == ["SAR TIMEOUT_DEREGISTRATION"]
    assert not after.sim.users[f"{SOFT}@{DOMAIN}"].registered
    assert after.sim.users[IMPI].registered
    no_faults(after)


async def test_a_state_file_with_rubbish(lines: Lines) -> None:
    registry = CxRegistry()
    registry.store.put(cx_users.KIND, IMPI, b"rubbish")
    registry.store.put(cx_users.KIND, f"{OWN}@{DOMAIN}", b"")
    assert registry.users.restore() == 0
    assert len(lines.at("is left out")) == 2
    assert registry.store.load(cx_users.KIND) == {}


# -- vectors
def test_algorithms_that_nothing_speaks() -> None:
    with pytest.raises(SipError) as error:
        auth_vector("a", DigestVector("r", "0" * 32, algorithm="SHA-256"))
    assert error.value.code == 403


@pytest.mark.parametrize("level", [AuthentType.AKAV1, None])
async def test_a_hss_without_vectors(level: AuthentType | None) -> None:
    registry = CxRegistry()
    registry.sim.most_vectors = 0
    await refused(Ue(registry), 403)
