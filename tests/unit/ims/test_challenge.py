"""Nonces and verdicts with a clock that is moved by hand: lifetimes, counts, and what the log says of silence."""

import itertools

import pytest

from lteims.aka import digest
from lteims.config import AuthentType
from lteims.ims import challenge as module
from lteims.ims.challenge import NONCE_TIME, Challenges, Verdict, credentials_of, level_of, shows_qop
from lteims.ims.hss import AuthVector
from lteims.ims.subscribers import Subscriber
from lteims.sip.headers import AuthValue
from lteims.trace import INFO
from tests.unit.ims.conftest import Lines
from tests.unit.ims.registry import DOMAIN, K, Registry, user

MD5 = AuthVector("MD5", b"secret")


@pytest.fixture
def registry() -> Registry:
    """Two users, one by password and one by AKA."""
    return Registry(user("001", pwd="secret"), user("002", k=K, authent_type=AuthentType.AKAV1))


@pytest.fixture
def ue(registry: Registry) -> Subscriber:
    """The user of the password."""
    found = registry.subscribers.by_impi("001")
    assert found is not None
    return found


def offered(registry: Registry, ue: Subscriber, vector: AuthVector = MD5, *, qop: bool = False) -> AuthValue:
    """A challenge as the phone reads it."""
    value, _ = registry.challenges.issue(ue, vector, register=True, qop=qop, stale=False)
    return AuthValue.parse(value)


def answer(
    challenge: AuthValue, password: str = "secret", nc: int = 0, spoil: dict[str, str] | None = None
) -> AuthValue:
    """The right answer to a REGISTER, but for what is spoilt."""
    fields = {"username": f"001@{DOMAIN}", "uri": f"sip:{DOMAIN}", "cnonce": "c", "qop": "auth" if nc else ""}
    fields |= {name: challenge.get(name) for name in ("realm", "nonce", "algorithm")} | {"nc": f"{nc:08x}"}
    fields |= spoil or {}
    response = digest.response(
        "MD5", fields["username"], fields["realm"], password.encode(), "REGISTER", fields["uri"], fields["nonce"],
        fields["qop"], fields["nc"], fields["cnonce"],
    )  # fmt: skip
    return AuthValue("digest", {"response": response} | fields)


def verdict(registry: Registry, ue: Subscriber, credentials: AuthValue) -> Verdict:
    return registry.challenges.judge(ue, registry.request(), credentials).verdict


async def test_silence_is_told_after_its_time(registry: Registry, lines: Lines) -> None:
    (_, sim) = registry.subscribers
    vector = await registry.hss.multimedia_auth(sim, AuthentType.AKAV1, None)
    offered(registry, sim, vector)
    registry.time.advance(NONCE_TIME - 1)
    registry.challenges.sweep()
    assert not lines.entries
    registry.time.advance(1)
    registry.challenges.sweep()
    assert lines.entries == [(INFO, f"registration of 002@{DOMAIN} failed: no answer to the 401 (AKAv1-MD5 was asked)")]
    assert registry.challenges.outstanding() == 0


@pytest.mark.parametrize("spoil", [{}, {"response": "0" * 32}, {"realm": "asterisk"}, {"algorithm": "SHA-256"}])
def test_what_was_answered_is_no_silence(
    registry: Registry, ue: Subscriber, lines: Lines, spoil: dict[str, str]
) -> None:
    verdict(registry, ue, answer(offered(registry, ue), spoil=spoil))
    registry.time.advance(NONCE_TIME)
    registry.challenges.sweep()
    assert not lines.at("no answer")


def test_silence_to_another_request_is_no_failed_registration(registry: Registry, ue: Subscriber, lines: Lines) -> None:
    registry.challenges.issue(ue, MD5, register=False, qop=False, stale=False)
    registry.time.advance(NONCE_TIME)
    registry.challenges.sweep()
    assert not lines.entries


def test_a_nonce_lives_for_its_time(registry: Registry, ue: Subscriber) -> None:
    old, new = offered(registry, ue), offered(registry, ue)
    registry.time.advance(NONCE_TIME - 1)
    assert verdict(registry, ue, answer(old)) is Verdict.OK
    registry.time.advance(1)
    assert verdict(registry, ue, answer(new)) is Verdict.STALE


