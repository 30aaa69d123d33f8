"""A simulated PCRF for Rx (TS 29.214 4.4; the PCRF's side): bearers that come, come late, are refused or are lost.

Give its `serve` to a Diameter server (diameter_link.py). `after`, `refusal`, `failing` and `silent` say what becomes of
bearers from now on, `lose` and `abort` take them away. What was said is in `ladder`, what was wrong in `faults`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from lteims.diameter.command import SUCCESS, Answer, Node, Plain, Result
from lteims.diameter.errors import DiameterError, NoAnswer, ResultCode
from lteims.diameter.rx import Aaa, Aar, Affected, Asr, Rar, RxResult, Str
from lteims.diameter.rx_attributes import AbortCause, FlowStatus, RxRequestType, SpecificAction
from lteims.diameter.rx_media import Media

UP: Final = SpecificAction.INDICATION_OF_SUCCESSFUL_RESOURCES_ALLOCATION
FAILED: Final = SpecificAction.INDICATION_OF_FAILED_RESOURCES_ALLOCATION
LOST: Final = SpecificAction.INDICATION_OF_RELEASE_OF_BEARER
MOST_LINES: Final = 10_000  # of the ladder; the oldest go
Ask = Callable[[str, Any, str], Awaitable[Any]]  # the Origin-Host of the AF, the request, the Session-Id


@dataclass(slots=True, eq=False)
class Session:
    """One Rx session: a leg of a call."""

    id: str
    host: str  # the AF's Origin-Host
    request: Aar  # the last that was granted
    up: bool = False
    aborted: bool = False

    @property
    def media(self) -> tuple[Media, ...]:
        """What bearers are for."""
        return self.request.media


@dataclass(slots=True)
class Pcrf:
    """The PCRF."""

    after: float | None = 0.02  # seconds until the bearers of a grant stand; None: that is never told
    refusal: Result | None = None  # of each AAR
    refused_media: frozenset[int] = frozenset()  # only of those with these media; it says that it would grant the rest
    failing: bool = False  # bearers that were granted fail
    failing_media: frozenset[int] = frozenset()  # only those of these media; none named: all
    silent: bool = False  # nothing is answered
    sessions: dict[str, Session] = field(default_factory=dict)
    ended: int = 0  # sessions that STR ended
    ladder: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    on_line: Callable[[str], None] | None = None
    ask: Ask | None = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    # -- what it is asked
    async def serve(self, request: Any, session: str, origin: Node) -> Answer:
        """Answer an Rx request, or keep silent for ever where that is wanted."""
        name = request.command.abbreviation
        self._note(f"<-- {name}R {session} {_described(request)}".rstrip())
        if self.silent:
            await asyncio.Event().wait()
        match request:
            case Aar():
                answer: Any = self._authorize(request, session, origin)
            case Str():
                answer = Plain(self._end(session))
            case _:
                raise DiameterError("an AF serves this", ResultCode.DIAMETER_COMMAND_UNSUPPORTED)
        self._note(f"--> {name}A {session} {answer.result}")
        return answer  # type: ignore[no-any-return]

    def _authorize(self, aar: Aar, id: str, origin: Node) -> Aaa:
        known = self.sessions.get(id)
        if aar.request_type is RxRequestType.UPDATE_REQUEST and known is None:
            return Aaa(Result(ResultCode.DIAMETER_UNKNOWN_SESSION_ID))
        if aar.request_type is RxRequestType.INITIAL_REQUEST and known is not None:
            return Aaa(RxResult.DUPLICATED_AF_SESSION.result)
        if aar.address is None:
            return Aaa(RxResult.IP_CAN_SESSION_NOT_AVAILABLE.result)
        self._check(aar)
        wanted = _wanted(aar)
        if self.refusal is not None and (wanted & self.refused_media or not self.refused_media):
            rest = wanted - self.refused_media if self.refused_media else ()
            return Aaa(self.refusal, acceptable=tuple(each for each in aar.media if each.number in rest))
        session = known or self.sessions.setdefault(id, Session(id, origin.host, aar))
        session.request, session.up = aar, False
        if self.after is not None:
            self._spawn(self._bring(session, self.after))
        return Aaa()

    def _check(self, aar: Aar) -> None:
        self._expect(bool(aar.media), "AAR without media")
        self._expect({UP, FAILED, LOST} <= set(aar.actions), "AAR that does not want to hear of its bearers")
        numbers = [media.number for media in aar.media]
        self._expect(len(set(numbers)) == len(numbers), f"AAR with the media {numbers}")
        for media in aar.media:
            flows = [flow.number for flow in media.flows]
            self._expect(len(set(flows)) == len(flows), f"media {media.number} with the flows {flows}")
            rules = [rule for flow in media.flows for rule in flow.descriptions]
            self._expect(
                all(str(aar.address) in rule and rule.startswith("permit ") for rule in rules),
                f"media {media.number} has a flow that is not the phone's: {rules}",
            )

    def _end(self, id: str) -> Result:
        if self.sessions.pop(id, None) is None:
            return Result(ResultCode.DIAMETER_UNKNOWN_SESSION_ID)
        self.ended += 1
        return SUCCESS

    # -- what it asks
    async def _bring(self, session: Session, after: float) -> None:
        await asyncio.sleep(after)
        if self.sessions.get(session.id) is not session:
            return
        wanted = _wanted(session.request)
        failing = (wanted & self.failing_media if self.failing_media else wanted) if self.failing else frozenset()
        session.up = failing != wanted
        if not failing or failing == wanted:
            await self._tell(session, Rar((FAILED if failing else UP,)))
            return
        await self.tell(session, FAILED, failing)
        await self.tell(session, UP, wanted - failing)

    async def tell(self, session: Session, action: SpecificAction, medias: Iterable[int] = ()) -> Result:
        """RAR: what became of the bearers of these media, by default all; the AF's result."""
        return await self._tell(session, Rar((action,), tuple(map(Affected, sorted(medias)))))

    async def lose(self, session: Session, medias: Iterable[int] = ()) -> Result:
        """RAR: the bearers of these media are lost, by default all; the AF's result."""
        return await self.tell(session, LOST, medias)

    async def abort(self, session: Session, cause: AbortCause = AbortCause.BEARER_RELEASED) -> Result:
        """ASR: all bearers are lost, and the AF is to end the session; its result."""
        session.aborted = True
        return await self._tell(session, Asr(cause))

    def of(self, imsi: str) -> list[Session]:
        """The sessions of a phone."""
        return [session for session in self.sessions.values() if session.request.imsi == imsi]

    def restart(self) -> None:
        """Forget all sessions, as a PCRF that has lost its memory."""
        self.sessions.clear()

    async def _tell(self, session: Session, request: Rar | Asr) -> Result:
        name = request.command.abbreviation
        self._note(f"--> {name}R {session.id} {_described(request)}")
        if self.ask is None:
            raise NoAnswer("the PCRF is not connected")
        try:
            answer: Plain = await self.ask(session.host, request, session.id)
        except NoAnswer as error:
            self._note(f"    {name}R {session.id} without an answer: {error}")
            return Result(ResultCode.DIAMETER_UNABLE_TO_DELIVER)
        self._note(f"<-- {name}A {session.id} {answer.result}")
        return answer.result

    # -- words for the test
    def _expect(self, right: bool, fault: str) -> None:
        if not right:
            self.faults.append(fault)
            self._note(f"    wrong: {fault}")

    def _note(self, line: str) -> None:
        self.ladder.append(line)
        del self.ladder[:-MOST_LINES]
        if self.on_line is not None:
            self.on_line(line)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Bring no more bearers."""
        for task in (*self._tasks,):
            task.cancel()


def _wanted(aar: Aar) -> frozenset[int]:
    """The media that are to have bearers."""
    return frozenset(each.number for each in aar.media if each.status is not FlowStatus.REMOVED)


def _described(request: Any) -> str:
    """What a request is about, in a few words."""
    match request:
        case Aar(media, address, imsi):
            kinds = ", ".join(each.type.name.lower() if each.type is not None else "media" for each in media)
            return f"{request.request_type.name.partition('_')[0].lower()} {imsi} {address}: {kinds}"
        case Rar(actions, affected):
            numbers = ",".join(str(each.media) for each in affected)
            return " ".join(action.name for action in actions) + (f" of media {numbers}" if numbers else "")
        case Asr(cause):
            return cause.name
    return ""
