"""The SIP driver (RFC 3261 17, 18): sockets and streams on one side, transactions for ims/ on the other.

Every message enters by `_received` and leaves by `transmit`. A request becomes a ServerTransaction that is handed
to the core (ims/pcscf.py); the core's own requests are ClientTransactions. The machines themselves are in sip/.
"""

import asyncio
import socket
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from lteims import counters
from lteims.errors import LteimsError
from lteims.ids import Tokens
from lteims.net.ipsec import Ipsec
from lteims.net.sip_flow import CLIENT, SERVER, Endpoint, Flow, same_host
from lteims.net.sip_matching import Transactions, server_key
from lteims.net.sip_tcp import MESSAGE_TIME, Connections
from lteims.net.sip_trace import SipTrace, count_code, count_method
from lteims.net.sip_transaction import ClientTransaction, OnFailure, OnResponse, ServerTransaction
from lteims.net.timers import TimerWheel
from lteims.net.udp import Address, UdpSocket, free_port, open_udp
from lteims.sip.errors import NotSip, SipError
from lteims.sip.framing import FramingError
from lteims.sip.headers import Via
from lteims.sip.message import Message, Request, Response, parse
from lteims.sip.transaction import RETRANSMITTED, Acked, Answered, Timings
from lteims.sip.valid import check_request, check_response
from lteims.trace import DEBUG, INFO, SIP, WARN, log

ESP_OCTETS: Final = 60  # that ESP adds to a datagram at most: header 8, IV 16, padding 15 + 2, integrity check 16
_NO_END: Final = 1 << 30


class Core(Protocol):
    """Who decides about requests: ims/pcscf.py."""

    def on_request(self, transaction: ServerTransaction) -> None:
        """A new request other than ACK and CANCEL; it must be answered sooner or later."""

    def on_ack(self, request: Request, flow: Flow) -> None:
        """The ACK to a 2xx, and where it came from."""


class Protection(Protocol):
    """Who knows by which SAs phones are reached: ims/security.py. All flows are those of protected ports."""

    def admits(self, flow: Flow) -> bool:
        """May a message from there be read at all: is it the other end of an SA?"""

    def same_phone(self, one: Flow, other: Flow) -> bool:
        """Are these two, which SAs belong to or belonged to, of one phone, as far as is known?"""

    def reply_flow(self, flow: Flow) -> Flow:
        """Where the response to a request from there goes, unless its stream still stands."""

    def request_flow(self, flow: Flow) -> Flow:
        """Where a request to the phone goes that was seen there."""

    def stream_flow(self, flow: Flow) -> Flow | None:
        """The stream for what is too large for UDP; None where ESP carries UDP alone."""

    def mark(self, flow: Flow, message: Message) -> None:
        """Put into a message to a phone what every one carries that goes by an SA."""


