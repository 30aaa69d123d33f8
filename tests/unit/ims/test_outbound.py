"""What goes on from one phone to the other, and what ends at the server."""

import pytest

from lteims.config import ImpuConfig, ImsConfig
from lteims.ims.caller import ANONYMOUS, Caller
from lteims.ims.icscf import Echo, Registered
from lteims.ims.outbound import (
    callee_identity,
    caller_headers,
    contact_user,
    identities,
    invite_headers,
    origin_of,
    products,
)
from lteims.sip.message import Request, Response
from lteims.sip.uri import parse_uri
from tests.unit.ims.registry import DOMAIN, Registry, user

ICSI = '+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'
PASSED = {
    "accept-language": "de", "alert-info": "<urn:alert:service:call-waiting>", "answer-mode": "Auto",
    "call-info": "<http://x/>", "diversion": "<tel:1>", "geolocation": "<cid:a@b>", "geolocation-routing": "yes",
    "history-info": "<sip:a@b>;index=1", "in-reply-to": "x", "organization": "O", "p-early-media": "supported",
    "priority": "emergency", "priv-answer-mode": "Auto", "privacy": "none", "recv-info": "g.3gpp.x",
    "referred-by": "<tel:2>", "reject-contact": "*;automata", "reply-to": "<tel:3>", "resource-priority": "esnet.0",
    "session-id": "ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000", "subject": "S",
    "user-to-user": "00;encoding=hex",
}  # fmt: skip
KEPT_BACK = (
    "p-access-network-info", "p-asserted-identity", "p-asserted-service", "p-charging-function-addresses",
    "p-charging-vector", "p-preferred-identity", "p-visited-network-id", "replaces", "require", "route",
    "security-verify", "session-expires", "supported", "authorization", "x-own", "request-disposition", "join",
    "target-dialog", "cellular-network-info", "user-agent",
)  # fmt: skip


def registry(*impus: ImpuConfig | str) -> Registry:
    return Registry(user("001", impu=("a", "tel:+331")), user("002", impu=impus or ("b", "tel:+332")))


async def ends(world: Registry, target: str = "tel:+332") -> tuple[Caller, Registered]:
    """The first user as caller, the second as callee."""
    one, two = list(world.subscribers)
    for subscriber in (one, two):
        await world.register("Contact: <sip:x@192.0.2.1>", to=subscriber.impus[0].uri.text)
    callee = world.locator.route(parse_uri(target))
    assert isinstance(callee, Registered)
    return Caller(one, one.impus[0], one.bindings[0]), callee


async def sent(headers: dict[str, str], *, body: bytes = b"", anonymous: bool = False) -> Request:
    """The INVITE to the callee for one of a caller with these headers."""
    world = registry()
    caller, callee = await ends(world)
    fields = {"from": f"<sip:a@{DOMAIN}>;tag=1", "to": "<tel:+332>", "max-forwards": "70"} | headers
    request = Request("INVITE", "tel:+332", {name: [value] for name, value in fields.items()})
    invite = Request("INVITE", "sip:x@192.0.2.1", {"max-forwards": ["70"]}, body)
    invite_headers(invite, request, ANONYMOUS if anonymous else caller, callee, "INVITE", False)
    return invite


async def test_what_goes_on_to_the_callee() -> None:
    invite = await sent(PASSED)
    for name, value in PASSED.items():
        assert invite.headers[name] == [value]


async def test_what_ends_here() -> None:
    invite = await sent(dict.fromkeys(KEPT_BACK, "x"))
    assert set(invite.headers) & set(KEPT_BACK) == {"p-asserted-identity"}
    assert invite.headers["p-asserted-identity"] == [f"<sip:a@{DOMAIN}>", "<tel:+331>"]


@pytest.mark.parametrize("given", ["*;video", "*;+g.3gpp.iari-ref=x;require"])
async def test_the_callers_preference_goes_on(given: str) -> None:
    assert (await sent({"accept-contact": given})).headers["accept-contact"] == [given]
    assert (await sent({})).headers["accept-contact"] == [f"*;{ICSI}"]


async def test_the_callers_features_go_on() -> None:
    contact = f'<sip:a@192.0.2.1>;{ICSI};video;+sip.instance="<urn:gsma:imei:1>"'
    assert (await sent({"contact": contact})).headers["contact"] == [f"<>;{ICSI};video"]
    assert (await sent({})).headers["contact"] == [""]


async def test_the_service_is_asserted() -> None:
    service = {"p-preferred-service": "urn:urn-7:3gpp-service.ims.icsi.mmtel"}
    assert (await sent(service)).get("p-asserted-service") == service["p-preferred-service"]
    assert "p-asserted-service" not in (await sent(service, anonymous=True)).headers


@pytest.mark.parametrize(("given", "left"), [("application/sdp", "application/sdp"), ("", "application/sdp")])
async def test_the_body_has_a_type(given: str, left: str) -> None:
    assert (await sent({}, body=b"v=0")).get("content-type") == left
    assert "content-type" not in (await sent({})).headers


async def test_the_type_of_a_body_that_was_set_stays() -> None:
    caller, callee = await ends(registry())
    request = Request("INVITE", "tel:+332", {"from": ["<tel:+331>;tag=1"]})
    invite = Request("INVITE", "tel:+332", {"content-type": ["multipart/mixed;boundary=x"]}, b"x")
    invite_headers(invite, request, caller, callee, "INVITE", False)
    assert invite.get("content-type") == "multipart/mixed;boundary=x"


