"""Forced answers: `code`, `method`, `content` and `transparent` of an IMPU (manual 5.2.1), for the echo and for users.

pcscf.py asks `answer` at its door for the methods that some IMPU forces; the call core asks `final_of` when a callee
answers (INVITE.OK); control.py changes the options at run time.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lteims import counters
from lteims.config import ImpuConfig, ImpuMethod
from lteims.config.users import MAX_CONTENT
from lteims.ims.icscf import Destination, Echo, Locator, Registered, Unregistered
from lteims.net.sip import SipStack
from lteims.net.sip_transaction import ServerTransaction
from lteims.net.timers import Handle
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response
from lteims.trace import IMS, INFO, log

RING_TIME = 180.0  # seconds that an INVITE with nothing but a forced provisional response rings (as timer C)
MIN_INTERVAL = {"min-expires": 60, "min-se": 90}  # seconds, RFC 3261 20.23 as our registrar has it, RFC 4028 5


@dataclass(frozen=True, slots=True)
class Forced:
    """One forced answer; `code` -1 is silence."""

    impu: str
    code: int
    method: ImpuMethod
    transparent: bool
    content_type: str
    body: bytes

    @property
    def silent(self) -> bool:
        """No answer at all."""
        return self.code < 0

    @property
    def final(self) -> bool:
        """Does nothing come behind it?"""
        return self.code < 0 or self.code >= 200

    def why(self) -> str:
        """For the log."""
        transparent = ", transparent" if self.transparent else ""
        return f"IMPU {self.impu} has code {self.code} for {self.method}{transparent}"

    def note(self, request: Request, id: str = "-") -> None:
        """Count and log it; called once for each answer."""
        counters.inc("ims_forced_answer")
        what = "left without answer" if self.silent else f"answered {self.code}"
        log(IMS, INFO, f"{request.method} of {request.from_.uri} {what}: {self.why()}", id=id)


def forced_of(config: ImpuConfig) -> Forced | None:
    """What an IMPU forces; None with code 0."""
    if not config.code:
        return None
    body = config.content_data
    kind = config.content_type if body else ""
    return Forced(config.impu, config.code, config.method, config.transparent, kind, body)


def final_of(callee: Destination | ImpuConfig) -> Forced | None:
    """What takes the place of a callee's 2xx (INVITE.OK); the caller of this sends it, and calls `note`.

    With code -1 no final answer leaves. Without `transparent` the callee is hung up, with it the call goes on as if
    its 2xx had been sent.
    """
    config: ImpuConfig
    match callee:
        case ImpuConfig():
            config = callee
        case Echo():
            config = callee.config
        case Registered() | Unregistered():
            config = callee.impu.config
        case _:
            return None
    return forced_of(config) if config.code and config.method is ImpuMethod.INVITE_OK else None


def demanded(code: int, request: Request, allow: str) -> dict[str, str]:
    """The headers without which a code says nothing (RFC 3261 21.4.6, 21.4.13, 21.4.15, 21.4.17; RFC 4028 6).

    An interval in a 422 or 423 is a second more than what was asked for, so that the peer can come back with it.
    A challenge has to be real to be of use, so 401 and 407 carry none: custom_headers can add one.
    """
    match code:
        case 405:
            return {"allow": ", ".join(method for method in allow.split(", ") if method != request.method)}
        case 415:
            return {"accept": "application/sdp", "accept-encoding": "identity"}
        case 420:
            tags = request.tokens("require") or request.tokens("proxy-require") or request.tokens("supported")
            return {"unsupported": ", ".join(tags)} if tags else {}
        case 422:
            return {"min-se": _above(request, "session-expires", "min-se")}
        case 423:
            return {"min-expires": _above(request, "expires", "min-expires")}
    return {}


def _above(request: Request, asked: str, answer: str) -> str:
    """One second above the interval that a request asks for, at least the usual minimum."""
    try:
        seconds = [request.number(asked) or 0]
        if asked == "expires":
            given = (contact.params.get("expires") or "" for contact in request.contacts)
            seconds += [int(text) for text in given if text.isascii() and text.isdigit() and len(text) <= 10]
    except SipError:  # an interval that is no number
        seconds = [0]
    return str(max(MIN_INTERVAL[answer], max(seconds) + 1))


def read_content(path: str) -> bytes:
    """The octets of a `content` file, one more than its limit at the most. OSError if it is none."""
    file = Path(path)
    if file.exists() and not file.is_file():
        raise OSError(f"{path} is no regular file")
    with file.open("rb") as opened:
        return opened.read(MAX_CONTENT + 1)


class Forcing:
    """Answers requests in place of those who would.

    Which requests (manual 5.2.1, `method`): INVITE, REGISTER, UPDATE, PRACK and CANCEL whose To is the IMPU, MESSAGE
    whose From is, whether they come inside a dialog or not. The answer leaves before anybody has looked at who sends
    it and what it asks for.
    - code 100 to 699 replaces the treatment of the request. A provisional one to an INVITE stays all that is sent
      until the caller cancels (487) or RING_TIME is over (408). A CANCEL that is answered so cancels nothing.
    - code -1: neither the request nor its retransmissions are answered.
    - `transparent`: the request is served as if nothing had been sent. As a transaction has one final answer, that of
      the normal flow is dropped where a final one was forced, and with -1 all of its answers are.
    - INVITE.TRYING is INVITE behind a 100. INVITE.OK is carried out by the call core with `final_of`.
    A forced 2xx to an INVITE is repeated until its ACK (RFC 3261 13.3.1.4), but there is no dialog behind it: a BYE
    gets 481, which ends it for the phone. Retransmissions get the same answer from the transaction, 64*T1 long.
    """

    def __init__(self, stack: SipStack, locator: Locator, allow: str) -> None:
        """`allow` is the Allow of a 405, less the method that it answers."""
        self._stack = stack
        self._locator = locator
        self._allow = allow
        self.methods: frozenset[str] = frozenset()  # the SIP methods that some IMPU forces
        self.unacknowledged: dict[tuple[str, str], tuple[Handle, bool]] = {}  # by Call-ID and our tag: 2xx repeated
        locator.on_edit(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Look which methods are forced; the locator calls it when options have changed."""
        forced = {config.method for config in self._locator.all_options() if config.code}
        forced.discard(ImpuMethod.INVITE_OK)
        self.methods = frozenset(str(method).partition(".")[0] for method in forced)

    def find(self, request: Request) -> Forced | None:
        """The answer that is forced on a request."""
        who = request.from_ if request.method == "MESSAGE" else request.to
        config = self._locator.options(who.uri)
        if config is None or not config.code or config.method is ImpuMethod.INVITE_OK:
            return None
        return forced_of(config) if config.method.partition(".")[0] == request.method else None

    def answer(self, transaction: ServerTransaction) -> bool:
        """Answer a new request, if an answer is forced on it. False: it is to be served as if nothing had been."""
        request = transaction.request
        forced = self.find(request)
        if forced is None:
            return False
        forced.note(request, self._stack.log_id(request.call_id))
        if forced.method is ImpuMethod.INVITE_TRYING:
            transaction.force(transaction.make(100))
        if not forced.silent:
            self._send(transaction, forced)
        if forced.final and (forced.transparent or forced.silent):
            transaction.mute()
        if not forced.transparent:
            self._keep(transaction, forced)
        return not forced.transparent

    def _keep(self, transaction: ServerTransaction, forced: Forced) -> None:
        """Nobody else ends a transaction without a final answer."""
        if forced.silent or (forced.code < 200 and transaction.request.method != "INVITE"):
            transaction.expire()
        elif forced.code < 200:
            timer = self._stack.wheel.add(RING_TIME, transaction.reply, 408)
            transaction.on_cancel = partial(self._cancelled, transaction, timer)

    def _cancelled(self, transaction: ServerTransaction, timer: Handle, cancel: Request) -> None:
        self._stack.wheel.cancel(timer)
        transaction.reply(487)

    # -- the answer
    def _send(self, transaction: ServerTransaction, forced: Forced) -> None:
        request, code = transaction.request, forced.code
        response = transaction.make(code)
        for name, value in demanded(code, request, self._allow).items():
            response.headers[name] = [value]
        if request.method in ("INVITE", "UPDATE") and 100 < code < 300:
            self._add_way(response, transaction)
        if forced.body:
            response.headers["content-type"] = [forced.content_type]
            response.body = forced.body
        transaction.force(response)
        if request.method == "INVITE" and 200 <= code < 300:
            self._repeat(transaction, response, forced.transparent, self._stack.timings.t1, 0.0)

    def _add_way(self, response: Response, transaction: ServerTransaction) -> None:
        """RFC 3261 12.1.1: what an answer needs that may make a dialog or refresh its target."""
        request, flow = transaction.request, transaction.flow
        if "record-route" in request.headers:
            response.headers["record-route"] = list(request.headers["record-route"])
        user = request.uri.number or request.uri.user
        response.headers["contact"] = [self._stack.endpoints[flow.local].contact(user, flow.transport)]

    def _repeat(
        self, transaction: ServerTransaction, response: Response, transparent: bool, interval: float, waited: float
    ) -> None:
        """RFC 3261 13.3.1.4: T1 doubling to T2, 64*T1 long."""
        timings = self._stack.timings
        key = (transaction.request.call_id, transaction.request.to.tag or transaction.to_tag)
        if waited:
            transaction.force(response)
        waited += interval
        if waited >= 64 * timings.t1:
            self.unacknowledged.pop(key, None)
            return
        after = min(2 * interval, timings.t2)
        timer = self._stack.wheel.add(interval, self._repeat, transaction, response, transparent, after, waited)
        self.unacknowledged[key] = (timer, transparent)

    def on_ack(self, request: Request) -> bool:
        """The ACK to a forced 2xx? True if it is nobody else's."""
        found = self.unacknowledged.pop((request.call_id, request.to.tag), None)
        if found is None:
            return False
        self._stack.wheel.cancel(found[0])
        return not found[1]
