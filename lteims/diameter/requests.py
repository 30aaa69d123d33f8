"""What has been asked and not yet answered, each way (RFC 6733 3, 5.5.4): tables of peer.py, bounded in size.

Requests sent are found by their hop-by-hop identifier and sent again with the T bit, on a new connection or by another
peer; requests that came are known again by their end-to-end identifier, whichever peer brings them.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final, NamedTuple

from lteims.diameter.message import T_BIT, Header
from lteims.diameter.peer_events import Ask

MOST_SENT: Final = 4096
MOST_SERVED: Final = 1000  # requests of the peer that are being worked on: as many as one read of a socket brings
MOST_OCTETS: Final = 16 << 20  # of requests that are being worked on, and again of answers that are remembered
_REMEMBERED: Final = 1024
_REMEMBERED_FOR: Final = 240.0  # seconds; RFC 6733 3: end-to-end identifiers are unique for 4 minutes


class Sent(NamedTuple):
    """A request that waits for its answer until this time; `ask` is what was wanted, and says whose it is."""

    ask: Ask
    header: Header
    body: bytes
    until: float


class Outbox:
    """Requests sent to one peer."""

    def __init__(self, hop_by_hop: int, ends: Iterator[int]) -> None:
        """Where hop-by-hop identifiers start, by chance, and end-to-end identifiers, for all peers of one node."""
        self._hops = count(hop_by_hop)
        self._ends = ends
        self._sent: dict[int, Sent] = {}  # by hop-by-hop identifier

    def __len__(self) -> int:
        return len(self._sent)

    def hop_by_hop(self) -> int:
        """A new identifier."""
        return next(self._hops) & 0xFFFFFFFF

    def end_to_end(self) -> int:
        """A new identifier."""
        return next(self._ends) & 0xFFFFFFFF

    def add(self, ask: Ask, header: Header, body: bytes, until: float) -> bytes:
        """Keep a request until it is answered; its octets."""
        self._sent[header.hop_by_hop] = Sent(ask, header, body, until)
        return header.encode(body)

    def take(self, header: Header) -> Sent | None:
        """Whose answer is it? It is taken out; None if it belongs to nothing.

        Its application is not looked at: PyHSS writes Sh's into the header when it does not know a user of Cx.
        """
        found = self._sent.get(header.hop_by_hop)
        if found is None or (found.header.code, found.header.end_to_end) != (header.code, header.end_to_end):
            return None
        return self._sent.pop(header.hop_by_hop)

    def expire(self, end_to_end: int) -> Sent | None:
        """Take out the request of this end-to-end identifier, if it still waits."""
        for hop, sent in self._sent.items():
            if sent.header.end_to_end == end_to_end:
                return self._sent.pop(hop)
        return None

    def again(self) -> list[bytes]:
        """All of them, to be sent again: other hop-by-hop identifiers, and the T bit (RFC 6733 5.5.4)."""
        result = []
        for sent in self.clear():
            header = sent.header._replace(flags=sent.header.flags | T_BIT, hop_by_hop=self.hop_by_hop())
            result.append(self.add(sent.ask, header, sent.body, sent.until))
        return result

    def clear(self) -> list[Sent]:
        """Forget all; they are returned."""
        before, self._sent = list(self._sent.values()), {}
        return before


Key = tuple[str, int, str, int]  # Origin-Host, end-to-end identifier, Session-Id, command code


@dataclass(slots=True)
class _Working:
    since: float
    size: int  # octets of the request
    due: dict[object, tuple[Header, bytes]]  # the header of the request and its Proxy-Info, by the peer that brought it


@dataclass(slots=True)
class _Served:
    since: float
    error: bool  # is the E bit due?
    body: bytes  # of the answer, without Proxy-Info
    size: int


@dataclass(slots=True)
class Inbox:
    """Requests that came, by whichever peer of one node; a peer stands for itself here."""

    _working: dict[Key, _Working] = field(default_factory=dict)  # the oldest first, as below
    _served: OrderedDict[Key, _Served] = field(default_factory=OrderedDict)
    _taken: int = 0  # octets that are being worked on
    _kept: int = 0  # octets of answers

    @property
    def full(self) -> bool:
        """Are too many being worked on?"""
        return len(self._working) >= MOST_SERVED or self._taken >= MOST_OCTETS

    def is_known(self, key: Key, now: float) -> bool:
        """Has it come before?"""
        while self._working and self._working[oldest := next(iter(self._working))].since + _REMEMBERED_FOR <= now:
            self._taken -= self._working.pop(oldest).size
        while self._served:
            oldest = next(iter(self._served))
            room = len(self._served) <= _REMEMBERED and self._kept <= MOST_OCTETS
            if room and self._served[oldest].since + _REMEMBERED_FOR > now:
                break
            self._kept -= self._served.pop(oldest).size
        return key in self._working or key in self._served

    def begin(self, key: Key, now: float, peer: object, header: Header, proxies: bytes, size: int) -> None:
        """It is being worked on from now on, and this peer is to hear the answer; `size` in octets."""
        self._working[key] = _Working(now, size, {peer: (header, proxies)})
        self._taken += size

    def repeat(self, key: Key, peer: object, header: Header, proxies: bytes) -> bytes | None:
        """The answer once more; None while it is being worked on, and this peer is to hear it, too."""
        working = self._working.get(key)
        if working is not None:
            working.due[peer] = header, proxies
            return None
        served = self._served[key]
        return header.answer(served.error).encode(served.body + proxies)

    def end(self, key: Key, now: float, error: bool, body: bytes) -> list[tuple[object, bytes]]:
        """It has been answered so: what each peer is to send that has brought the request."""
        working = self._working.pop(key, None)
        if working is None:
            return []
        size = len(body) + len(key[0]) + len(key[2])
        self._served[key] = _Served(now, error, body, size)
        self._taken -= working.size
        self._kept += size
        return [(peer, header.answer(error).encode(body + proxies)) for peer, (header, proxies) in working.due.items()]

    def forget(self, peer: object) -> None:
        """This peer has lost its connection: what it brings again has other hop-by-hop identifiers."""
        for working in self._working.values():
            working.due.pop(peer, None)
