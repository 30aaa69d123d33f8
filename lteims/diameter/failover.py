"""Which of several peers is asked, and who takes over what waits for another (RFC 6733 5.5.4, RFC 3539 3.4).

net/diameter.py asks whenever it sends, and whenever a connection has come, gone, or become better or worse.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from lteims.diameter.peer import Peer, State
from lteims.diameter.watchdog import Health

_RANK: Final = {Health.OKAY: 0, Health.REOPEN: 1, Health.SUSPECT: 2, Health.INITIAL: 3, Health.DOWN: 3}


def best(peers: Sequence[Peer]) -> Peer | None:
    """Where requests go: the healthiest open one, of like ones the first; None where none is open."""
    connected = [peer for peer in peers if peer.state is State.OPEN]
    return min(connected, key=lambda peer: _RANK[peer.health], default=None)


def takeovers(peers: Sequence[Peer]) -> Iterator[tuple[Peer, Peer]]:
    """Whose requests go to whom: those of peers that are gone or suspect, where another one is better."""
    to = best(peers)
    if to is None or to.health is Health.SUSPECT:
        return
    for peer in peers:
        if peer.waiting and (peer.state is not State.OPEN or peer.health is Health.SUSPECT):
            yield peer, to