def test_without_qop_it_lives_once(registry: Registry, ue: Subscriber) -> None:
    challenge = offered(registry, ue)
    assert "qop" not in challenge.params
    assert verdict(registry, ue, answer(challenge)) is Verdict.OK
    assert verdict(registry, ue, answer(challenge)) is Verdict.STALE


def test_with_qop_nc_rises(registry: Registry, ue: Subscriber) -> None:
    challenge = offered(registry, ue, qop=True)
    assert challenge.get("qop") == "auth"
    found = [verdict(registry, ue, answer(challenge, nc=nc)) for nc in (1, 2, 2, 1, 9, 3, 10)]
    ok, stale = Verdict.OK, Verdict.STALE
    assert found == [ok, ok, stale, stale, ok, stale, ok]
    assert verdict(registry, ue, answer(challenge)) is Verdict.STALE  # no way round the count


def test_what_is_used_up_costs_no_memory(registry: Registry, ue: Subscriber) -> None:
    for _ in range(5):
        assert verdict(registry, ue, answer(offered(registry, ue))) is Verdict.OK
    assert registry.challenges.outstanding() == 0


def test_without_the_name_of_the_algorithm(registry: Registry, ue: Subscriber) -> None:
    params = dict(answer(offered(registry, ue)).params)
    del params["algorithm"]
    assert verdict(registry, ue, AuthValue("digest", params)) is Verdict.OK
    assert verdict(registry, ue, AuthValue("digest", params)) is Verdict.STALE


@pytest.mark.parametrize("nc", ["", "x", "-1", "00000000"])
def test_a_bad_nc(registry: Registry, ue: Subscriber, nc: str) -> None:
    credentials = answer(offered(registry, ue, qop=True), nc=1)
    bad = AuthValue("digest", credentials.params | {"nc": nc})
    assert verdict(registry, ue, bad) in (Verdict.CHALLENGE, Verdict.STALE)


def test_an_unknown_qop(registry: Registry, ue: Subscriber) -> None:
    credentials = answer(offered(registry, ue, qop=True), nc=1)
    bad = AuthValue("digest", credentials.params | {"qop": "auth-conf"})
    assert verdict(registry, ue, bad) is Verdict.CHALLENGE


def test_a_wrong_password_ends_the_nonce(registry: Registry, ue: Subscriber) -> None:
    challenge = offered(registry, ue)
    judgement = registry.challenges.judge(ue, registry.request(), answer(challenge, "guess"))
    assert judgement.verdict is Verdict.REFUSED
    assert "wrong password" in judgement.why
    assert registry.challenges.outstanding() == 0
    assert verdict(registry, ue, answer(challenge)) is Verdict.STALE


def test_stale_only_for_a_right_digest(registry: Registry, ue: Subscriber) -> None:
    challenge = offered(registry, ue)
    registry.time.advance(NONCE_TIME)
    assert verdict(registry, ue, answer(challenge, nc=7)) is Verdict.STALE
    assert verdict(registry, ue, answer(challenge, "guess")) is Verdict.CHALLENGE
    assert verdict(registry, ue, answer(challenge, spoil={"realm": "asterisk"})) is Verdict.CHALLENGE
    bad = AuthValue("digest", answer(challenge).params | {"qop": "odd"})
    assert verdict(registry, ue, bad) is Verdict.CHALLENGE


def test_a_nonce_of_another_user(registry: Registry, ue: Subscriber) -> None:
    (_, sim) = registry.subscribers
    challenge = offered(registry, ue)
    assert registry.challenges.judge(sim, registry.request(), answer(challenge)).verdict is Verdict.CHALLENGE
    assert verdict(registry, ue, answer(challenge)) is Verdict.OK  # it is not spoilt for its owner


