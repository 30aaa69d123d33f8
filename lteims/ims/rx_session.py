"""One leg's Rx session and what the network has told of its bearers (TS 29.214 4.4.6), as plain values for rx.py.

m= lines are counted from 0 here, as everywhere in ims/; components of Rx from 1.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from lteims.diameter.rx import Affected
from lteims.diameter.rx_attributes import FlowStatus
from lteims.diameter.rx_media import Media
from lteims.ims.qos import Reservation
from lteims.net.timers import Handle

Done = Callable[[bool], None]


@dataclass(slots=True, eq=False)
class Ask:
    """One AAR: the bearers that it wants, and who waits for them."""

    media: tuple[Media, ...]
    who: list[Done]
    live: frozenset[int]  # m= lines that are to have bearers
    untold: set[int]  # those of which the network has said nothing yet
    failed: set[int] = field(default_factory=set)

    def note(self, medias: Iterable[int], *, stand: bool) -> None:
        """The bearers of these m= lines stand, or do not."""
        self.untold.difference_update(medias)
        if not stand:
            self.failed.update(medias)

    def again(self) -> None:
        """The network has lost all that it has told and had."""
        asked = {each.number - 1 for each in self.media}  # less what could not be had in any case
        self.untold = {*self.live & asked}
        self.failed = {*self.live - asked}

    def reduce(self, acceptable: tuple[Media, ...]) -> bool:
        """Ask for no more than the network would give (Acceptable-Service-Info); False if that is all, or nothing."""
        kept = self.live & {each.number - 1 for each in acceptable}
        if not kept - self.failed or kept == self.live:
            return False
        self.note(self.live - kept, stand=False)
        self.media = tuple(each for each in self.media if each.number - 1 not in self.failed)
        return True

    @property
    def granted(self) -> bool:
        """Is anything left of it?"""
        return self.failed != self.live or not self.live


@dataclass(slots=True, eq=False)
class Session:
    """One leg's Rx session."""

    leg: str  # the session_id of the remote API
    id: str = ""  # Session-Id; "" before the first AAR
    classes: tuple[bytes, ...] = ()  # what the PCRF wants to see again (RFC 6733 8.20)
    waiting: list[tuple[Reservation, Done]] = field(default_factory=list)  # what is to be asked
    asking: Ask | None = None  # the AAR on its way
    pending: Ask | None = None  # the one that was granted, and whose bearers do not stand yet
    wanted: Reservation | None = None  # what the call has, as far as the PCRF has not refused it
    stale: bool = False  # the PCRF has not answered to that
    again: bool = False  # it is to be asked for once more
    media: tuple[Media, ...] = ()  # of the AAR that was granted last
    known: frozenset[int] = frozenset()  # numbers of the components that it has ever been asked for
    had: frozenset[int] = frozenset()  # m= lines whose bearers stand, for all that is known
    up: bool = False  # all that was asked for stands
    busy: bool = False  # something is being asked
    over: bool = False  # the leg has ended
    timer: Handle | None = None

    @property
    def may_be_lost(self) -> bool:
        """Has a PCRF granted it, and hears nothing of it at the moment that would show whether it has it still?"""
        return bool(self.id) and self.wanted is not None and not (self.busy or self.stale or self.over)

    def ask(self, media: tuple[Media, ...], who: list[Done]) -> Ask:
        """What an AAR for these is about; a bearer that stands and does not change is not told of again."""
        live = frozenset(each.number - 1 for each in media if each.status is not FlowStatus.REMOVED)
        self.asking = ask = Ask(media, who, live, set(live))
        if self.media:
            same = frozenset(each.number - 1 for each in set(plain(self.media)).intersection(plain(media)))
            ask.untold -= same & self.had
            if self.pending is not None:
                ask.untold &= self.pending.untold | (live - same)
                ask.failed |= same & live & self.pending.failed
        return ask

    def forget(self) -> None:
        """The PCRF does not have it."""
        self.id, self.classes, self.media, self.known = "", (), (), frozenset()
        self.had, self.up = frozenset(), False

    def lines(self, affected: tuple[Affected, ...]) -> frozenset[int] | None:
        """The m= lines that a RAR is about; None: none that this session has.

        Those that only lose or get their RTCP (a flow that is not the first) do not count.
        """
        ask = self.pending or self.asking
        live = ask.live if ask is not None else self.had
        if not affected:
            return live
        return frozenset(each.media - 1 for each in affected if not each.flows or 1 in each.flows) & live or None


def plain(media: tuple[Media, ...]) -> tuple[Media, ...]:
    """Components without what changes with every offer: whose it was (the second line of Codec-Data)."""
    return tuple(replace(each, codecs=tuple(_lines(codec) for codec in each.codecs)) for each in media)


def _lines(codec: bytes) -> bytes:
    direction, _, rest = codec.partition(b"\n")
    return direction + rest.partition(b"\n")[2]
