"""What a request to a phone is like: flow, Request-URI, routes and headers for a binding (TS 24.229 5.2.6.4, 5.4.3.3).

A phone is reached where it was seen on its last REGISTER, never by guessing from its Contact; over TCP, whose
source port takes no connections, the Contact's port is the second choice. calls.py and relay.py ask here.

Of what a peer sends, only the headers named below go on; all others end here, since they belong to one leg
(Supported, Require, Replaces, Session-Expires), to the network (P-Access-Network-Info, P-Charging-Vector,
P-Visited-Network-ID: RFC 7315, never from phone to phone), or are claims that only the server may make
(P-Asserted-Identity, P-Asserted-Service). Extension headers of an operator's own are made by custom_headers.
"""

from dataclasses import dataclass

from lteims.ims.caller import Caller, asserted_identities
from lteims.ims.icscf import Echo, Registered
from lteims.ims.identity import impu_uri, key_of
from lteims.ims.preferences import shown_features
from lteims.ims.privacy import ANONYMOUS, hides_assertion, hides_user, privacy_of, strip
from lteims.ims.subscribers import Binding, Subscriber
from lteims.net.sip_flow import Flow
from lteims.sip.errors import SipError
from lteims.sip.headers import NameAddr
from lteims.sip.message import Message, Request, Response, copy_headers

_MMTEL_ONLY = '*;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'
# RFC 3261, 3841, 3892, 4412, 5009, 5373, 5806, 6086, 6442, 7044, 7433, 7989
_TO_CALLEE = (
    "accept-language", "alert-info", "answer-mode", "call-info", "diversion", "geolocation", "geolocation-routing",
    "history-info", "in-reply-to", "organization", "p-early-media", "priority", "priv-answer-mode", "privacy",
    "recv-info", "referred-by", "reject-contact", "reply-to", "resource-priority", "session-id", "subject",
    "user-to-user",
)  # fmt: skip
_TO_CALLER = (
    "alert-info", "call-info", "error-info", "geolocation-error", "history-info", "organization", "p-early-media",
    "privacy", "reason", "recv-info", "retry-after", "session-id", "user-to-user", "warning",
)  # fmt: skip
_PRODUCTS = ("user-agent", "server")


@dataclass(frozen=True, slots=True)
class Way:
    """How to send a first request to a binding."""

    flow: Flow
    target: str  # the Request-URI
    routes: tuple[str, ...]


def way_to(subscriber: Subscriber, binding: Binding, connected: bool) -> Way:
    """The way to a binding; `connected`: is there still a stream on its flow?"""
    flow = binding.flow
    if flow.transport == "TCP" and not connected:
        flow = Flow("TCP", flow.local, flow.host, binding.uri.address()[1])
    if binding.path:  # RFC 3327 5.3: through the edge proxies that the phone came by
        hop = NameAddr.parse(binding.path[0], "Path").uri
        host = hop.host if hop.host.replace(".", "").isdigit() or ":" in hop.host else flow.host
        transport = hop.transport.upper() if hop.transport in ("tcp", "udp") else flow.transport
        flow = Flow(transport, flow.local, host, hop.port or 5060)
    first = next(iter(subscriber.registered_impus(binding)), None)  # a preferred one stands first
    target = first.uri.text if first is not None and first.config.preferred else binding.contact
    return Way(flow, target, tuple(binding.path))


def invite_headers(
    invite: Request, request: Request, caller: Caller, destination: Registered, allow: str, called_party: bool
) -> None:
    """Complete the INVITE to a phone from the caller's, in the order that phones know."""
    invite.headers.pop("max-forwards", None)
    features = shown_features(request)
    invite.headers["contact"] = [f"<>{features}" if features else ""]  # the stack fills the URI in
    content_type = invite.headers.pop("content-type", ["application/sdp"])
    if invite.body:
        invite.headers["content-type"] = content_type
    invite.headers["allow"] = [allow]
    invite.headers["accept-contact"] = list(request.headers.get("accept-contact") or (_MMTEL_ONLY,))
    identities(invite, request, caller, destination, called_party)
    if caller.subscriber is not None and "p-preferred-service" in request.headers:  # RFC 6050 4.2
        invite.headers["p-asserted-service"] = list(request.headers["p-preferred-service"])
    invite.headers |= copy_headers(request, _TO_CALLEE)
    strip(invite, privacy_of(request))
    invite.headers["max-forwards"] = [str(hops_left(request))]