@pytest.mark.parametrize("name", ["realm", "algorithm"])
def test_other_fields_that_do_not_fit(registry: Registry, ue: Subscriber, name: str) -> None:
    judgement = registry.challenges.judge(ue, registry.request(), answer(offered(registry, ue), spoil={name: "odd"}))
    assert judgement.verdict is Verdict.CHALLENGE
    assert name in judgement.why


async def test_the_card_refuses(registry: Registry) -> None:
    (_, sim) = registry.subscribers
    vector = await registry.hss.multimedia_auth(sim, AuthentType.AKAV2, None)
    for more, wanted in (({"response": ""}, "MAC failure"), ({"response": "0" * 32}, "RES mismatch")):
        challenge = offered(registry, sim, vector)
        params = {name: challenge.get(name) for name in ("realm", "nonce", "algorithm")}
        judgement = registry.challenges.judge(sim, registry.request(), AuthValue("digest", params | more))
        assert judgement.verdict is Verdict.REFUSED
        assert wanted in judgement.why


async def test_auts(registry: Registry) -> None:
    (_, sim) = registry.subscribers
    vector = await registry.hss.multimedia_auth(sim, AuthentType.AKAV1, None)
    for auts, wanted in (("AAAAAAAAAAAAAAAAAAA=", Verdict.RESYNC), ("AAAA", Verdict.REFUSED), ("?", Verdict.REFUSED)):
        challenge = offered(registry, sim, vector)
        params = {name: challenge.get(name) for name in ("realm", "nonce", "algorithm")} | {"auts": auts}
        judgement = registry.challenges.judge(sim, registry.request(), AuthValue("digest", params))
        assert judgement.verdict is wanted
        assert (judgement.resync is not None) == (wanted is Verdict.RESYNC)


async def test_a_card_that_refuses_says_so_in_clear(registry: Registry) -> None:
    """It begins no SAs, so what it says cannot come by those that the 401 had begun (TS 24.229 5.1.1.5.3)."""
    (_, sim) = registry.subscribers
    vector = await registry.hss.multimedia_auth(sim, AuthentType.AKAV1, None)
    for more, wanted in (
        ({"auts": "AAAAAAAAAAAAAAAAAAA="}, Verdict.RESYNC),
        ({"response": ""}, Verdict.REFUSED),
        ({"response": "0" * 32}, Verdict.CHALLENGE),
    ):
        _, challenge = registry.challenges.issue(sim, vector, register=True, qop=False, stale=False)
        challenge.protected = True
        params = {"realm": challenge.realm, "nonce": challenge.nonce, "algorithm": "AKAv1-MD5"}
        judgement = registry.challenges.judge(sim, registry.request(), AuthValue("digest", params | more))
        assert judgement.verdict is wanted


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, registry: Registry, ue: Subscriber) -> None:
    monkeypatch.setattr(module, "MAX_NONCES", 10)
    numbers = itertools.count()
    challenges = Challenges(registry.time.clock, lambda n: next(numbers).to_bytes(n, "big"))
    for _ in range(100):
        challenges.issue(ue, MD5, register=True, qop=False, stale=False)
    assert challenges.outstanding() <= 10


def test_whose_credentials(registry: Registry) -> None:
    def known(name: str) -> bool:
        return registry.subscribers.by_impi(name) is not None

    request = registry.request(
        "INVITE", "", 'Authorization: Digest username="other"', 'Proxy-Authorization: Digest username="002"'
    )
    found = credentials_of(request, known)
    assert found is not None
    assert found.get("username") == "002"
    request = registry.request("INVITE", "", 'Authorization: Digest username="other"')
    found = credentials_of(request, known)
    assert found is not None
    assert found.get("username") == "other"
    assert credentials_of(registry.request("INVITE", "", "Authorization: Bearer abc"), known) is None
    assert credentials_of(registry.request(), known) is None


def test_small_questions() -> None:
    assert [level_of(a) for a in ("md5", "AKAv1-MD5", "akav2-md5", "SHA-256")] == ["MD5", "AKAv1", "AKAv2", None]
    assert not shows_qop(None)
    assert not shows_qop(AuthValue("digest", {"username": "a", "nonce": ""}))
    assert shows_qop(AuthValue("digest", {"cnonce": "a"}))
