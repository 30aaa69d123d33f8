"""The embedded HSS: whose a registration is, vectors, and the SQN that never goes back."""

import pytest

from lteims.aka.algorithm import new_algorithm
from lteims.aka.usim import Accepted, SyncFailure, Usim
from lteims.config import AuthentType, SimAlgo
from lteims.ims.hss import KIND, Resync
from lteims.ims.subscribers import Subscriber
from lteims.sip.errors import SipError
from lteims.sip.uri import parse_uri
from lteims.store.memory import MemoryStore
from tests.unit.ims.conftest import Lines
from tests.unit.ims.registry import DOMAIN, K, Registry, user

AKA = AuthentType.AKAV1
SIM = user("001", k=K, authent_type=AKA, sqn=bytes.fromhex("000000001005"))


def card(sqn_ms: int = 0) -> Usim:
    return Usim(new_algorithm("xor", K), sqn_ms=sqn_ms)


def stored(registry: Registry) -> dict[str, int]:
    return {impi: int.from_bytes(value, "big") for impi, value in registry.store.load(KIND).items()}


async def test_the_sqn_is_stored_before_the_vector_leaves() -> None:
    registry = Registry(SIM)
    phone, seen = card(), []
    for _ in range(40):
        vector = await registry.hss.multimedia_auth(registry.only, AKA, None)
        assert vector.aka is not None
        assert isinstance(phone.authenticate(vector.aka.rand, vector.aka.autn), Accepted)
        assert stored(registry) == {registry.only.impi: phone.sqn_ms}
        seen.append(phone.sqn_ms)
    assert seen[0] > 0x1005
    assert seen == sorted(set(seen))


async def test_the_sqn_goes_on_where_it_was() -> None:
    store = MemoryStore()
    first = Registry(SIM, store=store)
    await first.hss.multimedia_auth(first.only, AKA, None)
    again = Registry(SIM, store=store)
    assert again.hss.sqn(again.only) == first.hss.sqn(first.only)
    await again.hss.multimedia_auth(again.only, AKA, None)
    assert again.hss.sqn(again.only) > first.hss.sqn(first.only)


async def test_resynchronisation(lines: Lines) -> None:
    registry = Registry(SIM)
    vector = await registry.hss.multimedia_auth(registry.only, AKA, None)
    assert vector.aka is not None
    ahead = card(0x5555_0000 | registry.hss.sqn(registry.only) & 31)
    verdict = ahead.authenticate(vector.aka.rand, vector.aka.autn)
    assert isinstance(verdict, SyncFailure)
    vector = await registry.hss.multimedia_auth(registry.only, AKA, Resync(vector.aka.rand, verdict.auts))
    assert vector.aka is not None
    assert isinstance(ahead.authenticate(vector.aka.rand, vector.aka.autn), Accepted)
    ((_, text),) = lines.at("resynchronisation")
    assert "SQN 000000001026 -> 00005555" in text


async def test_an_auts_that_is_not_the_cards(lines: Lines) -> None:
    registry = Registry(SIM)
    before = registry.hss.sqn(registry.only)
    with pytest.raises(SipError, match="MAC-S") as refusal:
        await registry.hss.multimedia_auth(registry.only, AKA, Resync(bytes(16), bytes(14)))
    assert refusal.value.code == 403
    assert registry.hss.sqn(registry.only) == before


@pytest.mark.parametrize(
    ("entry", "level", "why"),
    [
        (user("001", k=K), AuthentType.MD5, "no pwd"),
        (user("001", pwd="x"), AuthentType.AKAV1, "no K"),
        (user("001", k=K, sim_algo=SimAlgo.MILENAGE), AuthentType.AKAV1, "op or opc is missing"),
        (user("001", k=K, sim_algo=SimAlgo.MILENAGE, opc=K, res_len=16), AuthentType.AKAV2, "res_len 16"),
        (user("001", k=K, sim_algo=SimAlgo.TUAK, topc=K), AuthentType.AKAV2, "topc has 16 bytes"),
    ],
)
async def test_an_entry_that_gives_no_vector(entry: object, level: AuthentType, why: str) -> None:
    registry = Registry(entry)  # type: ignore[arg-type]
    with pytest.raises(SipError, match=why) as refusal:
        await registry.hss.multimedia_auth(registry.only, level, None)
    assert refusal.value.code == 403


@pytest.mark.parametrize(("level", "name"), [(AuthentType.AKAV1, "AKAv1-MD5"), (AuthentType.AKAV2, "AKAv2-MD5")])
async def test_what_a_vector_is_called(level: AuthentType, name: str) -> None:
    registry = Registry(SIM)
    assert (await registry.hss.multimedia_auth(registry.only, level, None)).algorithm == name


# -- UAR
@pytest.fixture
def registry() -> Registry:
    """Two users who share a number, and one who is alone."""
    return Registry(user("001", impu=("alice", "tel:+331")), user("002", impu=("bob", "tel:+331")), user("003"))


async def asked(registry: Registry, username: str, impu: str) -> tuple[Subscriber, str]:
    subscriber, found = await registry.hss.user_authorization(username, parse_uri(impu))
    return subscriber, found.uri.text


@pytest.mark.parametrize(
    ("username", "impu", "impi", "found"),
    [
        ("", f"sip:alice@{DOMAIN}", "001", f"sip:alice@{DOMAIN}"),
        ("", "tel:+331", "001", "tel:+331"),
        ("001", "tel:+331", "001", "tel:+331"),
        ("002", "tel:+331", "002", "tel:+331"),
        (f"002@{DOMAIN}", f"sip:+331@{DOMAIN};user=phone", "002", "tel:+331"),
        ("003", "sip:003@192.0.2.100", "003", f"sip:003@{DOMAIN}"),
    ],
)
async def test_whose_it_is(registry: Registry, username: str, impu: str, impi: str, found: str) -> None:
    subscriber, uri = await asked(registry, username, impu)
    assert (subscriber.impi, uri) == (f"{impi}@{DOMAIN}", found)


@pytest.mark.parametrize(
    ("username", "impu", "why"),
    [
        ("", f"sip:stranger@{DOMAIN}", "unknown IMPU"),
        ("stranger", f"sip:alice@{DOMAIN}", "unknown IMPI"),
        ("001@elsewhere.org", f"sip:alice@{DOMAIN}", "unknown IMPI"),
        ("001", f"sip:bob@{DOMAIN}", "does not belong"),
        ("003", "tel:+331", "does not belong"),
        ("001", "sip:alice@elsewhere.org", "does not belong"),
    ],
)
async def test_whose_it_is_not(registry: Registry, username: str, impu: str, why: str) -> None:
    with pytest.raises(SipError, match=why) as refusal:
        await asked(registry, username, impu)
    assert refusal.value.code == 403
