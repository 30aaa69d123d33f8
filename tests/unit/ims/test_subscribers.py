"""Users and bindings: found by every name, restored from the state, told to those who listen."""

import msgspec
import pytest

from lteims.config import ImpuConfig
from lteims.ims.subscribers import KIND, same_imei
from lteims.sip.uri import parse_uri
from lteims.store.memory import MemoryStore
from lteims.trace import WARN
from tests.unit.ims.conftest import Lines
from tests.unit.ims.registry import DOMAIN, Registry, user

A = "sip:a@192.0.2.1"


def found(registry: Registry, uri: str) -> str:
    """The IMPI and IMPU that a URI means."""
    hit = registry.subscribers.by_impu(parse_uri(uri))
    return f"{hit[0].impi} {hit[1].uri}" if hit else ""


# -- names
@pytest.mark.parametrize(
    ("username", "impi"),
    [
        ("001", f"001@{DOMAIN}"),
        (f"001@{DOMAIN}", f"001@{DOMAIN}"),
        ("001@elsewhere.org", ""),
        ("bare", "bare"),
        ("bare@any.org", "bare"),
        ("twice", ""),
        ("twice@a.org", "twice@a.org"),
        ("twice@b.org", "twice@b.org"),
        ("", ""),
    ],
)
def test_by_impi(username: str, impi: str) -> None:
    registry = Registry(
        user("001"), user("002", impi="bare"), user("003", impi="twice@a.org"), user("004", impi="twice@b.org")
    )
    subscriber = registry.subscribers.by_impi(username)
    assert (subscriber.impi if subscriber else "") == impi


@pytest.mark.parametrize(
    ("uri", "impu"),
    [
        (f"sip:alice@{DOMAIN}", f"sip:alice@{DOMAIN}"),
        ("sip:alice@192.0.2.100", f"sip:alice@{DOMAIN}"),
        (f"sips:alice@{DOMAIN}:5061", f"sip:alice@{DOMAIN}"),
        ("sip:Alice@192.0.2.100", ""),
        ("tel:+33-1", "tel:+33-1"),
        (f"sip:+331@{DOMAIN};user=phone", "tel:+33-1"),
        (f"sip:+331@{DOMAIN}", "tel:+33-1"),
        ("sip:+331@192.0.2.100", "tel:+33-1"),
        ("sip:+331@foreign.org", ""),
        ("tel:1;phone-context=+33", "tel:+33-1"),
        ("tel:0600", f"sip:0600@{DOMAIN}"),
        ("sip:fix@kept.example.org", "sip:fix@kept.example.org"),
        (f"sip:fix@{DOMAIN}", ""),
        ("sip:fix@192.0.2.100", "sip:fix@kept.example.org"),
        ("tel:77", "sip:77@own.example.org"),
        ("sip:77@192.0.2.100", "sip:77@own.example.org"),
        ("sip:77@own.example.org", "sip:77@own.example.org"),
        (f"sip:77@{DOMAIN}", ""),
        ("sip:sub@sub.example.org", "sip:sub@sub.example.org"),
        ("tel:88", ""),  # two have it, in two domains
        ("urn:service:sos", ""),
    ],
)
def test_by_impu(uri: str, impu: str) -> None:
    registry = Registry(
        user("001", impu=("alice", "tel:+33-1", "0600", "sip:fix@kept.example.org")),
        user("002", impu=("77", ImpuConfig("sub", domain="sub.example.org"), "88"), domain="own.example.org"),
        user("003", impu=("88",), domain="other.example.org"),
    )
    assert found(registry, uri).partition(" ")[2] == impu


def test_derived_identities() -> None:
    registry = Registry(user("001"), user("", nai="alice@nai.example.org"), user("", nai="plain"))
    assert [s.impi for s in registry.subscribers] == [f"001@{DOMAIN}", "alice@nai.example.org", f"plain@{DOMAIN}"]
    assert found(registry, "sip:alice@nai.example.org") == "alice@nai.example.org sip:alice@nai.example.org"


def test_what_is_there_twice(lines: Lines) -> None:
    registry = Registry(
        user("001", impu=("tel:1",)), user("002", impi=f"001@{DOMAIN}"), user("003", impu=("tel:1", "tel:3"))
    )
    assert found(registry, "tel:1") == f"001@{DOMAIN} tel:1"
    assert found(registry, "tel:3") == f"003@{DOMAIN} tel:3"
    assert [level for level, _ in lines.entries] == [WARN, WARN]


def test_an_impu_that_is_no_uri(lines: Lines) -> None:
    registry = Registry(user("001", impu=("sip:a@", "good")), user("002", impu=("sip:@",)))
    assert [i.uri.text for s in registry.subscribers for i in s.impus] == [f"sip:good@{DOMAIN}"]
    assert len(lines.at("left out")) == 2
    assert len(lines.at("ignored")) == 1


def test_imei() -> None:
    assert same_imei("35209900-176148-1", "3520990017614823")
    assert not same_imei("35209900176148", "35209900176149")
    assert not same_imei("", "")


# -- the registration set
async def test_the_order_of_associated_uris() -> None:
    marked = (
        "1", ImpuConfig("2", associated=False), ImpuConfig("3", preferred=True), ImpuConfig("4", display_name='A "B"')
    )  # fmt: skip
    registry = Registry(user("001", impu=marked))
    await registry.register(f"Contact: <{A}>")
    uris = registry.registrar.associated_uris(registry.only, registry.only.bindings[0])
    assert uris == [f"<sip:3@{DOMAIN}>", f"<sip:1@{DOMAIN}>", f'"A \\"B\\"" <sip:4@{DOMAIN}>']
    await registry.register(f"Contact: <{A}>", to=f"sip:2@{DOMAIN}")
    uris = registry.registrar.associated_uris(registry.only, registry.only.bindings[0])
    assert f"<sip:2@{DOMAIN}>" in uris


# -- the state
async def test_a_restart() -> None:
    store = MemoryStore()
    first = Registry(user("001"), user("002"), store=store)
    await first.register(f"Contact: <{A}>;q=0.5;+g.3gpp.smsip;expires=1000", "Path: <sip:edge@192.0.2.9;lr>")
    (before,) = first.subscribers.by_impi("001").bindings  # type: ignore[union-attr]
    second = Registry(user("001"), user("002"), store=store)
    assert second.subscribers.restore(1) == 1
    (after,) = second.subscribers.by_impi("001").bindings  # type: ignore[union-attr]
    assert after == before
    assert second.subscribers.new_binding_id() not in (before.id, "0000")
    second.time.advance(1001)
    assert second.contacts() == []
    assert store.load(KIND) == {}


@pytest.mark.parametrize("why", ["past", "no user", "no endpoint", "no binding"])
async def test_what_is_not_restored(why: str, lines: Lines) -> None:
    store = MemoryStore()
    first = Registry(user("001"), store=store)
    await first.register(f"Contact: <{A}>;expires=100")
    ((key, value),) = store.load(KIND).items()
    if why == "no binding":
        store.put(KIND, key, msgspec.msgpack.encode({"id": 1}))
    assert value
    second = Registry(user("002" if why == "no user" else "001"), store=store)
    if why == "past":
        second.time.advance(100)
    assert second.subscribers.restore(0 if why == "no endpoint" else 1) == 0
    assert second.contacts() == []
    assert store.load(KIND) == {}
    assert bool(lines.at("cannot be read")) is (why == "no binding")
