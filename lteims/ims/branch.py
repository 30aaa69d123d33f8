"""One way that a call may go: from an early dialog of the caller to one dialog of the callee (TS 24.229 5.7.5).

A branch owns its media and carries SDP between its two sides: anchored, with the preconditions that each side speaks
(RFC 3312), under the rule which provisional responses are reliable (RFC 3262). Made and used by calls.py.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lteims.ims.anchor import Anchor
from lteims.ims.call import MO, MT, B, GivenUp, Stop
from lteims.ims.identity import SOS, is_emergency
from lteims.ims.leg import Leg
from lteims.ims.qos import Bearers, LegQos, Reservation, Way
from lteims.ims.record import MediaState
from lteims.ims.sdp_body import parse_sdp
from lteims.ims.subscribers import Binding
from lteims.media.precondition import offers_preconditions, without_preconditions
from lteims.media.sdp import Sdp
from lteims.sip.message import Response

if TYPE_CHECKING:
    from lteims.ims.session import Session


@dataclass(slots=True)
class Awaited:
    """A reliable response to the caller that waits for its PRACK, and the callee's that it stands for, if any."""

    leg: Leg | None = None
    response: Response | None = None
    rseq: int = 0


@dataclass(slots=True, eq=False)
class Branch:
    """One branch. A side without a leg is the server's own end."""

    session: "Session"
    number: int
    anchor: Anchor
    qos: tuple[LegQos, LegQos]
    bearers: Bearers
    binding: Binding | None = None
    mo: Leg | None = None
    mt: Leg | None = None
    offered: bool = False  # had the first INVITE an offer?
    features: str = ""  # of the callee's Contact, for the caller's
    told: bool = False  # has the caller the answer to its first offer, in a response that counts?
    callee_reliable: bool = False  # may the callee answer reliably?
    caller_reliable: str = ""  # the caller's 100rel: "", "supported" or "required"
    unpracked: deque[Awaited] = field(default_factory=deque)
    held: list[Callable[[], None]] = field(default_factory=list)  # what waits until the caller's bearers stand
    coming: Awaited = field(default_factory=Awaited)  # of the provisional response that is told to the machine now
    callee_answered: bool = False  # has an SDP of the callee come?
    answered: bool = False  # has the first offer been answered?
    shown: bytes = b""  # the callee's SDP as the caller got it last
    pracking: int = 0  # PRACKs of ours that are not answered
    pracked: bool = False  # has one been?
    updating: bool = False  # an UPDATE of ours tells the callee that bearers stand
    _offers: list[Sdp | None] = field(default_factory=lambda: [None, None])  # by side: what was offered last
    _agreed: list[Sdp | None] = field(default_factory=lambda: [None, None])  # by side: its SDP that counts
    _unasked: list[tuple[Sdp, bool] | None] = field(default_factory=lambda: [None, None])  # for a leg's bearers to come

    def __post_init__(self) -> None:
        self.anchor.touch[MO] = self.qos[MO].touch
        self.anchor.touch[MT] = self.qos[MT].touch
        first = self.session.primary
        if self.number == 0 and first is not None and first.record is not None:
            first.record.medias_of = lambda: self.medias(MO)  # until the caller's leg joins a branch

    def fork(self, number: int) -> "Branch":
        """A branch for one more phone behind the same contact, on the same media."""
        other = Branch(self.session, number, self.anchor, self.qos, self.bearers, self.binding)
        other.offered, other.caller_reliable, other.callee_reliable = (
            self.offered, self.caller_reliable, self.callee_reliable
        )  # fmt: skip
        other._offers[MO] = self._offers[MO]
        self.anchor.shared = True
        return other

    def take_media(self) -> None:
        """This phone has the call: the media that it shared with others behind its contact is as it said."""
        mo, mt = self._agreed
        if self.anchor.shared and mo is not None and mt is not None:
            self.anchor.settle(mo, mt)
        self.anchor.shared = False

    def clear(self) -> None:
        """The call is over: let go of what refers back to it."""
        self.mo = self.mt = None
        self.held.clear()
        self.unpracked.clear()
        self.coming = Awaited()

    # -- the two sides
    def other(self, leg: Leg) -> Leg | None:
        """The other side's leg, None where the server is the end."""
        return self.mt if leg is self.mo else self.mo

    @property
    def legs(self) -> list[Leg]:
        """The legs that there are, the caller's first."""
        return [leg for leg in (self.mo, self.mt) if leg is not None]

    # -- preconditions
    def choose_ways(self, offer: Sdp | None, *, caller_speaks: bool, callee_may: bool) -> None:
        """How preconditions pass: through where both sides may have them, else each side's end at the server.

        `caller_speaks`: the caller supports them; `callee_may`: its phone is known for VoLTE and takes 100rel.
        """
        mo, mt = self.qos
        offers = offer is not None and caller_speaks and offers_preconditions(offer)
        if (offers or (offer is None and caller_speaks)) and mo.on and mt.on:
            mo.way = mt.way = Way.THROUGH
            return
        if offers and mo.on:
            mo.end_here(reserved=True)
        if mt.on and callee_may and offer is not None:
            mt.end_here(reserved=False)

    def _settle_ways(self, heard_from: int, sdp: Sdp) -> None:
        """The callee's first SDP tells whether it has preconditions."""
        mo, mt = self.qos
        if heard_from == MO or self.callee_answered:
            return
        self.callee_answered = True
        if mt.way is Way.THROUGH and not offers_preconditions(sdp):
            mt.way = mo.way = Way.OFF
            first = self._offers[MO]
            if first is not None and offers_preconditions(first):
                mo.end_here(reserved=True)
                mo.pre.heard(first)

    # -- SDP on its way
    def carry(self, heard_from: int, body: bytes, *, offer: bool) -> bytes:
        """The SDP for the other side out of one side's. SipError 400 for what is none, 488, 503."""
        sdp = parse_sdp(body)
        near, far = self.qos[heard_from], self.qos[1 - heard_from]
        self._settle_ways(heard_from, sdp)
        if offer:
            self._offers[heard_from] = sdp
        if near.way is Way.END:
            near.pre.heard(sdp)
        elif near.way is Way.THROUGH:
            near.watch.heard(heard_from, sdp, offer=offer)
        if near.way is not Way.THROUGH or far.way is not Way.THROUGH:
            sdp = without_preconditions(sdp)
        relayed = self.anchor.relay(heard_from, sdp, offer=offer)
        if heard_from == MT:
            self.shown = relayed
        if not offer:
            self.answered = True
            self._agree(heard_from, sdp, offered=False)
            self._agree(1 - heard_from, self._offers[1 - heard_from], offered=True)
        return relayed

    def note_offer(self, side: int, sdp: Sdp) -> None:
        """A side's offer that the server itself answers."""
        self._offers[side] = sdp
        self._agree(side, sdp, offered=True)

    def heard_answer(self, side: int, body: bytes, *, play: bool | None = None) -> None:
        """A side's answer to an offer of the server itself; `play` as in anchor.py. SipError 400 for no SDP."""
        sdp = parse_sdp(body)
        qos = self.qos[side]
        if qos.way is Way.END:
            qos.pre.heard(sdp)
        self.anchor.take_answer(side, sdp, play=play)
        self.answered = True
        self._agree(side, sdp, offered=False)

    def answer_here(self, heard_from: int, body: bytes, *, force: bool = False) -> bytes | None:
        """The server's own answer to an offer that changes nothing but preconditions; None: the other side must see it.

        `force`: the other side cannot be asked, so that the media stays as it is.
        """
        near = self.qos[heard_from]
        sdp = parse_sdp(body)
        before = self._agreed[heard_from]
        if before is None or not self.anchor.last_sent(heard_from):
            return None
        unchanged = near.way is Way.END and _essence(sdp) == _essence(before)
        if not unchanged and not (force and len(sdp.medias) == len(before.medias)):
            return None
        self._offers[heard_from] = self._agreed[heard_from] = sdp
        if near.way is Way.END:
            near.pre.heard(sdp)
        return self.anchor.again(heard_from, offer=False)

    def joined(self, side: int) -> None:
        """This side has its leg now."""
        unasked = self._unasked[side]
        if unasked is not None:
            self._reserve(side, *unasked)

    def _agree(self, side: int, theirs: Sdp | None, *, offered: bool) -> None:
        """An SDP of this side has its answer (then it was the offer), or is one."""
        self._agreed[side] = theirs
        self._reserve(side, theirs, offered)

    def _reserve(self, side: int, theirs: Sdp | None, offered: bool) -> None:
        """The SDP of this leg is complete: its bearers can be had (TS 29.213 5.3)."""
        qos, leg = self.qos[side], self.mo if side == MO else self.mt
        self._unasked[side] = (theirs, offered) if leg is None and theirs is not None else None
        if leg is None or theirs is None or not qos.wants_bearers:
            return
        qos.asked = True
        if qos.way is Way.END:
            qos.pre.pending()
        record, caller = leg.record, self.session.caller
        binding = self.binding if side == MT else caller.binding
        wanted = Reservation(
            session_id=record.id if record is not None else "",
            impi=binding.impi if binding else "",
            imsi=self._imsi(side),
            host=leg.flow.host,
            ours=self.anchor.last_sent(side),
            theirs=theirs,
            offered=offered,
            service=self._service() if side == MO else "",
        )
        self.bearers.reserve(wanted, lambda granted: self.session.owner.bearers_told(self, side, granted))

    def _service(self) -> str:
        """The URN of an emergency call (TS 29.214 5.3.23), which a number of one does not tell."""
        first = self.session.first
        if not self.session.urgent or first is None:
            return ""
        return str(first.uri).lower() if is_emergency(first.uri) else SOS

    def _imsi(self, side: int) -> str:
        destination = self.session.destination
        subscriber = self.session.caller.subscriber
        if side == MT:
            subscriber = destination.subscriber if destination is not None else None
        return subscriber.user.imsi if subscriber is not None else ""

    def bearerless(self, why: str, code: int) -> GivenUp | Stop | None:
        """What it means for the call that this branch can have no bearers: another phone may still answer."""
        call = self.session.call
        if len(self.session.branches) == 1 or call.winner == self.number:
            return Stop(why, code)
        early = call.early and call.branches.get(self.number) is B.OPEN
        return GivenUp(self.number, code, why) if early else None

    # -- reliability
    def reliable(self, code: int, body: bytes, *, came_reliable: bool) -> bool:
        """Shall the caller acknowledge this provisional response (RFC 3262 3)?"""
        if self.caller_reliable == "required":
            return True
        return bool(self.caller_reliable) and (came_reliable or bool(body))

    # -- what the operator sees
    def medias(self, side: int) -> list[MediaState]:
        """The medias of one side's leg."""
        views = self.anchor.views(side)  # some m= lines have none
        states = self.qos[side].states(max(views, default=-1) + 1)
        return [MediaState(view, states[index]) for index, view in views.items()]


def _essence(sdp: Sdp) -> Sdp:
    """A description without what may change while media stays as it is."""
    bare = without_preconditions(sdp)
    return replace(bare, lines=tuple(line for line in bare.lines if line[0] not in "os"))
