"""Preconditions of type qos with the segmented status (RFC 3312, 4032; TS 24.229 6.1, IR.92 2.4.1), as pure values.

Preconditions is the machine of a leg whose preconditions end at the server, Watch follows those that pass from phone
to phone. Called by ims/call and ims/leg; what reserves the bearer tells it by `pending`, `reserved` and `failed`.
"""

from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum, auto

from lteims.media.qos_line import MANDATORY, NOTHING, TAGS, Terms, Way, Wish, has_qos, terms_of, without_qos
from lteims.media.sdp import Media, Sdp
from lteims.media.section import Lines


class Qos(StrEnum):
    """The state of one media's bearer in the words of the remote API."""

    DISABLED = "disabled"
    REQUIRED = "required"
    PENDING = "pending"
    ERAB_SET = "erab_set"


def offers_preconditions(sdp: Sdp) -> bool:
    """True if a media that is not rejected has qos preconditions."""
    return any(terms_of(media) is not None for media in sdp.medias)


def without_preconditions(sdp: Sdp) -> Sdp:
    """The same description without a=curr, a=des and a=conf of type qos; other types stay."""
    if not any(has_qos(lines) for lines in (sdp.lines, *(media.lines for media in sdp.medias))):
        return sdp  # as most are
    medias = tuple(replace(media, lines=without_qos(media.lines)) for media in sdp.medias)
    return Sdp(without_qos(sdp.lines), medias)


def unmet(sdp: Sdp) -> bool:
    """Does the SDP's author say that a mandatory precondition of its own side is not reached yet?"""
    return any(terms.local_unmet for terms in map(terms_of, sdp.medias) if terms is not None)


class _Phase(Enum):
    FRESH = auto()  # neither side has spoken of it
    OFFERED = auto()  # by us, not answered
    HEARD = auto()  # the peer has preconditions here
    ABSENT = auto()  # the peer has none here


@dataclass(slots=True)
class _Line:
    """The status table of one m= line from our side (RFC 3312 5): `own` is local, `theirs` remote."""

    own: Way
    phase: _Phase = _Phase.FRESH
    theirs: Way = Way.NONE
    own_wish: Wish = MANDATORY
    their_wish: Wish = NOTHING
    told: Way = Way.NONE  # our status as the peer knows it
    told_before: Way = Way.NONE
    due: Way = Way.NONE  # the peer waits to be told of these
    offerer: bool = False  # the first offer was ours
    agreed: bool = False  # an offer with these preconditions has been answered
    pending: bool = False
    failed: bool = False

    @property
    def stands(self) -> bool:
        return self.phase in (_Phase.OFFERED, _Phase.HEARD)

    @property
    def met(self) -> bool:
        return not (self.own_wish.mandatory & ~self.own or self.their_wish.mandatory & ~self.theirs)

    @property
    def news(self) -> bool:
        return self.phase is _Phase.HEARD and bool(self.own & ~self.told & self.due)

    def hear(self, terms: Terms) -> None:
        self.agreed = self.agreed or self.phase is _Phase.OFFERED
        self.phase = _Phase.HEARD
        self.told_before = self.told  # whoever speaks has read our last one
        if terms.local is not None:
            self.theirs = terms.local.mirrored()  # RFC 4032 4: it may go down again
        self.their_wish = self.their_wish.raised(terms.local_wish.mirrored())
        asked = terms.remote_wish.mirrored()
        self.own_wish = self.own_wish.raised(asked)
        self.due |= terms.confirm.mirrored()
        if self.offerer:  # whoever answered waits for us; whoever offered sees our 180
            self.due |= asked.mandatory

    def tell(self, media: Media, extra: Lines = ()) -> Media:
        if self.told != self.own:  # the same description may be made twice
            self.told_before, self.told = self.told, self.own
        status = (f"a=curr:qos local {TAGS[self.own]}", f"a=curr:qos remote {TAGS[self.theirs]}")
        wishes = (*self.own_wish.lines("local"), *self.their_wish.lines("remote"))
        return replace(media, lines=(*media.lines, *status, *wishes, *extra))

    @property
    def state(self) -> Qos:
        if not self.stands:
            return Qos.DISABLED
        ready = not self.own_wish.wanted & ~self.own
        if self.phase is _Phase.HEARD and ready and not self.their_wish.wanted & ~self.theirs:
            return Qos.ERAB_SET
        return Qos.PENDING if self.pending or (ready and self.agreed) else Qos.REQUIRED


