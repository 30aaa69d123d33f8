"""Dedicated bearers by Rx (TS 29.214 4.4, TS 29.213 annex A): the P-CSCF as AF, one Rx session for each leg.

The second answer to `Bearers` of qos.py. calls.py reserves and releases, and hears of bearers that are lost. A PCRF
that is not there costs no call: it goes on without dedicated bearers, and the log says so.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final, Protocol

from lteims import counters
from lteims.diameter.attributes import TerminationCause
from lteims.diameter.capabilities import Capabilities
from lteims.diameter.command import SUCCESS, Answer, Node, Plain, Result
from lteims.diameter.errors import DiameterError, NoAnswer, ResultCode
from lteims.diameter.rx import Aaa, Aar, Asr, Rar, Str
from lteims.diameter.rx_attributes import RxRequestType, SpecificAction
from lteims.diameter.rx_media import Media
from lteims.ims.qos import OnLost, Reservation
from lteims.ims.rx_media import media_of
from lteims.media.sdp import Sdp, SdpError
from lteims.net import eager
from lteims.net.timers import Handle, TimerWheel
from lteims.trace import IMS, INFO, RX, WARN, log

BEARER_TIME: Final = 4.0  # seconds that a granted bearer is waited for: not every PCRF tells when it stands
MOST_OWED: Final = 1000  # ends of sessions that the PCRF has not heard of
_UP: Final = SpecificAction.INDICATION_OF_SUCCESSFUL_RESOURCES_ALLOCATION
_FAILED: Final = SpecificAction.INDICATION_OF_FAILED_RESOURCES_ALLOCATION
_RELEASED: Final = SpecificAction.INDICATION_OF_RELEASE_OF_BEARER
_LOST: Final = SpecificAction.INDICATION_OF_LOSS_OF_BEARER
_UNKNOWN: Final = Result(ResultCode.DIAMETER_UNKNOWN_SESSION_ID)
Done = Callable[[bool], None]


class Client(Protocol):
    """What is needed of net/diameter.py."""

    @property
    def remote(self) -> object | None:
        """The PCRF, None while it is not there."""

    def new_session(self) -> str:
        """A Session-Id."""

    async def ask(self, request: Any, *, session: str = "") -> Any:
        """Ask and wait; NoAnswer, DiameterError."""


@dataclass(slots=True, eq=False)
class _Session:
    """One leg's Rx session."""

    leg: str  # the session_id of the remote API
    id: str  # Session-Id; "" before the first AAR
    waiting: list[tuple[Reservation, Done]] = field(default_factory=list)  # what is to be asked
    asked: list[Done] = field(default_factory=list)  # who waits for the bearers of the AAR that was granted
    media: tuple[Media, ...] = ()  # of the AAR that was granted last
    busy: bool = False  # an AAR is on its way
    over: bool = False  # the leg has ended
    up: bool = False  # the bearers stand
    held: bool = False  # some have stood, and a change that is refused leaves them
    early: bool | None = None  # what the PCRF told of the bearers before it answered the AAR
    timer: Handle | None = None


