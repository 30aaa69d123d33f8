"""Who answers an emergency call, and what a 380 says."""

from xml.etree import ElementTree

import pytest

from lteims.config import ImpuConfig, ImsConfig
from lteims.ims.caller import ANONYMOUS, Caller
from lteims.ims.emergency import AlternativeService, check, options_of
from lteims.ims.icscf import Unknown
from lteims.sip.message import Response
from lteims.sip.uri import parse_uri
from tests.unit.ims.registry import DOMAIN, Registry, user

OPEN = ImpuConfig("urn:service:sos", anonymous=True, authentication=False)


@pytest.mark.parametrize("register", [True, False])
def test_what_a_380_says(register: bool) -> None:
    error, response = AlternativeService("x calls 112", register=register), Response(380)
    error.complete(response, "<sip:192.0.2.100:5060;lr>")
    assert response.get("content-type") == "application/3gpp-ims+xml"
    assert response.get("content-disposition") == "3gpp-alternative-service"
    assert response.get("p-asserted-identity") == "<sip:192.0.2.100:5060;lr>"
    root = ElementTree.fromstring(response.body)
    assert (root.tag, root.get("version")) == ("ims-3gpp", "1")
    found = {element.tag: element.text for element in root.find("alternative-service") or ()}
    assert found["type"] == "emergency"
    assert found["reason"]
    assert found.get("action") == ("emergency-registration" if register else None)


async def caller(registry: Registry, contact: str) -> Caller:
    subscriber, impu, bindings = await registry.register(f"Contact: {contact}")
    return Caller(subscriber, impu, bindings[0])


async def test_who_is_brought_to_the_service_by_112() -> None:
    registry = Registry(user("001"), config=ImsConfig(domain=DOMAIN, echo=(OPEN,)))
    service = registry.locator.route(parse_uri("urn:service:sos"))
    check(ANONYMOUS, service, "tel:112")
    check(await caller(registry, "<sip:a@192.0.2.1;sos>"), service, "tel:112")
    normal = await caller(Registry(user("001")), "<sip:a@192.0.2.1>")
    with pytest.raises(AlternativeService) as told:
        check(normal, service, "tel:112")
    assert told.value.register
    with pytest.raises(AlternativeService) as told:
        check(normal, Unknown(), "tel:112")
    assert not told.value.register
    assert "no urn:service:sos" in told.value.why


def test_whose_options_count() -> None:
    centre = user("001", impu=("a", ImpuConfig("urn:service:sos.police", anonymous=True, authentication=False)))
    private = user("002", impu=(ImpuConfig("b", authentication=False),))
    registry = Registry(centre, private, config=ImsConfig(domain=DOMAIN, echo=(OPEN,)))
    asked = {
        "urn:service:sos": True,
        "urn:service:sos.police": True,
        f"sip:a@{DOMAIN}": None,
        f"sip:b@{DOMAIN}": None,
        "tel:9": None,
    }
    for uri, open_to_all in asked.items():
        options = options_of(registry.locator.route(parse_uri(uri)))
        assert (options and options.anonymous) == open_to_all
