"""Which of several peers is asked, and who takes over what waits for another (RFC 6733 5.5.4, 6.1.8, RFC 3539 3.4).

net/diameter.py asks whenever it sends, and whenever a connection has come, gone, or become better or worse.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from lteims.diameter.attributes import REDIRECT_HOST, RESULT_CODE
from lteims.diameter.errors import ResultCode
from lteims.diameter.message import Message
from lteims.diameter.peer import Peer, State
from lteims.diameter.watchdog import Health

_URI: Final = re.compile(r"aaas?://([^:;]+)", re.IGNORECASE)  # RFC 6733 4.3.1
_RANK: Final = {Health.OKAY: 0, Health.REOPEN: 1, Health.SUSPECT: 2, Health.INITIAL: 3, Health.DOWN: 3}


def best(peers: Sequence[Peer]) -> Peer | None:
    """Where requests go: the healthiest open one, of like ones the first; None where none is open."""
    connected = [peer for peer in peers if peer.state is State.OPEN]
    return min(connected, key=lambda peer: _RANK[peer.health], default=None)


def is_well(peer: Peer) -> bool:
    """Is a peer connected, and does it answer?"""
    return peer.state is State.OPEN and peer.health is not Health.SUSPECT


def takeovers(peers: Sequence[Peer]) -> Iterator[tuple[Peer, Peer]]:
    """Whose requests go to whom: those of peers that are gone or suspect, where another one is better."""
    to = best(peers)
    if to is None or not is_well(to):
        return
    for peer in peers:
        if peer.waiting and not is_well(peer):
            yield peer, to


def elsewhere(peers: Sequence[Peer], answer: Message, asked: Sequence[Peer]) -> Peer | None:
    """Whom to ask after this answer of the last one `asked`: another one where that is too busy or has no way
    (RFC 6733 7.1.3), the one that a redirect agent names, such as the SLF of TS 29.228 annex A; None for nobody."""
    others = [peer for peer in peers if peer.state is State.OPEN and peer not in asked]
    if not others or not answer.header.is_error:
        return None
    match answer.first(RESULT_CODE):
        case ResultCode.DIAMETER_TOO_BUSY | ResultCode.DIAMETER_UNABLE_TO_DELIVER:
            return best(others)
        case ResultCode.DIAMETER_REDIRECT_INDICATION:
            uris = [_URI.match(uri) for uri in answer.all(REDIRECT_HOST)]
            hosts = {peer.remote.node.host: peer for peer in others if peer.remote is not None}
            return next((hosts[uri[1].lower()] for uri in uris if uri is not None and uri[1].lower() in hosts), None)
    return None