class Preconditions:
    """The preconditions of one leg that end at the server: a status table for each m= line (RFC 3312 5).

    Every description that goes to the peer passes `offer` or `answer`, every one of its passes `heard`.
    """

    def __init__(self, *, reserved: bool) -> None:
        """`reserved`: the server's own side needs no bearer, it is ready from the start."""
        self._at_start = Way.SENDRECV if reserved else Way.NONE
        self._lines: list[_Line] = []
        self._spoken: bool | None = None  # does the peer speak preconditions? None: nothing heard
        self.refused = False  # the peer's own reservation failed, or it does not know ours (RFC 3312 8)

    # -- what is sent and heard
    def offer(self, sdp: Sdp) -> Sdp:
        """Our offer with our status and wishes; a peer that showed that it has none gets none."""
        sdp = self._fitted(sdp)
        medias = []
        for media, line in zip(sdp.medias, self._lines, strict=True):
            if not media.rejected and line.phase is _Phase.FRESH and self._spoken is not False:
                line.phase, line.offerer = _Phase.OFFERED, True
            medias.append(line.tell(media) if line.stands else media)
        return Sdp(sdp.lines, tuple(medias))

    def heard(self, sdp: Sdp) -> None:
        """Take the peer's offer or answer in: its local is our remote (RFC 3312 5)."""
        self._fit(sdp)
        read = [terms_of(media) for media in sdp.medias]
        spoken = any(terms is not None for terms in read)
        if spoken or not all(media.rejected for media in sdp.medias):
            self._spoken = self._spoken or spoken
        for media, line, terms in zip(sdp.medias, self._lines, read, strict=True):
            if terms is not None:
                line.hear(terms)
                self.refused = self.refused or terms.refused
            elif not media.rejected:
                line.phase = _Phase.ABSENT

    def answer(self, sdp: Sdp) -> Sdp:
        """Our answer to the offer heard last, with a=conf while we wait for the peer (RFC 3312 5.2)."""
        sdp = self._fitted(sdp)
        medias = []
        for media, line in zip(sdp.medias, self._lines, strict=True):
            if line.phase is not _Phase.HEARD:
                medias.append(media)
                continue
            line.agreed = True
            line.told = line.told_before = line.own
            waits = line.their_wish.mandatory
            confirm = (f"a=conf:qos remote {TAGS[waits]}",) if waits & ~line.theirs else ()
            medias.append(line.tell(media, confirm))
        return Sdp(sdp.lines, tuple(medias))

    def withdrawn(self) -> None:
        """Our last offer was refused or lost (488, 491): what it told is not known to the peer."""
        for line in self._lines:
            line.told = line.told_before
            if line.phase is _Phase.OFFERED:
                line.phase, line.offerer = _Phase.FRESH, False

    def refusal(self, sdp: Sdp) -> Sdp:
        """The body of a 580: our description with what failed (RFC 3312 8)."""
        sdp = without_preconditions(sdp)
        failed = {n for n, line in enumerate(self._lines) if line.failed}
        why = "a=des:qos failure local sendrecv"
        medias = (replace(m, lines=(*m.lines, why)) if n in failed else m for n, m in enumerate(sdp.medias))
        return Sdp(sdp.lines, tuple(medias))

    def _fitted(self, sdp: Sdp) -> Sdp:
        self._fit(sdp)
        return without_preconditions(sdp)

    def _fit(self, sdp: Sdp) -> None:
        """One line for each m=; a rejected one starts afresh when it comes back (RFC 3264 8.1)."""
        del self._lines[len(sdp.medias) :]
        for n, media in enumerate(sdp.medias):
            if n == len(self._lines):
                self._lines.append(_Line(self._at_start))
            elif media.rejected:
                self._lines[n] = _Line(self._at_start)

    # -- what happens to the bearers
    def pending(self, index: int | None = None) -> None:
        """Our reservation was asked for: of one media or of all."""
        for line in self._chosen(index):
            line.pending = True

    def reserved(self, index: int | None = None) -> None:
        """Our side is ready: one media or all."""
        for line in self._chosen(index):
            line.own, line.failed = Way.SENDRECV, False

    def failed(self, index: int | None = None) -> bool:
        """Our reservation failed; True if the call cannot go on: 580 for an offer heard (RFC 3312 8)."""
        for line in self._chosen(index):
            line.own, line.pending, line.failed = Way.NONE, False, True
        return any(line.stands and line.failed and line.own_wish.mandatory for line in self._lines)

    def settled(self) -> None:
        """The peer rings or has answered, so its side is ready, whether it told so or not."""
        for line in self._lines:
            if line.phase is _Phase.HEARD:
                line.theirs |= line.their_wish.wanted

    def _chosen(self, index: int | None) -> list[_Line]:
        return self._lines if index is None else self._lines[index : index + 1]

    # -- what others want to know
    @property
    def active(self) -> bool:
        """The peer has preconditions in some media."""
        return any(line.phase is _Phase.HEARD for line in self._lines)

    @property
    def may_alert(self) -> bool:
        """Nothing mandatory is unmet; what was offered counts until an answer without it."""
        return all(line.met for line in self._lines if line.stands)

    @property
    def news(self) -> bool:
        """We have reached what the peer waits for and not told it yet: an UPDATE is due."""
        return any(line.news for line in self._lines)

    def states(self) -> list[Qos]:
        """For each m= line; of one whose both sides are ready: erab_set."""
        return [line.state for line in self._lines]


