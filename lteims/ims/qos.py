"""Preconditions and bearers of a leg (RFC 3312; TS 24.229 5.7.5, 6; TS 29.213): whose they are, what is reserved.

branch.py asks which way preconditions go through the server; whoever controls bearers (Rx) is a `Bearers`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lteims.config import ImpuConfig, ImsConfig, Precondition
from lteims.media.precondition import Preconditions, Qos, Watch
from lteims.media.sdp import Sdp

UNMET_TIME = 30.0  # seconds that a callee who rings or has answered waits for the caller's bearer


class Way(StrEnum):
    """What becomes of the preconditions that a leg's phone speaks of."""

    OFF = "off"  # taken out: the phone is in IETF mode
    THROUGH = "through"  # settled between the two phones, the server looks on
    END = "end"  # settled between this phone and the server


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is asked for: the bearers of one leg."""

    session_id: str
    impi: str  # "" for a caller whom nobody knows
    imsi: str
    host: str  # the phone's address
    ours: bytes  # the SDP that the server sent on this leg
    theirs: Sdp  # the phone's
    offered: bool  # the phone's is the offer
    service: str = ""  # the URN of an emergency call


class Bearers(Protocol):
    """Reserves dedicated bearers; one answer for each call of `reserve`, perhaps at once."""

    def reserve(self, wanted: Reservation, done: Callable[[bool], None]) -> None:
        """Set bearers up or change them; `done(False)` where the network refuses."""

    def release(self, session_id: str) -> None:
        """The leg is over, or will be soon; may be said again."""


OnLost = Callable[[str, frozenset[int], str], None]  # session_id, the m= lines (none named: all), why


class NoBearers:
    """No network function controls bearers: nobody reserves, and nobody has to be waited for."""

    def reserve(self, wanted: Reservation, done: Callable[[bool], None]) -> None:
        """There is nothing to wait for."""
        done(True)

    def release(self, session_id: str) -> None:
        """There is nothing to give back."""


def mode_of(config: ImsConfig, impu: ImpuConfig | None) -> Precondition:
    """`precondition` of an IMPU, else the global one."""
    own = impu.precondition if impu is not None else None
    return config.precondition if own is None else own


class LegQos:
    """The preconditions of one leg; `watch` is the branch's, for those that pass through."""

    __slots__ = ("_had", "_lost", "_pre", "asked", "mode", "reserved", "side", "watch", "way")

    def __init__(self, side: int, mode: Precondition, watch: Watch) -> None:
        self.side = side
        self.mode = mode
        self.watch = watch
        self.way = Way.OFF
        self._pre: Preconditions | None = None
        self._had: frozenset[int] = frozenset()  # m= lines whose bearers stood when they were told of last
        self._lost: frozenset[int] = frozenset()  # m= lines whose bearers were taken away
        self.asked = False  # have bearers been asked for?
        self.reserved = False  # and granted?

    def end_here(self, *, reserved: bool) -> None:
        """From now on the server is the other end of this leg's preconditions."""
        self.way = Way.END
        self._pre = Preconditions(reserved=reserved)

    @property
    def pre(self) -> Preconditions:
        """The preconditions that end here."""
        if self._pre is None:  # most calls have none
            self._pre = Preconditions(reserved=True)
        return self._pre

    @property
    def on(self) -> bool:
        """Does the operator let this leg have preconditions?"""
        return self.mode is Precondition.ON

    @property
    def wants_bearers(self) -> bool:
        """Are bearers to be reserved: with preconditions, or silently whatever the SDP says?"""
        if self.mode is Precondition.SILENT:
            return True
        return self.on and (self.way is Way.THROUGH or (self.way is Way.END and (self.pre.active or self.asked)))

    @property
    def may_alert(self) -> bool:
        """Nothing that the server settles with this phone is unmet."""
        return self.way is not Way.END or not self.pre.active or self.pre.may_alert

    def touch(self, sdp: Sdp, offer: bool) -> Sdp:
        """The last touch on an SDP for this leg."""
        if self.way is not Way.END:
            return sdp
        return self.pre.offer(sdp) if offer else self.pre.answer(sdp)

    def rings(self) -> None:
        """The phone rings or has answered: its side is ready, whether it told so or not."""
        if self.way is Way.END:
            self.pre.settled()
        elif self.way is Way.THROUGH:
            self.watch.settled(self.side)

    def granted(self, medias: Iterable[int]) -> None:
        """The bearers of this leg stand, of these m= lines."""
        self.reserved = True
        self._had = frozenset(medias)
        self._lost = frozenset()
        if self.way is Way.END:
            self.pre.reserved()

    def unchanged(self, medias: Iterable[int]) -> frozenset[int]:
        """The network refused to change the bearers: those of before stand; which of these m= lines have none?"""
        new = frozenset(medias) - self._had
        self._lost |= new
        if self.way is Way.END:  # nobody waits for what does not come
            self.pre.reserved()
        return new

    def taken(self, medias: frozenset[int]) -> None:
        """The network has taken the bearers of these m= lines away."""
        self._lost |= medias

    def states(self, count: int) -> list[str]:
        """For each of `count` medias, in the remote API's words."""
        found = self._states(count)
        return [str(Qos.REQUIRED) if index in self._lost else state for index, state in enumerate(found)]

    def _states(self, count: int) -> list[str]:
        if self.mode is Precondition.SILENT:
            state = Qos.ERAB_SET if self.reserved else Qos.PENDING if self.asked else Qos.REQUIRED
            return [str(state)] * count
        found: list[Qos] = []
        if self.way is Way.END:
            found = self.pre.states()
        elif self.way is Way.THROUGH:
            found = self.watch.states(self.side)
        # a later offer need not speak of preconditions: what was granted stands
        silent = Qos.ERAB_SET if self.reserved else Qos.DISABLED
        known = (found[i] if i < len(found) else Qos.DISABLED for i in range(count))
        settled = Qos.ERAB_SET if self.reserved or not self.asked else Qos.PENDING  # the network has the last word
        shown = {Qos.DISABLED: silent, Qos.ERAB_SET: settled}
        return [str(shown.get(state, state)) for state in known]
