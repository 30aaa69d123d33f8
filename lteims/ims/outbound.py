"""The one place that knows the way to a phone: flow, Request-URI and routes for a binding (TS 24.229 5.2.6.4).

A phone is reached where it was seen on its last REGISTER, never by guessing from its Contact; over TCP, whose
source port takes no connections, the Contact's port is the second choice. relay.py and leg.py ask here.
"""

from dataclasses import dataclass

from lteims.ims.subscribers import Binding, Subscriber
from lteims.net.sip_flow import Flow
from lteims.sip.headers import NameAddr


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
        flow = Flow(hop.transport.upper() or flow.transport, flow.local, host, hop.port or 5060)
    preferred = subscriber.preferred
    target = preferred.uri.text if preferred.config.preferred else binding.contact
    return Way(flow, target, tuple(binding.path))
