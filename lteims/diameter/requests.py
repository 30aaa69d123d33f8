"""What has been asked and not yet answered, each way (RFC 6733 3, 5.5.4): tables of peer.py, bounded in size.

Requests sent are found by their hop-by-hop identifier and sent again with the T bit on a new connection; requests
that came are known again by their end-to-end identifier.
"""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from lteims.diameter.message import T_BIT, Header

MOST_SENT: Final = 4096
MOST_SERVED: Final = 1000  # requests of the peer that are being worked on: as many as one read of a socket brings
_REMEMBERED: Final = 1024
_REMEMBERED_FOR: Final = 240.0  # seconds; RFC 6733 3: end-to-end identifiers are unique for 4 minutes


@dataclass(slots=True)
class Sent:
    """A request that waits for its answer; `ticket` is whose it is."""

    ticket: Any
    header: Header
    body: bytes


class Outbox:
    """Requests sent."""

    def __init__(self, hop_by_hop: int, end_to_end: int) -> None:
        """Where the identifiers start: random, and RFC 6733 3's mix of time and chance."""
        self._hops = count(hop_by_hop)
        self._ends = count(end_to_end)
        self._sent: dict[int, Sent] = {}  # by hop-by-hop identifier

    def __len__(self) -> int:
        return len(self._sent)

    def identifiers(self) -> tuple[int, int]:
        """New ones: hop-by-hop, end-to-end."""
        return next(self._hops) & 0xFFFFFFFF, next(self._ends) & 0xFFFFFFFF

    def add(self, ticket: Any, header: Header, body: bytes) -> bytes:
        """Keep a request until it is answered; its octets."""
        self._sent[header.hop_by_hop] = Sent(ticket, header, body)
        return header.encode(body)

    def take(self, header: Header) -> Sent | None:
        """Whose answer is it? It is taken out; None if it belongs to nothing.

        Its application is not looked at: PyHSS writes Sh's into the header when it does not know a user of Cx.
        """
        found = self._sent.get(header.hop_by_hop)
        if found is None or found.header.code != header.code:
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
        before, self._sent = list(self._sent.values()), {}
        result = []
        for sent in before:
            hop, _ = self.identifiers()
            header = sent.header._replace(flags=sent.header.flags | T_BIT, hop_by_hop=hop)
            result.append(self.add(sent.ticket, header, sent.body))
        return result

    def clear(self) -> list[Sent]:
        """Forget all; they are returned."""
        before, self._sent = list(self._sent.values()), {}
        return before


Key = tuple[str, int, str, int]  # Origin-Host, end-to-end identifier, Session-Id, command code


@dataclass(slots=True)
class _Served:
    since: float
    header: Header | None = None  # of the answer
    body: bytes = b""


class Inbox:
    """Requests of the peer."""

    def __init__(self) -> None:
        self._served: OrderedDict[Key, _Served] = OrderedDict()
        self._working: set[Key] = set()

    @property
    def full(self) -> bool:
        """Are too many being worked on?"""
        return len(self._working) >= MOST_SERVED

    def is_known(self, key: Key, now: float) -> bool:
        """Has it come before?"""
        while self._served:
            oldest = next(iter(self._served))
            if len(self._served) <= _REMEMBERED and self._served[oldest].since + _REMEMBERED_FOR > now:
                break
            del self._served[oldest]
            self._working.discard(oldest)
        return key in self._served

    def begin(self, key: Key, now: float) -> None:
        """It is being worked on from now on."""
        self._served[key] = _Served(now)
        self._working.add(key)

    def end(self, key: Key, header: Header, body: bytes) -> None:
        """It has been answered so."""
        self._working.discard(key)
        served = self._served.get(key)
        if served is not None:
            served.header, served.body = header, body

    def repeat(self, key: Key, hop_by_hop: int) -> bytes | None:
        """The answer once more; None while it is being worked on."""
        served = self._served[key]
        if served.header is None:
            return None
        return served.header._replace(hop_by_hop=hop_by_hop).encode(served.body)
