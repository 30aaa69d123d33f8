"""What a request to a phone is like: flow, Request-URI, routes and headers for a binding (TS 24.229 5.2.6.4, 5.4.3.3).

A phone is reached where it was seen on its last REGISTER, never by guessing from its Contact; over TCP, whose
source port takes no connections, the Contact's port is the second choice. calls.py and relay.py ask here.
"""

from dataclasses import dataclass

from lteims.ims.caller import Caller
from lteims.ims.icscf import Registered
from lteims.ims.identity import impu_uri
from lteims.ims.subscribers import Binding, Subscriber
from lteims.net.sip_flow import Flow
from lteims.sip.headers import NameAddr
from lteims.sip.message import Message, Request, Response, copy_headers

_MMTEL_ONLY = '*;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'
_TO_CALLEE = ("accept-language", "alert-info", "call-info", "organization", "priority", "privacy", "subject")
_TO_CALLER = ("alert-info", "call-info", "p-early-media", "reason", "retry-after", "warning", "error-info")
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
    invite.headers["contact"] = [""]  # the stack fills it in
    if invite.body:
        invite.headers["content-type"] = ["application/sdp"]
    invite.headers["allow"] = [allow]
    invite.headers["accept-contact"] = [_MMTEL_ONLY]
    identities(invite, request, caller, destination, called_party)
    invite.headers |= copy_headers(request, _TO_CALLEE)
    invite.headers["max-forwards"] = [str(hops_left(request))]


def identities(onward: Request, request: Request, caller: Caller, destination: Registered, called_party: bool) -> None:
    """P-Asserted-Identity (RFC 3325), unless the caller wants privacy, and P-Called-Party-ID (RFC 7315 4.2)."""
    hidden = "id" in (token.strip() for value in request.tokens("privacy") for token in value.split(";"))
    asserted = caller.asserted()
    if asserted and not hidden:
        onward.headers["p-asserted-identity"] = [asserted]
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
    """The From of a call, without its tag: what the caller claims, under the name that the operator gave it."""
    name = caller.impu.config.display_name if caller.impu is not None else ""
    uri = request.from_.uri
    return NameAddr(uri, request.from_.display if "anonymous" in uri.host else name or request.from_.display).encode()


def hops_left(request: Request) -> int:
    """Max-Forwards for the request that goes on (RFC 3261 16.6)."""
    left = request.number("max-forwards")
    return max(0, min(70 if left is None else left, 70) - 1)


def caller_headers(response: Response) -> dict[str, str]:
    """What the caller may see of the callee's answer."""
    return {name: ", ".join(response.headers[name]) for name in _TO_CALLER if name in response.headers}


def products(source: Message) -> dict[str, list[str]]:
    """User-Agent and Server of a peer, for the other side where force_user_agent is off."""
    return copy_headers(source, _PRODUCTS)