@dataclass(slots=True)
class _Passing:
    """One m= line of preconditions that two phones settle between them; the pairs are by side, 0 MO and 1 MT."""

    offered: bool = False
    answered: bool = False
    reached: list[bool] = field(default_factory=lambda: [False, False])

    def state(self, side: int) -> Qos:
        if not self.offered:
            return Qos.DISABLED
        if self.reached[side]:
            return Qos.ERAB_SET
        return Qos.PENDING if self.answered else Qos.REQUIRED


class Watch:
    """The states of preconditions that pass through from phone to phone, read from their SDPs."""

    def __init__(self) -> None:
        self._lines: list[_Passing] = []

    def heard(self, side: int, sdp: Sdp, *, offer: bool) -> None:
        """An SDP of side 0 (MO) or 1 (MT) passed, as the phone wrote it."""
        del self._lines[len(sdp.medias) :]
        self._lines += [_Passing() for _ in sdp.medias[len(self._lines) :]]
        for n, media in enumerate(sdp.medias):
            terms = terms_of(media)
            line = self._lines[n]
            if terms is None or not (offer or line.offered):
                self._lines[n] = _Passing()
                continue
            line.offered = True
            line.answered = line.answered or not offer
            wanted = terms.local_wish.wanted or Way.SENDRECV
            if terms.local is not None:
                line.reached[side] = not wanted & ~terms.local

    def settled(self, side: int) -> None:
        """This phone rings or has answered: its bearer stands, whether it told so or not."""
        for line in self._lines:
            line.reached[side] = line.offered

    def states(self, side: int) -> list[Qos]:
        """For each m= line, of the bearer of one side's phone."""
        return [line.state(side) for line in self._lines]
