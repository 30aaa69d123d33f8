"""The P-CSCF's side of IPsec (TS 33.203 7, TS 24.229 5.2.2.2, RFC 3329): what is agreed with a phone, what it proves.

pcscf.py asks at each request; net/sip.py asks which way a message to a phone takes. The sets are kept in sa_sets.py.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

from lteims import counters
from lteims.config import ImsConfig
from lteims.ims.challenge import Integrity
from lteims.ims.sa_sets import Exhausted, SaSets
from lteims.ims.scscf import Unauthorized
from lteims.ims.subscribers import Binding, Subscriber, Subscribers
from lteims.ipsec import sec_agree
from lteims.ipsec.algorithms import DEFAULT_AALGS, DEFAULT_EALGS
from lteims.ipsec.associations import S, SaSet
from lteims.ipsec.errors import IpsecError, NoIpsec
from lteims.ipsec.sa import Aalg, Ealg
from lteims.ipsec.sec_agree import OPTION_TAG, Offer
from lteims.net.ipsec import Ipsec
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Flow, same_host
from lteims.sip.errors import SipError
from lteims.sip.message import Message, Request, Response
from lteims.trace import IMS, INFO, WARN, log

FULL_TIME: Final = "30"  # seconds, as Retry-After
_A = TypeVar("_A", Aalg, Ealg)


class Security:
    """Implements net.sip.Protection."""

    def __init__(
        self, config: ImsConfig, stack: SipStack, sets: SaSets, ipsec: Ipsec, subscribers: Subscribers, *, tcp: bool
    ) -> None:
        """`tcp`: does ESP carry TCP too?"""
        self.sets = sets
        self._stack = stack
        self._tcp = tcp
        self._required = config.ipsec_required
        self._aalgs = _usable(config.ipsec_aalg_list, DEFAULT_AALGS, ipsec.aalgs, "ipsec_aalg_list")
        self._ealgs = _usable(config.ipsec_ealg_list, DEFAULT_EALGS, ipsec.ealgs, "ipsec_ealg_list")
        log(
            IMS, INFO, f"IPsec: offered to phones, the best first: {' '.join(self._aalgs)} with {' '.join(self._ealgs)}"
        )
        subscribers.listeners.append(self._on_binding)

    # -- net.sip.Protection
    def admits(self, flow: Flow) -> bool:
        """Is there an SA for these two ports? Kernel or user space has seen to it that the message came by it."""
        return self.sets.by_flow(flow) is not None

    def same_phone(self, one: Flow, other: Flow) -> bool:
        """Two flows of one user; a dialog may remember one whose SAs are long gone."""
        return self.sets.user_at(one) in (None, self.sets.user_at(other))

    def reply_flow(self, flow: Flow) -> Flow:
        """TS 33.203 7.1: over UDP from our client port to the phone's server port, whatever the Via says."""
        return self.home(flow)

    def request_flow(self, flow: Flow) -> Flow:
        """Where the phone is now that was seen at this flow: its current set."""
        found = self.sets.current(flow)
        if found is None:
            return flow
        return self._stream(found) if flow.transport == "TCP" else self._to_phone(found, "UDP")

    def stream_flow(self, flow: Flow) -> Flow | None:
        """A stream to the phone: ours, else the one that the phone has opened, else one to open (TS 33.203 7.1)."""
        found = self.sets.current(flow) if self._tcp else None
        return None if found is None else self._stream(found)

    def mark(self, flow: Flow, message: Message) -> None:
        """Supported and Security-Server, in every answer by an SA; in a 401 the latter announces new ones alone."""
        found = self.sets.by_flow(flow)
        if found is None:
            return
        supported = message.headers.setdefault("supported", [])
        if not any(OPTION_TAG in line for line in supported):
            supported.append(OPTION_TAG)
        if not (isinstance(message, Response) and message.code == 401):
            message.headers.setdefault("security-server", [found.security_server])

    def _to_phone(self, found: SaSet, transport: str) -> Flow:
        return Flow(transport, self.sets.ways(found)[1].index, found.host, found.port_us)

    def _stream(self, found: SaSet) -> Flow:
        server, client = self.sets.ways(found)
        ours = Flow("TCP", client.index, found.host, found.port_us)
        theirs = Flow("TCP", server.index, found.host, found.port_uc)
        return theirs if not self._stack.has_stream(ours) and self._stack.has_stream(theirs) else ours

    # -- what a request by an SA proves
    def integrity(self, flow: Flow) -> Integrity | None:
        """What the SA of a flow proves; None for a flow in clear. SipError 403 where the SA has just gone."""
        if flow.local < self._stack.clear:
            return None
        found = self.sets.by_flow(flow)
        if found is None:
            raise SipError(403, f"the SA of {flow} is gone")
        return Integrity(found.impi, found.nonce, found.state in (S.ESTABLISHED, S.OLD))

    def home(self, flow: Flow) -> Flow:
        """A flow as a binding keeps it: where requests to the phone go."""
        found = self.sets.by_flow(flow)
        return flow if found is None else self._to_phone(found, flow.transport)

    def check(self, request: Request, flow: Flow) -> None:
        """Is what came by an SA what was agreed (RFC 3329 2.3.1, TS 24.229 5.2.2.2)? SipError 403 or 494 if not.

        Some phones send Security-Verify in REGISTER alone; what is there must be right, and the first must have it.
        """
        found = self.sets.by_flow(flow)
        if found is None or request.method in ("ACK", "CANCEL"):
            return
        first = not found.proven
        if first and request.method != "REGISTER":
            raise SipError(403, f"{request.method} of {found.impi} by SAs that are not established")
        verify = request.headers.get("security-verify", [])
        fault = sec_agree.difference(verify, found.security_server) if verify or first else ""
        if fault:
            raise self._mismatch(f"Security-Verify of {found.impi}: {fault}", found)
        fault = sec_agree.difference(request.headers.get("security-client", []), found.security_client) if first else ""
        if fault:
            raise self._mismatch(f"Security-Client of {found.impi} is not that of the first REGISTER: {fault}", found)

    def _mismatch(self, why: str, found: SaSet) -> SipError:
        counters.inc("ipsec_verify_failed")
        return _not_agreed(why, found.security_server)

    # -- agreement
    def challenge(self, request: Request, flow: Flow, refusal: Unauthorized) -> None:
        """Complete a 401: Security-Server, and temporary SAs behind it; or leave it as it is, on the clear path.

        SipError 494 or 503 take its place where the phone requires what cannot be had.
        """
        challenge = refusal.challenge
        lines = request.headers.get("security-client", [])
        aka = challenge.vector.aka
        why, offer = "", None
        if not lines:
            why = "sec-agree is required, and there is no Security-Client" if requires_agreement(request) else ""
        elif aka is None:
            why = f"{challenge.vector.algorithm} gives no keys"
        else:
            try:
                choice = sec_agree.choose(sec_agree.parse(lines), self._aalgs, self._ealgs)
            except IpsecError as error:
                why = str(error)
            else:
                offer = choice.offer
                log(IMS, INFO, f"IPsec for {challenge.impi}: {choice.text}")
        if aka is None or offer is None:
            self._in_clear(request, flow, challenge.impi, why, asked=self._required and aka is not None)
            return
        self._check_answerable(flow, offer)
        try:
            new = self._begin(flow, challenge.impi, offer, aka.ck, aka.ik, challenge.nonce, ", ".join(lines))
        except NoIpsec as error:
            counters.inc("ipsec_exhausted" if isinstance(error, Exhausted) else "ipsec_install_failed")
            log(IMS, WARN, f"no IPsec for {challenge.impi}: {error}")
            raise SipError(503, f"no SAs: {error}", {"retry-after": FULL_TIME}) from None
        _warn_of_nat(request, flow, challenge.impi)
        challenge.protected = True
        refusal.headers["security-server"] = new.security_server

    def _check_answerable(self, flow: Flow, offer: Offer) -> None:
        """A 401 has to leave by the SAs of its request, which new ones between the same ports would replace.

        SipError 500, at which a phone begins again in clear (TS 24.229 5.1.1.4.1).
        """
        found = self.sets.by_flow(flow)
        if found is None:
            return
        again = offer.port_c == found.port_uc or not {offer.spi_c, offer.spi_s}.isdisjoint(found.phone_spis)
        if again or not found.proven:
            raise SipError(500, f"a 401 to {found.impi} would have to leave by the SAs that it replaces")

    def _in_clear(self, request: Request, flow: Flow, impi: str, why: str, *, asked: bool) -> None:
        """A 401 without new SAs, unless the phone or the operator (`asked`) wants none such (RFC 3329 2.3.1, 2.3.2)."""
        if requires_agreement(request) and why:
            counters.inc("ipsec_not_agreed")
            raise _not_agreed(f"no IPsec for {impi}: {why}", sec_agree.supported(self._aalgs, self._ealgs))
        if asked and flow.local < self._stack.clear:
            counters.inc("ipsec_not_agreed")
            text = f"no IPsec for {impi}, and ipsec_required asks for it: {why or 'no Security-Client'}"
            if why or ("supported" in request.headers and OPTION_TAG in request.tokens("supported")):
                raise _not_agreed(text, sec_agree.supported(self._aalgs, self._ealgs))
            raise SipError(421, text, {"require": OPTION_TAG})
        if why:
            counters.inc("ipsec_not_agreed")
            log(IMS, INFO, f"no IPsec for {impi}, which goes on in clear: {why}")

    def _begin(self, flow: Flow, impi: str, offer: Offer, ck: bytes, ik: bytes, nonce: str, client: str) -> SaSet:
        sets = self.sets
        server = sets.server(self._stack.endpoints[flow.local].base)
        port_pc = sets.client_port(flow, impi, offer.port_s)
        mine = sec_agree.answer(offer, sets.spi(), sets.spi(), port_pc, server.bind_port)
        four = sec_agree.four(offer, mine, flow.host, server.bind_host, ck, ik)
        value = sec_agree.encode(mine)
        new = SaSet(
            mine.spi_s,
            impi,
            flow.host,
            offer.port_c,
            offer.port_s,
            mine.port_s,
            mine.port_c,
            four,
            value,
            nonce,
            client,
        )
        sets.begin(flow, new)
        return new

    # -- what becomes of it
    def registered(self, flow: Flow, expires: float) -> None:
        """A REGISTER by an SA is about to be answered 200, its binding lasting `expires` seconds."""
        found = self.sets.by_flow(flow)
        if found is not None:
            self.sets.registered(found, expires)

    def refused(self, flow: Flow) -> None:
        """A REGISTER by an SA is about to be answered with a failure that is no 401."""
        found = self.sets.by_flow(flow)
        if found is not None:
            self.sets.refused(found)

    def _on_binding(self, subscriber: Subscriber, binding: Binding, event: str) -> None:
        """SAs go with the last contact that they protect: it has left, has moved, or came again in clear."""
        self.sets.keep(subscriber.impi, {b.flow.host for b in subscriber.bindings if b.protected})