def identities(onward: Request, request: Request, caller: Caller, destination: Registered, called_party: bool) -> None:
    """P-Asserted-Identity (RFC 3325), unless the caller wants privacy, and P-Called-Party-ID (RFC 7315 4.2)."""
    asserted = [] if hides_assertion(request) else caller.identities()
    if asserted:
        onward.headers["p-asserted-identity"] = asserted
    strip(onward, privacy_of(request))
    if called := _called_party(destination, called_party):
        onward.headers["p-called-party-id"] = [called]


def _called_party(destination: Registered, wanted: bool) -> str:
    forced = destination.impu.config.p_called_party_id
    if forced is None:
        return f"<{destination.impu.uri}>" if wanted else ""
    if "<" in forced or not forced:
        return forced
    return f"<{impu_uri(forced, destination.subscriber.domain)}>"


def origin_of(request: Request, caller: Caller) -> str:
    """The From of a call, without its tag: what the caller claims, under the name that the operator gave it.

    It is anonymised where the caller asks for `user` privacy (RFC 3323 5.3).
    """
    if hides_user(request):
        return ANONYMOUS.encode()
    name = caller.impu.config.display_name if caller.impu is not None else ""
    uri = request.from_.uri
    return NameAddr(uri, request.from_.display if "anonymous" in uri.host else name or request.from_.display).encode()


def contact_user(request: Request) -> str:
    """The user part of our Contact towards the callee: the caller's number or name, unless it wants to hide it."""
    uri = ANONYMOUS.uri if hides_user(request) else request.from_.uri
    return uri.number or uri.user


def hops_left(request: Request) -> int:
    """Max-Forwards for the request that goes on (RFC 3261 16.6)."""
    left = request.number("max-forwards")
    return max(0, min(70 if left is None else left, 70) - 1)


def caller_headers(response: Response, callee: Registered | Echo | None = None) -> dict[str, str]:
    """What the caller may see of the callee's answer; with `callee`, and below 300, its P-Asserted-Identity too."""
    shown = {name: ", ".join(response.headers[name]) for name in _TO_CALLER if name in response.headers}
    if callee is not None and 100 < response.code < 300 and not hides_assertion(response):
        identity = callee_identity(callee, response)
        if identity:
            shown["p-asserted-identity"] = identity
    return shown


def callee_identity(callee: Registered | Echo, response: Message | None = None) -> str:
    """The P-Asserted-Identity value of who is called (TS 24.229 5.2.6.4.4), for 18x and 2xx; "" for a service.

    A phone's P-Preferred-Identity chooses among its IMPUs; what it asserts itself is not read. The echo under an
    emergency number tells the caller's phone by it that this is an emergency call (5.1.2A.1.6).
    """
    if isinstance(callee, Echo):
        return "" if callee.uri.scheme == "urn" else NameAddr(callee.uri, callee.config.display_name).encode()
    impu = callee.impu
    try:
        preferred = response.name_addrs("p-preferred-identity") if response is not None else []
    except SipError:
        preferred = []
    for address in preferred:
        impu = callee.subscriber.impu(key_of(address.uri)) or impu
    return ", ".join(asserted_identities(callee.subscriber, impu, None))


def products(source: Message) -> dict[str, list[str]]:
    """User-Agent and Server of a peer, for the other side where force_user_agent is off; not with `user` privacy."""
    return {} if hides_user(source) else copy_headers(source, _PRODUCTS)
