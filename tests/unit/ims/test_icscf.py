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
    assert await reached(registry, f"sip:001@{DOMAIN}") == ["top", "old", "low", "sos"]


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