def _warn_of_nat(request: Request, flow: Flow, impi: str) -> None:
    """ESP of a phone that knows itself by another address fails on its way, since the SAs are for the one seen."""
    if "via" not in request.headers:
        return
    named = request.via.host.strip("[]")
    numeric = ":" in named or named.replace(".", "").isdigit()
    if numeric and not same_host(named, flow.host):
        why = f"its Via names {named}, and it is seen at {flow.host}: there is NAT between, which its ESP does not pass"
        log(IMS, WARN, f"IPsec for {impi} will fail: {why}. Give this host a route to {named}, and take the NAT away")


def _usable(wanted: Iterable[str] | None, default: Iterable[_A], offered: Iterable[_A], name: str) -> tuple[_A, ...]:
    """The operator's list, or all that is good, without what this machine cannot do."""
    able = {str(algorithm): algorithm for algorithm in offered}
    names = [str(algorithm) for algorithm in default] if wanted is None else list(wanted)
    lacking = [each for each in names if each not in able]
    if lacking and wanted is not None:
        log(IMS, WARN, f"{name}: this machine cannot do {', '.join(lacking)}")
    return tuple(able[each] for each in names if each in able)


def requires_agreement(request: Request) -> bool:
    """Does a request ask for sec-agree, or want no service (RFC 3329 2.3.1)?"""
    headers = request.headers
    return any(
        name in headers and OPTION_TAG in (tag.lower() for tag in request.tokens(name))
        for name in ("require", "proxy-require")
    )


def _not_agreed(why: str, server: str) -> SipError:
    return SipError(494, why, {"security-server": server, "require": OPTION_TAG})