@pytest.mark.parametrize(
    ("privacy", "asserted", "origin", "contact"),
    [
        ("none", True, f'"A" <sip:a@{DOMAIN}>', "a"),
        ("id", False, f'"A" <sip:a@{DOMAIN}>', "a"),
        ("header", True, f'"A" <sip:a@{DOMAIN}>', "a"),
        ("user", False, '"Anonymous" <sip:anonymous@anonymous.invalid>', "anonymous"),
        ("user;id;critical", False, '"Anonymous" <sip:anonymous@anonymous.invalid>', "anonymous"),
    ],
)
async def test_privacy(privacy: str, asserted: bool, origin: str, contact: str) -> None:
    caller, callee = await ends(registry())
    headers = {"from": [f'"A" <sip:a@{DOMAIN}>;tag=1'], "privacy": [privacy], "user-agent": ["phone"]}
    request = Request("MESSAGE", "tel:+332", headers)
    onward = Request("MESSAGE", "tel:+332", {"subject": ["S"]})
    identities(onward, request, caller, callee, False)
    assert ("p-asserted-identity" in onward.headers) is asserted
    assert origin_of(request, caller) == origin
    assert contact_user(request) == contact
    hidden = privacy.startswith("user")
    assert ("subject" in onward.headers, bool(products(request))) == (not hidden, not hidden)


async def test_an_anonymous_caller() -> None:
    _, callee = await ends(registry())
    request = Request("INVITE", "tel:+332", {"from": ['"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1']})
    onward = Request("INVITE", "tel:+332")
    identities(onward, request, ANONYMOUS, callee, False)
    assert onward.headers == {}
    assert origin_of(request, ANONYMOUS) == '"Anonymous" <sip:anonymous@anonymous.invalid>'


@pytest.mark.parametrize(
    ("forced", "wanted", "shown"),
    [
        (None, False, ""),
        (None, True, "<tel:+332>"),
        ("tel:+339", False, "<tel:+339>"),
        ("<sip:x@y.org>;p=1", True, "<sip:x@y.org>;p=1"),
        ("bare", True, f"<sip:bare@{DOMAIN}>"),
        ("", True, ""),
    ],
)
async def test_the_called_party(forced: str | None, wanted: bool, shown: str) -> None:
    caller, callee = await ends(registry("b", ImpuConfig("tel:+332", p_called_party_id=forced)))
    onward = Request("MESSAGE", "tel:+332")
    identities(onward, Request("MESSAGE", "tel:+332", {"from": ["<tel:+331>;tag=1"]}), caller, callee, wanted)
    assert onward.get("p-called-party-id") == shown


# -- the answer
def answer(code: int, **headers: str) -> Response:
    return Response(code, "", {name.replace("_", "-"): [value] for name, value in headers.items()})


@pytest.mark.parametrize(
    ("response", "identity"),
    [
        (answer(180), f"<tel:+332>, <sip:b@{DOMAIN}>"),
        (answer(200, p_preferred_identity=f"<sip:b@{DOMAIN}>"), f"<sip:b@{DOMAIN}>, <tel:+332>"),
        (answer(200, p_preferred_identity="<tel:+331>"), f"<tel:+332>, <sip:b@{DOMAIN}>"),
        (answer(200, p_preferred_identity="<<"), f"<tel:+332>, <sip:b@{DOMAIN}>"),
        (answer(200, p_asserted_identity="<tel:+331>"), f"<tel:+332>, <sip:b@{DOMAIN}>"),
        (answer(183, privacy="none"), f"<tel:+332>, <sip:b@{DOMAIN}>"),
        (answer(200, privacy="id"), ""),
        (answer(486), ""),
        (answer(100), ""),
    ],
)
async def test_the_callee_is_asserted_to_the_caller(response: Response, identity: str) -> None:
    _, callee = await ends(registry())
    assert caller_headers(response, callee).get("p-asserted-identity", "") == identity
    assert "p-asserted-identity" not in caller_headers(response)


def test_the_echo_is_asserted_by_its_number() -> None:
    echo = (ImpuConfig("tel:112", display_name="Help"), ImpuConfig("urn:service:sos"))
    locator = Registry(user("001"), config=ImsConfig(domain=DOMAIN, echo=echo)).locator
    for uri, shown in (("tel:112", '"Help" <tel:112>'), ("urn:service:sos", "")):
        found = locator.route(parse_uri(uri))
        assert isinstance(found, Echo)
        assert callee_identity(found) == shown


def test_what_goes_back_to_the_caller() -> None:
    passed = {
        "alert-info": "<urn:alert:tone:ringback>", "call-info": "<http://x/>", "error-info": "<tel:1>",
        "geolocation-error": "100", "history-info": "<tel:1>;index=1", "organization": "O", "p-early-media": "sendrecv",
        "privacy": "none", "reason": "SIP;cause=486", "recv-info": "x", "retry-after": "5", "session-id": "a;remote=b",
        "user-to-user": "00", "warning": '399 x "y"',
    }  # fmt: skip
    own = ("p-access-network-info", "p-charging-vector", "server", "supported", "contact", "record-route", "x-own")
    response = answer(183)
    response.headers |= {name: [value] for name, value in passed.items()} | {name: ["x"] for name in own}
    assert caller_headers(response) == passed
