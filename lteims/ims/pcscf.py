"""The P-CSCF (TS 24.229 5.2): where every request of a phone comes in, and who it is from.

`on_request` is the door: methods, extensions and identities are checked here; REGISTER goes on to scscf.py,
INVITE and what follows it to calls.py, other requests to whom they are meant for.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final, Protocol

from lteims import counters
from lteims.config import ImpuConfig
from lteims.ims import emergency
from lteims.ims.caller import Caller, Identifier
from lteims.ims.capabilities import ALLOW, SEC_AGREE, check_extensions, not_allowed
from lteims.ims.challenge import Integrity
from lteims.ims.emergency import AlternativeService
from lteims.ims.forced import Forcing
from lteims.ims.icscf import Destination, Locator, Registered, Server, Unknown, Unregistered
from lteims.ims.relay import Relay
from lteims.ims.scscf import Registrar, Unauthorized, is_sos
from lteims.ims.sms_sip import RPDU, TEXT
from lteims.ims.subscribers import Impu, Subscriber
from lteims.net import eager
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Flow
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.errors import SipError
from lteims.sip.event import REG
from lteims.sip.grammar import host_port
from lteims.sip.message import Request
from lteims.sip.uri import Uri
from lteims.store.state import StoreError
from lteims.trace import DEBUG, ERROR, IMS, INFO, log

IN_DIALOG = frozenset({"BYE", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY"})
ACCEPT = "application/sdp"
_RETRY_AFTER: Final = "30"  # seconds until a disk that takes nothing is asked again (RFC 3261 21.5.1)
MAX_PENDING: Final = 20000  # REGISTERs being served; above, the sender is told to come back


class Calls(Protocol):
    """What pcscf needs of calls.py."""

    def on_invite(self, transaction: ServerTransaction, caller: Caller, destination: Destination) -> None:
        """A new call."""

    def on_dialog_request(self, transaction: ServerTransaction) -> bool:
        """A request inside a dialog; False when there is no such dialog."""

    def on_ack(self, request: Request, flow: Flow) -> None:
        """The ACK to a 2xx."""


class Gateway(Protocol):
    """What pcscf needs of ipsmgw.py."""

    async def on_message(self, transaction: ServerTransaction, caller: Caller) -> None:
        """A MESSAGE with an RPDU."""

    async def on_text(self, transaction: ServerTransaction, caller: Caller, receiver: Subscriber, impu: Impu) -> None:
        """A MESSAGE with text for a user whose phone reads SMS, or who is not there."""


class Notifier(Protocol):
    """What pcscf needs of regevent.py."""

    def check(self, request: Request) -> None:
        """Can this SUBSCRIBE be served at all?"""

    def on_subscribe(self, transaction: ServerTransaction, caller: Caller) -> None:
        """A SUBSCRIBE outside any dialog."""

    def on_dialog_request(self, transaction: ServerTransaction) -> None:
        """A SUBSCRIBE inside a dialog."""


class Directory(Protocol):
    """What pcscf needs of cx.py."""

    async def location_info(self, impu: Uri) -> bool:
        """Does somebody have an identity that nobody has here? SipError 500, 504."""

    async def unregistered_user(self, impu: Uri) -> tuple[Subscriber, Impu] | None:
        """Whom a message is for that nobody here is; None for nobody. SipError 480, 500, 504."""


class Security(Protocol):
    """What pcscf needs of security.py."""

    def integrity(self, flow: Flow) -> Integrity | None:
        """What the SA of a flow proves; None in clear."""

    def check(self, request: Request, flow: Flow) -> None:
        """Is what came by an SA what was agreed?"""

    def home(self, flow: Flow) -> Flow:
        """The flow as a binding keeps it."""

    def challenge(self, request: Request, flow: Flow, refusal: Unauthorized) -> None:
        """Complete a 401."""

    def registered(self, flow: Flow, expires: float) -> None:
        """A REGISTER is about to be answered 200."""

    def refused(self, flow: Flow) -> None:
        """A REGISTER is about to be refused."""


class Pcscf:
    """Implements net.sip.Core."""

    def __init__(
        self,
        stack: SipStack,
        registrar: Registrar,
        identifier: Identifier,
        locator: Locator,
        calls: Calls,
        relay: Relay,
    ) -> None:
        self._stack = stack
        self._registrar = registrar
        self._identifier = identifier
        self._locator = locator
        self._calls = calls
        self._relay = relay
        self.gateway: Gateway | None = None  # for short messages; None: they are relayed as they are
        self.notifier: Notifier | None = None  # of registration state; None: SUBSCRIBE is not allowed
        self.directory: Directory | None = None  # of users who are not here; None: there are none
        self.security: Security | None = None  # None: all is in clear
        self.on_refused: Callable[[str, int], None] | None = None  # told the method and code of each refusal
        self._tasks: set[asyncio.Task[None]] = set()
        self.forcing = Forcing(stack, locator, ALLOW)
        stack.takes_cancel = self.on_cancel

    # -- the door
    def on_request(self, transaction: ServerTransaction) -> None:
        """net.sip.Core: answer or hand on; a SipError from below becomes the answer here and nowhere else."""
        request = transaction.request
        try:
            if len(self._tasks) >= MAX_PENDING and self._can_wait(request):
                transaction.reply(503, headers={"retry-after": "5"})
            elif request.method in self.forcing.methods and self.forcing.answer(transaction):
                return
            elif request.method == "REGISTER":
                self._check(transaction)
                self._spawn(self._register(transaction), transaction)
            elif request.to.tag:
                self._in_dialog(transaction)
            else:
                self._out_of_dialog(transaction)
        except SipError as error:
            self._refuse(transaction, error)

    def _can_wait(self, request: Request) -> bool:
        """Under overload everything comes later but calls for help, registrations for them (TS 24.229 5.2.1) and
        requests inside dialogs, which cost little and end calls."""
        match request.method:
            case "REGISTER":
                return not any(is_sos(contact) for contact in request.contacts)
            case "INVITE" if not request.to.tag:
                return not self._locator.is_emergency(request.uri)
        return not request.to.tag

    def on_ack(self, request: Request, flow: Flow) -> None:
        """net.sip.Core."""
        if self.forcing.unacknowledged and self.forcing.on_ack(request):
            return
        self._calls.on_ack(request, flow)

    def on_cancel(self, transaction: ServerTransaction) -> bool:
        """A CANCEL, before anything is cancelled; True if an answer is forced on it and that is all."""
        return "CANCEL" in self.forcing.methods and self.forcing.answer(transaction)

    def _in_dialog(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if request.method not in IN_DIALOG and request.method not in ("INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE"):
            raise not_allowed(request)
        self._check(transaction)
        notifier = self.notifier
        if request.method == "SUBSCRIBE" and notifier is not None:  # no call's dialog is shared (RFC 6665 4.5.2)
            notifier.on_dialog_request(transaction)
            return
        if not self._calls.on_dialog_request(transaction):
            raise SipError(481, f"{request.method} in a dialog that does not exist")

    def _out_of_dialog(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        match request.method:
            case "OPTIONS":
                self._check(transaction)
                self._options(transaction)
            case "INVITE":
                transaction.reply(100)
                self._check(transaction)
                self._spawn(self._invite(transaction), transaction)
            case "MESSAGE":
                self._check(transaction)
                self._spawn(self._message(transaction), transaction)
            case "SUBSCRIBE" if self.notifier is not None:
                self._check(transaction)
                self._spawn(self._subscribe(transaction, self.notifier), transaction)
            case method if method in IN_DIALOG:
                raise SipError(481, f"{method} outside a dialog")
            case _:
                raise not_allowed(request)

    def _check(self, transaction: ServerTransaction) -> None:
        """The extensions that a request asks for, and the SA that it came by."""
        security = self.security
        if security is None:
            check_extensions(transaction.request)
            return
        check_extensions(transaction.request, SEC_AGREE)
        if transaction.flow.local >= self._stack.clear:
            security.check(transaction.request, transaction.flow)

    def _integrity(self, flow: Flow) -> Integrity | None:
        return None if self.security is None else self.security.integrity(flow)

    def _refuse(self, transaction: ServerTransaction, error: SipError) -> None:
        request = transaction.request
        if self.on_refused is not None:
            self.on_refused(request.method, error.code)
        level = DEBUG if error.code == 401 else INFO
        log(IMS, level, f"{request.method} from {transaction.flow} answered {error.code}: {error.why}")
        if isinstance(error, AlternativeService):
            response = transaction.make(error.code)
            error.complete(response, self._path(transaction))
            transaction.respond(response)
            return
        transaction.reply(error.code, error.reason, error.headers)

    def _path(self, transaction: ServerTransaction) -> str:
        """This P-CSCF as Path names it to a phone (TS 24.229 5.2.2.1)."""
        endpoint = self._stack.endpoints[transaction.flow.local]
        return f"<sip:{host_port(endpoint.host, endpoint.port)};lr>"

    def _spawn(self, work: Coroutine[None, None, None], transaction: ServerTransaction) -> None:
        task = eager.start(self._stack.loop, self._guard(work, transaction))
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[None, None, None], transaction: ServerTransaction) -> None:
        try:
            await work
        except SipError as error:
            self._refuse(transaction, error)
        except StoreError as error:
            self._refuse(transaction, _unstored(error))
        except Exception as error:  # a fault of ours: the phone gets an answer, the log the place
            counters.inc("ims_internal_error")
            log(IMS, ERROR, f"{transaction.request.method} failed inside: {error!r} at {where(error)}")
            transaction.reply(500)

    # -- REGISTER
    async def _register(self, transaction: ServerTransaction) -> None:
        request, flow, security = transaction.request, transaction.flow, self.security
        try:
            try:
                home = flow if security is None else security.home(flow)
                subscriber, _, bindings = await self._registrar.register(request, home, self._integrity(flow))
            except Unauthorized as refusal:
                if security is not None:
                    security.challenge(request, flow, refusal)
                raise
        except SipError as error:
            self._not_registered(transaction, error)
            return
        except StoreError as error:
            self._not_registered(transaction, _unstored(error))
            return
        response = transaction.make(200)
        if bindings:
            response.headers["contact"] = self._registrar.contact_lines(bindings)
            mine = next((b for b in bindings if b.call_id == request.call_id), bindings[-1])
            if security is not None and mine.protected:
                security.registered(flow, self._registrar.time_left(mine))
            response.headers["p-associated-uri"] = [", ".join(self._registrar.associated_uris(subscriber, mine))]
            endpoint = self._stack.endpoints[transaction.flow.local]
            response.headers["service-route"] = [f"<sip:orig@{host_port(endpoint.host, endpoint.port)};lr>"]
            if mine.path:
                response.headers["path"] = list(mine.path)
            elif "supported" in request.headers and "path" in request.tokens("supported"):
                response.headers["path"] = [self._path(transaction)]  # RFC 3327 5.3; a 380 has to bear this name
        counters.inc("ims_registration")
        transaction.respond(response)

    def _not_registered(self, transaction: ServerTransaction, error: SipError) -> None:
        request = transaction.request
        if self.on_refused is not None:
            self.on_refused("REGISTER", error.code)
        if error.code != 401:
            counters.inc("ims_registration_failed")
            log(IMS, INFO, f"registration of {request.to.uri} failed: {error.why}")
            if self.security is not None:
                self.security.refused(transaction.flow)
        elif IMS.level >= DEBUG:
            log(IMS, DEBUG, f"registration of {request.to.uri}: 401, {error.why}")
        transaction.reply(error.code, error.reason, error.headers)

    # -- requests for somebody
    def _options(self, transaction: ServerTransaction) -> None:
        """RFC 3261 11.2: what the server can, asked of it or of a user here."""
        match self._locator.route(transaction.request.uri):
            case Unknown():
                raise SipError(404, f"OPTIONS for {transaction.request.uri}: nobody here")
            case Unregistered():
                raise SipError(480, f"OPTIONS for {transaction.request.uri}: not registered")
            case _:
                headers = {"allow": ALLOW, "accept": ACCEPT, "accept-encoding": "identity", "supported": "path"}
                if self.notifier is not None:
                    headers["allow-events"] = REG
                transaction.reply(200, headers=headers)

    async def _invite(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        transaction.on_cancel = lambda cancel: transaction.reply(487)  # until the call takes over
        caller, destination = await self._who_and_whom(transaction)
        if transaction.answered:  # cancelled while we asked
            return
        if isinstance(destination, Server | Unknown):
            await self._look_elsewhere(transaction, destination)
            raise SipError(404, f"nobody is {request.uri}")
        self._calls.on_invite(transaction, caller, destination)

    async def _identify(
        self, transaction: ServerTransaction, callee: ImpuConfig | None, *, emergency: bool = False
    ) -> Caller:
        flow, security = transaction.flow, self.security
        home = flow if security is None else security.home(flow)
        return await self._identifier.identify(
            transaction.request, home, callee, self._integrity(flow), emergency=emergency
        )

    async def _who_and_whom(self, transaction: ServerTransaction) -> tuple[Caller, Destination]:
        request = transaction.request
        uri = request.uri
        destination = self._locator.route(uri)
        options = emergency.options_of(destination)
        help = self._locator.asks_for_help(uri)
        unlisted = help and isinstance(destination, Unknown) and request.method == "INVITE"
        if unlisted:
            uri = emergency.SERVICE
            destination = self._locator.route(uri)
            options = emergency.UNPROVEN if isinstance(destination, Unknown) else emergency.options_of(destination)
        first = help or (options is not None and options.anonymous)
        caller = await self._identify(transaction, options, emergency=first)
        if unlisted:
            emergency.check(caller, destination, request.target)
        if isinstance(destination, Registered) and caller.binding is not None:
            destination = self._locator.route(uri, caller.binding)
        return caller, destination

    async def _subscribe(self, transaction: ServerTransaction, notifier: Notifier) -> None:
        """Registration state is what there is to subscribe to (TS 24.229 5.4.2.1)."""
        request = transaction.request
        notifier.check(request)
        caller = await self._identify(transaction, None)
        notifier.on_subscribe(transaction, caller)

    async def _message(self, transaction: ServerTransaction) -> None:
        """A short message (TS 24.341), or a pager-mode MESSAGE between two users (RFC 3428 7)."""
        caller, destination = await self._who_and_whom(transaction)
        kind = transaction.request.get("content-type").partition(";")[0].strip().lower()
        gateway = self.gateway
        if kind == RPDU and gateway is not None:  # to a service centre, whatever its name
            await gateway.on_message(transaction, caller)
            return
        match destination:
            case Registered() | Unregistered() if kind == TEXT and gateway is not None and reads_sms(destination):
                await gateway.on_text(transaction, caller, destination.subscriber, destination.impu)
            case Registered():
                self._relay.forward(transaction, caller, destination)
            case Unregistered():
                raise SipError(480, f"{transaction.request.uri} is not registered")
            case Unknown() if kind == TEXT and gateway is not None and self.directory is not None:
                found = await self.directory.unregistered_user(transaction.request.uri)
                if found is None:
                    raise SipError(404, f"nobody takes messages at {transaction.request.uri}")
                await gateway.on_text(transaction, caller, *found)
            case _:
                await self._look_elsewhere(transaction, destination)
                raise SipError(404, f"nobody takes messages at {transaction.request.uri}")

    async def _look_elsewhere(self, transaction: ServerTransaction, destination: Destination) -> None:
        """SipError 480 for somebody whom an external HSS knows (TS 24.229 5.3.2.1, LIR)."""
        uri = transaction.request.uri
        directory = self.directory
        if isinstance(destination, Unknown) and directory is not None and await directory.location_info(uri):
            raise SipError(480, f"{uri} is not registered here")


def _unstored(error: StoreError) -> SipError:
    """The answer while the disk takes nothing."""
    return SipError(500, str(error), {"retry-after": _RETRY_AFTER})


def reads_sms(destination: Registered | Unregistered) -> bool:
    """Is text for this user a short message: it has a phone that takes those, or it is not there?"""
    return isinstance(destination, Unregistered) or destination.bindings[0].sms_over_ip


def where(error: BaseException) -> str:
    """file:line of an error of ours, for one line of log."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
