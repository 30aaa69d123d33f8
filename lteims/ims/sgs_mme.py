"""The MMEs of the VLR: their links, their names, which phones each of them serves, our start (TS 29.118 4.2, 5.7.2).

sgs.py has one `Mmes` and asks it who speaks; the links are those of net/sgsap.py.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from lteims.net.timers import TimerWheel
from lteims.sgsap import primitive as sgs
from lteims.sgsap import reset
from lteims.sgsap.errors import SgsapError
from lteims.sgsap.message import Message, ResetAck, ResetIndication
from lteims.trace import IMS, INFO, WARN, log

MOST_GREETED: Final = 1024
MOST_NAMES: Final = 16  # MMEs behind one SCTP association


class MmeLink(Protocol):
    """An SCTP association with an MME: net/sgsap.py."""

    @property
    def address(self) -> str:
        """The MME's address and port."""

    @property
    def host(self) -> str:
        """The MME's address."""

    def send(self, message: Message) -> None:
        """Send a message; what cannot be sent is lost with the link."""


class Mme:
    """An MME by its name, with the phones that it serves."""

    __slots__ = ("awaited", "host", "link", "name", "phones")

    def __init__(self, name: str) -> None:
        self.name = name
        self.link: MmeLink | None = None
        self.host = ""  # where it has spoken from last
        self.awaited = False  # will what waits for its phones be tried in a moment?
        self.phones: set[str] = set()


class _Connected:
    """What belongs to a link: the procedure that tells of our start, and who speaks by it."""

    __slots__ = ("greeted", "mmes", "reset")

    def __init__(self, vlr_name: str, timings: reset.Timings) -> None:
        self.reset = reset.Reset(vlr_name, timings)
        self.mmes: list[Mme] = []
        self.greeted = False  # does it know of our start?


class _Greeted:
    """Addresses and names of MMEs that have been told of our start."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, None] = {}

    def add(self, who: str) -> bool:
        """Was this one not there yet? The oldest is forgotten when there are too many."""
        if who in self._known:
            return False
        if len(self._known) >= MOST_GREETED:
            del self._known[next(iter(self._known))]
        self._known[who] = None
        return True


class Mmes:
    """All of them."""

    def __init__(
        self,
        vlr_name: str,
        wheel: TimerWheel,
        loop: asyncio.AbstractEventLoop,
        timings: reset.Timings,
        on_link: Callable[[Mme], None],
    ) -> None:
        """`on_link` hears of an MME that we know when it has lost its link, and when it has one again."""
        self.by_name: dict[str, Mme] = {}
        self.vlr_name = vlr_name
        self._wheel = wheel
        self._loop = loop
        self._timings = timings
        self._on_link = on_link
        self._links: dict[MmeLink, _Connected] = {}
        self._greeted = _Greeted()

    def __contains__(self, link: MmeLink) -> bool:
        """Is this link there still?"""
        return link in self._links

    def __bool__(self) -> bool:
        """Is anybody connected?"""
        return bool(self._links)

    def rows(self) -> Sequence[Sequence[str]]:
        """Name, address and number of phones of each MME that is connected."""
        rows = []
        for link, connected in self._links.items():
            rows += [(mme.name, link.address, str(len(mme.phones))) for mme in connected.mmes]
            if not connected.mmes:
                rows.append(("-", link.address, "0"))
        return rows

    # -- links
    def connected(self, link: MmeLink) -> None:
        """An MME has connected; one that was not there since our start hears of that start (5.7.2)."""
        connected = self._links[link] = _Connected(self.vlr_name, self._timings)
        log(IMS, INFO, f"MME at {link.address} connected")
        if self._greeted.add(link.host):
            self._greet(link, connected)
        else:
            self._reunite(link.host)

    def lost(self, link: MmeLink) -> None:
        """A link has ended; the MME may come back and know its phones still."""
        connected = self._links.pop(link)
        log(IMS, INFO, f"MME at {link.address} is gone")
        for mme in connected.mmes:
            self._unlink(mme)
            if not mme.phones:
                self.by_name.pop(mme.name, None)
        self._reunite(link.host)  # it may have connected again before this was noticed

    def _reunite(self, host: str) -> None:
        """An MME that is back need not say its name before its phones are paged, if it is the only one of its host."""
        away = [mme for mme in self.by_name.values() if mme.link is None and mme.host == host]
        unnamed = [(link, each) for link, each in self._links.items() if link.host == host and not each.mmes]
        if len(away) == len(unnamed) == 1:
            self._link(away[0], *unnamed[0])

    def _link(self, mme: Mme, link: MmeLink, connected: _Connected) -> None:
        mme.link, mme.host = link, link.host
        connected.mmes.append(mme)
        self._on_link(mme)

    def _unlink(self, mme: Mme) -> None:
        mme.link = None
        self._on_link(mme)

    # -- names
    def named(self, link: MmeLink, name: str) -> Mme:
        """The MME of this name, which speaks by this link from now on."""
        connected = self._links[link]
        name = name.lower()
        mme = self.by_name.get(name)
        if mme is not None and mme.link is link:
            return mme
        if mme is None and len(connected.mmes) >= MOST_NAMES:
            return connected.mmes[0]
        if mme is None:
            mme = self.by_name[name] = Mme(name)
        former = mme.link
        if former is not None:
            log(IMS, WARN, f"MME {name} speaks from {link.address} now, and not from {former.address}")
            self._links[former].mmes.remove(mme)
            self._unlink(mme)
        self._link(mme, link, connected)
        if self._greeted.add(name) and not connected.greeted:  # another one at an address that was there
            self._greet(link, connected)  # at last, since sending may be the end of the link
        return mme

    def known(self, link: MmeLink, name: str) -> None:
        """Whoever says this name speaks by this link from now on, if that is an MME of ours."""
        if name.lower() in self.by_name:
            self.named(link, name)

    def leave(self, mme: Mme, imsi: str) -> None:
        """A phone is not at this MME any more."""
        mme.phones.discard(imsi)
        if not mme.phones and mme.link is None:
            self.by_name.pop(mme.name, None)

    # -- our start
    def acknowledged(self, link: MmeLink, message: ResetAck) -> None:
        """An MME has heard of it."""
        if message.mme_name is not None:
            self.named(link, message.mme_name)
        connected = self._links.get(link)
        if connected is not None:
            self._run_reset(link, connected, message)

    def _greet(self, link: MmeLink, connected: _Connected) -> None:
        connected.greeted = True
        self._run_reset(link, connected, reset.Start())

    def _run_reset(self, link: MmeLink, connected: _Connected, event: reset.Event) -> None:
        if self._links.get(link) is not connected:
            return
        for action in connected.reset.handle(event, self._loop.time()):
            match action:
                case sgs.Send(message):
                    link.send(message)
                case sgs.SetTimer(timer, delay, serial):
                    self._wheel.add(delay, self._run_reset, link, connected, sgs.TimerFired(timer, serial))
                case reset.Unheard():
                    log(IMS, WARN, f"MME at {link.address} does not acknowledge SGsAP-RESET-INDICATION")


def vlr_name(domain: str) -> str:
    """Our name for MMEs: a domain name (TS 29.118 9.4.22), whatever `domain` of the configuration is."""
    name = f"vlr.{domain}"
    try:
        ResetIndication(vlr_name=name).encode()
    except SgsapError:
        return "vlr.lteims"
    return name