class RxBearers:
    """Implements qos.Bearers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wheel: TimerWheel) -> None:
        self._loop = loop
        self._wheel = wheel
        self._client: Client | None = None
        self._by_leg: dict[str, _Session] = {}
        self._by_id: dict[str, _Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._owed: dict[str, None] = {}  # Session-Ids that the PCRF may still have, the oldest first
        self.on_lost: OnLost | None = None

    def connect(self, client: Client) -> None:
        """The connection to the PCRF, whose requests come to `serve`."""
        self._client = client

    def on_state(self, remote: Capabilities | None) -> None:
        """The PCRF has come (or gone, None): it hears of the ends that it has not heard of."""
        if remote is not None and self._owed:
            self._spawn(self._pay())

    def load(self) -> dict[str, int]:
        """What is kept, for metrics and tests."""
        return {"sessions": len(self._by_leg), "tasks": len(self._tasks), "owed": len(self._owed)}

    # -- Bearers
    def reserve(self, wanted: Reservation, done: Done) -> None:
        """AAR for a leg's medias; while one is on its way the next waits, and the newest counts."""
        session = self._by_leg.get(wanted.session_id)
        if session is None:
            session = self._by_leg[wanted.session_id] = _Session(wanted.session_id, "")
        session.waiting.append((wanted, done))
        if not session.busy:
            self._spawn(self._ask(session))

    def release(self, session_id: str) -> None:
        """STR, after the AAR that is on its way, if any (PHONES: on CANCEL too)."""
        session = self._by_leg.pop(session_id, None)
        if session is None:
            return
        session.over = True
        self._settle(session, None)
        if not session.busy:
            self._spawn(self._terminate(session))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = eager.start(self._loop, work)
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # -- AAR
    async def _ask(self, session: _Session) -> None:
        session.busy = True
        try:
            while session.waiting and not session.over:
                waiting, session.waiting = session.waiting, []
                await self._authorize(session, waiting[-1][0], [done for _, done in waiting])
        finally:
            session.busy = False
        if session.over:
            await self._terminate(session)

    async def _authorize(self, session: _Session, wanted: Reservation, who: list[Done]) -> None:
        """One AAR and its answer (4.4.1, 4.4.2)."""
        try:
            media = media_of(Sdp.parse(wanted.ours), wanted.theirs, offered=wanted.offered)
        except SdpError:
            media = ()
        if not media or (media == session.media and session.up):
            _tell(who, True)
            return
        session.early = None
        answer = await self._send(session, wanted, media)
        if session.over:
            return  # nobody is to hear any more
        if answer is None:
            counters.inc("rx_unanswered")
            _tell(who, True)  # no dedicated bearer is better than no call
            return
        if not answer.result.ok:
            counters.inc("rx_refused")
            log(RX, WARN, f"the PCRF refuses bearers for {session.leg}: {answer.result}")
            _tell(who, False)
            return
        counters.inc("rx_authorized")
        session.media = media
        session.up = False
        session.asked += who
        if session.early is not None:
            self._settle(session, session.early)
        else:
            self._wait(session)

    async def _send(self, session: _Session, wanted: Reservation, media: tuple[Media, ...]) -> Aaa | None:
        """The answer, None where there is none. A PCRF that has forgotten the session is asked for a new one."""
        for _ in range(2):
            first = not session.id
            if first:
                session.id = self._client.new_session() if self._client is not None else ""
                self._by_id[session.id] = session
            request = Aar(
                media,
                address=_address(wanted.host),
                imsi=wanted.imsi,
                request_type=RxRequestType.INITIAL_REQUEST if first else RxRequestType.UPDATE_REQUEST,
                service_urn=wanted.service,
            )
            there = self._client is not None and self._client.remote is not None
            answer: Aaa | None = await self._exchange(request, session.id)
            if answer is None and first:
                self._disown(session, there)
            elif answer is None:
                session.media = ()  # what the PCRF has now nobody knows
            if answer is None or first or answer.result != _UNKNOWN:
                return answer
            self._forget(session)
        return None

    async def _exchange(self, request: Any, session: str) -> Any:
        try:
            if self._client is None:
                raise NoAnswer("there is no PCRF")
            return await self._client.ask(request, session=session)
        except (NoAnswer, DiameterError) as error:
            log(RX, WARN, f"{request.command.abbreviation}R of {session} without a good answer: {error}")
            return None

    def _disown(self, session: _Session, there: bool) -> None:
        """The session of an AAR whose answer is late or unreadable: the PCRF may have it, and is to give it back."""
        id = session.id
        self._forget(session)
        if there:
            self._spawn(self._end(id))

    def _forget(self, session: _Session) -> None:
        self._by_id.pop(session.id, None)
        session.id = ""
        session.media = ()
        session.up = session.held = False

    # -- what became of the bearers
    def _wait(self, session: _Session) -> None:
        if session.timer is not None:
            self._wheel.cancel(session.timer)
        session.timer = self._wheel.add(BEARER_TIME, self._untold, session)

    def _untold(self, session: _Session) -> None:
        session.timer = None
        if session.asked:
            log(RX, INFO, f"the PCRF does not tell of the bearers of {session.leg}: they count as there")
        self._settle(session, True)

    def _settle(self, session: _Session, granted: bool | None) -> None:
        """Answer all who wait; None: nobody is to hear any more."""
        if session.timer is not None:
            self._wheel.cancel(session.timer)
            session.timer = None
        asked, session.asked = session.asked, []
        if granted is None:
            session.waiting.clear()
            return
        session.up = granted
        session.held |= granted
        _tell(asked, granted)

    async def _terminate(self, session: _Session) -> None:
        """STR (4.4.4), where the PCRF knows the session."""
        if session.id:
            id = session.id
            self._forget(session)
            await self._end(id)

    async def _end(self, id: str) -> None:
        """STR; one without an answer is owed."""
        if await self._exchange(Str(TerminationCause.DIAMETER_LOGOUT), id) is None:
            self._owed[id] = None
            if len(self._owed) > MOST_OWED:
                del self._owed[next(iter(self._owed))]

    async def _pay(self) -> None:
        for id in list(self._owed):
            if id not in self._owed:
                continue
            del self._owed[id]
            await self._end(id)
            if id in self._owed:
                return  # when it comes again

    # -- requests of the PCRF
    async def serve(self, request: Any, session: str, origin: Node) -> Answer:
        """RAR and ASR (4.4.6): DiameterError for a session that nobody knows."""
        found = self._by_id.get(session)
        if found is None or found.over:
            raise DiameterError(f"no Rx session {session}", ResultCode.DIAMETER_UNKNOWN_SESSION_ID)
        match request:
            case Asr(cause):
                log(IMS, INFO, f"the network takes all bearers of {found.leg}: {cause.name}")
                self._lost(found, frozenset(), cause.name)
            case Rar(actions, affected):
                self._told(found, actions, frozenset(each.media - 1 for each in affected))
        return Plain(SUCCESS)

    def _told(self, session: _Session, actions: tuple[SpecificAction, ...], medias: frozenset[int]) -> None:
        names = ", ".join(action.name for action in actions) or "nothing"
        log(RX, INFO, f"the PCRF tells of {session.leg}: {names}")
        if _FAILED in actions and session.asked:
            self._settle(session, False)
        elif _FAILED in actions and session.busy:
            session.early = False
        elif {_FAILED, _RELEASED, _LOST} & set(actions):
            self._lost(session, medias, names)
        elif _UP in actions:
            counters.inc("rx_bearer")
            if session.busy and not session.asked:
                session.early = True
            self._settle(session, True)

    def _lost(self, session: _Session, medias: frozenset[int], why: str) -> None:
        counters.inc("rx_bearer_lost")
        stood = session.held or not session.asked
        if session.asked:
            self._settle(session, False)
        if stood and self.on_lost is not None:
            session.up = False
            self.on_lost(session.leg, medias, why)

    async def close(self) -> None:
        """End all sessions; a second at most is given to their answers."""
        for leg in list(self._by_leg):
            self.release(leg)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)


def _tell(who: list[Done], granted: bool) -> None:
    for done in who:
        done(granted)


def _address(host: str) -> Any:
    try:
        return ip_address(host)
    except ValueError:
        return None
