"""Which transaction a message belongs to: RFC 3261 17.1.3, 17.2.3, and 8.2.2.2 for a request that came twice.

net/sip.py asks with each message; the transactions (net/sip_transaction.py) take themselves out when they end. Those
that only wait for retransmissions make room under load, the oldest first.
"""

from collections import deque
from typing import Final

from lteims.clock import Clock
from lteims.ids import MAGIC_COOKIE
from lteims.net.sip_answers import Answers
from lteims.net.sip_transaction import ClientTransaction, Origin, ServerTransaction
from lteims.net.timers import TimerWheel
from lteims.sip.message import Request, Response

MAX_FINISHED: Final = 65536  # server transactions kept only to answer retransmissions; the oldest goes first
MAX_FINISHED_OCTETS: Final = 64 << 20  # of their answers


class Transactions:
    """All that there are; `answers` are what is left of those that need nothing more than their octets."""

    __slots__ = ("_clients", "_finished", "_finished_octets", "_origins", "_servers", "answers")

    def __init__(self, wheel: TimerWheel, clock: Clock, time: float) -> None:
        """`time` is timer J in seconds."""
        self.answers = Answers(wheel, clock, time)
        self._servers: dict[tuple[str, ...], ServerTransaction] = {}
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._origins: dict[Origin, None] = {}
        self._finished: deque[tuple[ServerTransaction, int]] = deque()
        self._finished_octets = 0

    # -- requests that came
    def server(self, key: tuple[str, ...]) -> ServerTransaction | None:
        """That of a request."""
        return self._servers.get(key)

    def invite(self, key: tuple[str, ...]) -> ServerTransaction | None:
        """That of the INVITE which the CANCEL of this key is for (RFC 3261 9.2)."""
        return self._servers.get((*key[:-1], "INVITE"))

    def adopt_server(self, transaction: ServerTransaction) -> None:
        """A new one."""
        self._servers[transaction.key] = transaction

    def forget_server(self, transaction: ServerTransaction) -> None:
        """Its machine has terminated."""
        if self._servers.get(transaction.key) is transaction:
            del self._servers[transaction.key]

    def finished(self, transaction: ServerTransaction, octets: int) -> None:
        """Only retransmissions are still waited for: under load the oldest of these make room."""
        queue = self._finished
        queue.append((transaction, octets))
        self._finished_octets += octets
        while queue and (queue[0][0].ended or len(queue) > MAX_FINISHED or self._finished_octets > MAX_FINISHED_OCTETS):
            oldest, size = queue.popleft()
            self._finished_octets -= size
            if not oldest.ended:
                oldest.drop()

    def is_merged(self, transaction: ServerTransaction) -> bool:
        """RFC 3261 8.2.2.2: has the request come by another way already, and is still being served?"""
        request = transaction.request
        tag = request.from_.tag
        if not tag or request.to.tag:
            return False
        origin = (tag, request.call_id, request.cseq.number, request.method)
        if origin in self._origins:
            return True
        self._origins[origin] = None
        transaction.origin = origin
        return False

    def served(self, origin: Origin | None) -> None:
        """The same request by another way is no longer a merged one."""
        if origin is not None:
            self._origins.pop(origin, None)

    # -- requests of our own
    def client(self, response: Response) -> ClientTransaction | None:
        """That of the request which a response answers."""
        return self._clients.get((response.via.branch, response.cseq.method))

    def adopt_client(self, key: tuple[str, str], transaction: ClientTransaction) -> None:
        """A new one."""
        self._clients[key] = transaction

    def forget_client(self, key: tuple[str, str]) -> None:
        """Its machine has terminated."""
        self._clients.pop(key, None)

    def load(self) -> dict[str, int]:
        """How many live."""
        return {"server": len(self._servers) + len(self.answers), "client": len(self._clients)}


def server_key(request: Request) -> tuple[str, ...]:
    """What identifies a server transaction: RFC 3261 17.2.3; its last part is the method, INVITE for ACK."""
    method = "INVITE" if request.method == "ACK" else request.method
    via = request.via
    branch = via.branch
    if branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
        return (branch, via.sent_by, method)
    return (  # RFC 2543: no To tag, since the ACK carries the one that we gave
        request.target,
        request.from_.tag,
        request.call_id,
        str(request.cseq.number),
        request.get("via"),
        method,
    )
