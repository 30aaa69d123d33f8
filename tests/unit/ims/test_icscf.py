"""Whom a Request-URI means."""

import pytest

from lteims.config import ImpuConfig, ImsConfig
from lteims.ims.icscf import Echo, Registered, Server, Unknown, Unregistered
from lteims.sip.uri import parse_uri
from tests.unit.ims.registry import DOMAIN, Registry, user

ECHO = (ImpuConfig("tel:666"), ImpuConfig("echo"), ImpuConfig("urn:service:sos", anonymous=True))
IMEI_A, IMEI_B = '"<urn:gsma:imei:35209900-176148-1>"', '"<urn:gsma:imei:35209900-176149-9>"'


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("tel:666", Echo),
        ("tel:6-6-6", Echo),
        (f"sip:666@{DOMAIN};user=phone", Echo),
        ("sip:666@192.0.2.100", Echo),
        ("sip:666@foreign.org", Unknown),
        ("sip:echo@192.0.2.100", Echo),
        ("urn:service:sos", Echo),
        ("urn:service:sos.police", Echo),
        ("urn:service:other", Unknown),
        (f"sip:001@{DOMAIN}", Unregistered),
        (f"sip:nobody@{DOMAIN}", Unknown),
        (f"sip:{DOMAIN}", Server),
        ("sip:192.0.2.100:5060", Server),
        ("sip:foreign.org", Unknown),
        ("tel:001", Unregistered),
    ],
)
def test_routes(uri: str, kind: type) -> None:
    registry = Registry(user("001"), config=ImsConfig(domain=DOMAIN, echo=ECHO))
    assert isinstance(registry.locator.route(parse_uri(uri)), kind)


async def reached(registry: Registry, uri: str, caller: int | None = None) -> list[str]:
    bindings = registry.only.bindings
    found = registry.locator.route(parse_uri(uri), None if caller is None else bindings[caller])
    return [b.uri.user for b in found.bindings] if isinstance(found, Registered) else []


async def test_the_best_contact_first() -> None:
    registry = Registry(user("001"))
    for contact in (
        "<sip:low@h.org>;q=0.1",
        "<sip:sos@h.org;sos>;q=1",
        "<sip:top@h.org>",
        "<sip:old@h.org>;expires=99",
    ):
        await registry.register(f"Contact: {contact}")
    assert await reached(registry, f"sip:001@{DOMAIN}") == ["top", "old", "low"]


async def test_an_emergency_contact_is_the_last_resort() -> None:
    registry = Registry(user("001"))
    await registry.register("Contact: <sip:sos@h.org;sos>")
    target = parse_uri(f"sip:001@{DOMAIN}")
    assert await reached(registry, target.text) == ["sos"]
    assert isinstance(registry.locator.route(target, sos=False), Unregistered)
    await registry.register("Contact: <sip:top@h.org>;q=0.1")
    assert await reached(registry, target.text) == ["top"]
    for sos, name in ((True, "sos"), (False, "top")):
        found = registry.locator.route(target, sos=sos)
        assert isinstance(found, Registered)
        assert [b.uri.user for b in found.bindings] == [name]


async def test_only_emergency_contacts_are_wanted_and_there_are_none() -> None:
    registry = Registry(user("001"))
    await registry.register("Contact: <sip:top@h.org>")
    assert isinstance(registry.locator.route(parse_uri(f"sip:001@{DOMAIN}"), sos=True), Unregistered)


@pytest.mark.parametrize(
    ("uri", "by"),
    [
        ("urn:service:sos", "urn:service:sos"),
        ("URN:Service:SOS", "urn:service:sos"),
        ("urn:service:sos.fire", "urn:service:sos"),
        ("urn:service:sos.police", "an IMPU"),
        ("urn:service:sos.police.local", "an IMPU"),
        ("urn:service:sos.policeman", "urn:service:sos"),
        ("urn:service:sos.ecall.manual", "urn:service:sos.ecall"),
        ("urn:service:sos.ecall", "urn:service:sos.ecall"),
        ("urn:service:sos." + "a." * 3000, "urn:service:sos"),
        ("urn:service:sosa", ""),
        ("urn:service:so", ""),
    ],
)
def test_the_longest_known_prefix_of_a_service_wins(uri: str, by: str) -> None:
    echo = (ImpuConfig("urn:service:sos"), ImpuConfig("urn:service:sos.ecall"))
    centre = user("001", impu=("a", "urn:service:sos.police"))
    registry = Registry(centre, config=ImsConfig(domain=DOMAIN, echo=echo))
    match registry.locator.route(parse_uri(uri)):
        case Echo(found, _):
            assert found.text == by
        case Unregistered():
            assert by == "an IMPU"
        case other:
            assert isinstance(other, Unknown)
            assert not by


@pytest.mark.parametrize(
    ("uri", "help", "first"),
    [
        ("urn:service:sos.marine", True, True),
        ("tel:112", True, True),
        ("tel:9-1-1;phone-context=+1", True, True),
        (f"sip:112;phone-context=x.org@{DOMAIN};user=phone", True, True),
        ("sip:911@192.0.2.100", True, True),
        ("sip:911@foreign.org", False, False),
        ("tel:+112", False, False),
        ("tel:1129", False, False),
        ("tel:110", False, True),
        ("tel:666", False, False),
        ("urn:service:other", False, False),
    ],
)
def test_a_call_for_help(uri: str, help: bool, first: bool) -> None:
    echo = (*ECHO, ImpuConfig("tel:110", anonymous=True))
    locator = Registry(user("001"), config=ImsConfig(domain=DOMAIN, echo=echo)).locator
    assert locator.asks_for_help(parse_uri(uri)) is help
    assert locator.is_emergency(parse_uri(uri)) is first


async def test_phones_of_one_sim() -> None:
    imeis = (ImpuConfig("tel:1", imei="35209900176148"), ImpuConfig("tel:2", imei="352099001761490"), ImpuConfig("3"))
    registry = Registry(user("001", multi_sim=True, impu=imeis))
    await registry.register(f"Contact: <sip:a@h.org>;+sip.instance={IMEI_A}")
    await registry.register(f"Contact: <sip:b@h.org>;+sip.instance={IMEI_B};q=0.5")
    assert await reached(registry, "tel:1") == ["a"]
    assert await reached(registry, "tel:2") == ["b"]
    assert await reached(registry, "tel:3") == ["a", "b"]
    assert await reached(registry, "tel:3", caller=0) == ["b"]
    assert await reached(registry, "tel:1", caller=0) == []


async def test_an_imei_counts_only_with_multi_sim() -> None:
    registry = Registry(user("001", impu=(ImpuConfig("tel:1", imei="35209900176148"),)))
    await registry.register("Contact: <sip:a@h.org>")
    assert await reached(registry, "tel:1") == ["a"]


def test_an_echo_that_is_no_uri() -> None:
    registry = Registry(user("001"), config=ImsConfig(domain=DOMAIN, echo=(ImpuConfig("sip:x@"), *ECHO)))
    assert isinstance(registry.locator.route(parse_uri("tel:666")), Echo)