class SipStack:
    """All SIP of the process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        tokens: Tokens,
        timings: Timings,
        *,
        tcp_threshold: int = 1300,
        tcp_keepalive: int = 1800,
        max_connections: int = 16384,
        message_time: float = MESSAGE_TIME,
    ) -> None:
        self.loop = loop
        self.wheel = wheel
        self.tokens = tokens
        self.timings = timings
        self.tcp_threshold = tcp_threshold
        self.endpoints: list[Endpoint] = []  # those of sip_addr, then the protected ports
        self.clear = _NO_END  # from this index on they are protected
        self.protection: Protection | None = None
        self.core: Core | None = None
        self.finish: Callable[[Message, str], None] | None = None  # last touch on what we send (custom_headers)
        self.takes_cancel: Callable[[ServerTransaction], bool] | None = None  # asked first; True: nothing is cancelled
        self._connections = Connections(self, wheel, tcp_keepalive, max_connections, message_time)
        self.transactions = Transactions(wheel, loop.time, 64 * timings.t1)
        self.trace = SipTrace()
        self.log_id = self.trace.id  # the short id of a dialog in the SIP log
        self._bound: list[socket.socket] = []

    # -- life
    def bind(self, endpoints: Sequence[Endpoint]) -> None:
        """Take UDP and TCP of every endpoint; OperatorError when one cannot be had. Nothing is read yet."""
        for endpoint in endpoints:
            if endpoint.bind_port == 0:
                endpoint.bind_port = endpoint.port = free_port(endpoint.bind_host)
            self._bound.append(open_udp(endpoint.bind_host, endpoint.bind_port))
            self._connections.bind(endpoint)
            self.endpoints.append(endpoint)

    def bind_protected(self, base: Endpoint, ports: Sequence[int], ipsec: Ipsec, *, tcp: bool) -> list[Endpoint]:
        """Take a protected server port and client ports of a sip_addr, all or none; NoIpsec or OperatorError say why.

        `tcp`: does ESP carry TCP too?
        """
        made: list[Endpoint] = []
        try:
            for port in ports:
                index, side = len(self.endpoints) + len(made), CLIENT if made else SERVER
                endpoint = Endpoint(index, base.host, ports[0], base.own_host, port, side, base.index)
                endpoint.udp = ipsec.port(endpoint.bind_host, port, partial(self.on_datagram, endpoint))
                made.append(endpoint)
            if tcp:
                self._connections.bind(made[0])
        except (LteimsError, OSError):
            for endpoint in made:
                endpoint.udp.close()
            raise
        self.clear = min(self.clear, made[0].index)
        self.endpoints += made
        return made

    async def start(self) -> None:
        """Begin to read and to accept."""
        for endpoint, sock in zip(self.endpoints, self._bound, strict=False):
            endpoint.udp = UdpSocket(self.loop, sock, partial(self.on_datagram, endpoint))
        self._bound.clear()
        await self._connections.listen()

    async def close(self) -> None:
        """Close every socket; what is under way is dropped."""
        for endpoint in self.endpoints:
            if endpoint.udp is not None:
                endpoint.udp.close()
        for sock in self._bound:
            sock.close()
        await self._connections.close()

    # -- receiving
    def on_datagram(self, endpoint: Endpoint, data: bytes, addr: Address) -> None:
        """One datagram; keep-alives of blanks or zeros are dropped (RFC 5626 3.5)."""
        if len(data) <= 16 and not data.strip(b"\r\n\x00 "):
            counters.inc("sip_keepalive")
            return
        host = addr[0].partition("%")[0] if "%" in addr[0] else addr[0]
        self._received(Flow("UDP", endpoint.index, host, addr[1]), data)

    def on_stream_message(self, flow: Flow, data: bytes) -> bool:
        """One message from a stream; False if it is no SIP, and the stream not worth going on with."""
        return self._received(flow, data)

    def on_stream_lost(self, flow: Flow, error: FramingError) -> None:
        """Answer what can still be answered before the stream is closed (RFC 3261 18.3, 21.5.7)."""
        counters.inc("sip_malformed")
        log(SIP, WARN, f"stream from {flow} lost: {error}")
        try:
            message = parse(error.head)
            if isinstance(message, Request) and message.method != "ACK":
                self._refuse(flow, message, SipError(error.code, str(error)))
        except (NotSip, SipError):
            pass

    def _received(self, flow: Flow, data: bytes) -> bool:
        if flow.local >= self.clear and (self.protection is None or not self.protection.admits(flow)):
            counters.inc("sip_unprotected")
            log(SIP, INFO, f"dropped: {flow} has no SA with a protected port")
            return False
        try:
            message = parse(data)
        except NotSip as error:
            counters.inc("sip_malformed")
            log(SIP, INFO, f"no SIP message from {flow}: {error}", data=data[:256])
            return False
        if SIP.level >= INFO:
            self.trace.write("FROM", message, data)
        try:
            if isinstance(message, Request):
                self._on_request(flow, message)
            else:
                self._on_response(flow, message)
        except SipError as error:
            counters.inc("sip_malformed")
            log(SIP, WARN, f"{'request' if isinstance(message, Request) else 'response'} from {flow}: {error}")
            if isinstance(message, Request) and message.method != "ACK":
                self._refuse(flow, message, error)
        return True

    def _on_request(self, flow: Flow, request: Request) -> None:
        count_method(request.method)
        key = server_key(request)
        known = self.transactions.server(key)
        meant = self.transactions.invite(key) if request.method == "CANCEL" else known
        if meant is not None and self.is_stranger(meant.flow, flow):
            raise SipError(481, f"{request.method} for a request of {meant.flow}")
        if known is not None:
            known.feed(Acked(request) if request.method == "ACK" else RETRANSMITTED)
            return
        kept = self.transactions.answers.find(key)
        if kept is not None:
            self.transmit(kept[1], kept[0])
            return
        check_request(request)
        if flow.transport == "TCP":
            self._connections.heard(flow, request.via.port or 5060)
        _mark_source(request, flow)
        assert self.core is not None
        if request.method == "ACK":
            self.core.on_ack(request, flow)
            return
        transaction = ServerTransaction(self, request, flow, key)
        self.transactions.adopt_server(transaction)
        if request.method == "CANCEL":
            self._on_cancel(transaction)
        elif self.transactions.is_merged(transaction):
            transaction.reply(482)
        else:
            self.core.on_request(transaction)

    def _on_cancel(self, transaction: ServerTransaction) -> None:
        """RFC 3261 9.2: the CANCEL is answered by itself, the INVITE through its owner."""
        invite = self.transactions.invite(transaction.key)
        cancel = transaction.request  # the transaction lets go of it once it has answered
        if invite is not None:
            transaction.to_tag = invite.to_tag
        if self.takes_cancel is not None and self.takes_cancel(transaction):
            return
        if invite is None:
            transaction.reply(481)
            return
        transaction.reply(200)
        invite.cancelled(cancel)

    def is_stranger(self, phone: Flow, came: Flow) -> bool:
        """Is what came from there not of the phone at the first flow? What has SAs speaks by SAs (TS 33.203 7.1)."""
        if phone.local < self.clear or self.protection is None:
            return False
        stranger = came.local < self.clear or not self.protection.same_phone(phone, came)
        if stranger:
            counters.inc("sip_unprotected")
            log(SIP, INFO, f"refused: {came} speaks as if it were {phone}, which has SAs")
        return stranger

    def _on_response(self, flow: Flow, response: Response) -> None:
        count_code(response.code)
        check_response(response)
        via = response.via
        if len(response.headers["via"]) > 1 or not any(
            same_host(via.host, e.host) and (via.port or 5060) == e.port for e in self.endpoints
        ):
            raise SipError(400, "a response that is not for us")  # RFC 3261 8.1.3.3, 18.1.2
        transaction = self.transactions.client(response)
        if transaction is None or self.is_stranger(transaction.flow, flow):
            counters.inc("sip_stray_response")
            log(SIP, DEBUG, f"stray response {response.code}", id=self.log_id(response.call_id))
            return
        transaction.feed(Answered(response.code, response))

    def _refuse(self, flow: Flow, request: Request, error: SipError) -> None:
        """Answer a request that does not deserve a transaction (RFC 3261 8.2.7), if it says where to."""
        try:
            _mark_source(request, flow)
            response = Response.to_request(request, error.code, error.reason)
        except SipError:
            return
        to = response.headers.get("to")
        if to and ";tag=" not in to[0].lower():
            # the same tag for every retransmission (RFC 3261 8.2.7)
            response.headers["to"] = [f"{to[0]};tag={zlib.crc32(request.get('via').encode('utf-8', 'replace')):08x}"]
        for name, value in error.headers.items():
            response.set(name, value)
        self.send_response(flow, response, request.method)

    # -- sending
    def send_response(self, flow: Flow, response: Response, method: str) -> bytes:
        """Encode a response and send it back over the flow of its request; returns the octets."""
        if self.finish is not None:
            self.finish(response, method)
        data = response.encode()
        self.transmit_response(flow, response, data)
        return data

    def transmit_response(self, flow: Flow, response: Response, data: bytes) -> None:
        """Send an encoded response: RFC 3261 18.2.2."""
        count_code(response.code)
        if SIP.level >= INFO:
            self.trace.write("TO", response, data)
        self.transmit(self.reply_flow(flow, response.via), data)

    def reply_flow(self, flow: Flow, via: Via) -> Flow:
        """Where responses go: the same stream, or what the Via says (with received and rport), or the SA."""
        if flow.local >= self.clear and self.protection is not None:
            if flow.transport == "TCP" and self._connections.has(flow):
                return flow
            return self.protection.reply_flow(flow)
        if flow.transport == "UDP":
            host, port = via.reply_address()
            return flow if flow.port == port and flow.host == host else Flow("UDP", flow.local, host, port)
        if self._connections.has(flow):
            return flow
        return Flow("TCP", flow.local, flow.host, via.port or 5060)

    def transmit(self, flow: Flow, data: bytes, on_error: Callable[[], None] | None = None) -> None:
        """Octets to a peer. UDP drops when the socket is full; TCP opens a connection where there is none."""
        endpoint = self.endpoints[flow.local]
        if flow.transport == "TCP":
            self._connections.send(endpoint, flow, data, on_error)
        elif endpoint.udp is not None and not endpoint.udp.send(data, (flow.host, flow.port)):
            counters.inc("sip_send_failed")  # no room, or no route: retransmission decides
            log(SIP, INFO, f"a datagram to {flow} was not taken")

    def send_request(
        self,
        request: Request,
        flow: Flow,
        on_response: OnResponse,
        on_failure: OnFailure,
        contact_user: str | None = None,
    ) -> ClientTransaction:
        """Send a request of our own in a transaction; Via, and Contact if `contact_user` is given, are put in here.

        `on_response` gets every response; `on_failure(code, why)` is called once with 408 or 503 if none comes.
        """
        transaction = ClientTransaction(self, request, on_response, on_failure, contact_user)
        flow = self._way(flow)
        transaction.start(self.flow_for(request, flow, contact_user), fallback=flow)
        return transaction

    def flow_for(self, request: Request, flow: Flow, contact_user: str | None) -> Flow:
        """UDP, or TCP for a request above tcp_threshold (RFC 3261 18.1.1), over a stream that stands already."""
        self.prepare(request, flow, contact_user, "")
        if flow.transport != "UDP" or self.tcp_threshold <= 0:
            return flow
        protected = flow.local >= self.clear
        if len(request.encode()) <= self.tcp_threshold - (ESP_OCTETS if protected else 0):
            return flow
        if protected:
            return (self.protection.stream_flow(flow) if self.protection is not None else None) or flow
        return self._connections.to_phone(flow) or Flow("TCP", flow.local, flow.host, flow.port)

    def _way(self, flow: Flow) -> Flow:
        """The flow for a request: where a phone was seen, or the SA set that it has now."""
        if flow.local < self.clear or self.protection is None:
            return flow
        return self.protection.request_flow(flow)

    def prepare(self, request: Request, flow: Flow, contact_user: str | None, branch: str) -> str:
        """Write Via and Contact for a flow; returns the branch."""
        endpoint = self.endpoints[flow.local]
        branch = branch or self.tokens.branch()
        request.headers["via"] = [f"SIP/2.0/{flow.transport} {endpoint.sent_by};branch={branch};rport"]
        if contact_user is not None:
            params = request.get("contact").partition(">")[2]
            request.set("contact", endpoint.contact(contact_user, flow.transport) + params)
        return branch

    def send_ack(self, request: Request, flow: Flow) -> bytes:
        """The ACK to a 2xx: outside any transaction (RFC 3261 13.2.2.4); the octets, for when the 2xx comes again."""
        flow = self.flow_for(request, self._way(flow), None)
        self.prepare(request, flow, None, "")
        if self.finish is not None:
            self.finish(request, "ACK")
        data = request.encode()
        self.transmit_request(flow, request, data, None)
        return data

    def transmit_request(self, flow: Flow, request: Request, data: bytes, on_error: Callable[[], None] | None) -> None:
        """Send an encoded request."""
        count_method(request.method)
        if SIP.level >= INFO:
            self.trace.write("TO", request, data)
        self.transmit(flow, data, on_error)

    def connected(self, flow: Flow) -> bool:
        """Is there a stream on this flow, or an SA, behind which one is opened when it is needed?"""
        return flow.local >= self.clear or self._connections.has(flow)

    def has_stream(self, flow: Flow) -> bool:
        """Is there a stream on this very flow?"""
        return self._connections.has(flow)

    def load(self) -> dict[str, int]:
        """How many transactions live, for metrics and tests."""
        return self.transactions.load()


def _mark_source(request: Request, flow: Flow) -> None:
    """Write into the top Via where the request came from, so that answers go there and nowhere else (18.2.1)."""
    via = request.via
    if "rport" in via.params or "received" in via.params or not same_host(via.host, flow.host):
        request.replace_top_via(via.with_source(flow.host, flow.port))
