"""SGsAP over SCTP (TS 29.118 6): accepts MMEs, reads and writes their messages, logs them (layer MME).

The driver of sgsap/. app.py makes a `SgsapServer` for `sctp_addr`; what is read goes to ims/sgs.py, and what cannot be
read is answered here by a status (clause 7).
"""

import asyncio
import traceback
from collections.abc import Sequence
from typing import Any, Final, Protocol

from lteims import counters
from lteims.errors import LteimsError
from lteims.net.sctp import Address, Association, Listener
from lteims.net.sgsap_dump import describe
from lteims.sgsap.decoder import parse, status_for
from lteims.sgsap.errors import SgsapError
from lteims.sgsap.message import Message, title
from lteims.trace import DEBUG, ERROR, INFO, MME, WARN, log

PPID: Final = 0  # payload protocol identifier (6.2)
MOST_LINKS: Final = 64  # MMEs at once
MOST_OF_HOST: Final = 16  # of one address, so that none of them shuts out those of others
_COMMON: Final = 0  # the stream of what belongs to no phone


class Wire(Protocol):
    """An SCTP association."""

    def start(self, on_message: Any, on_lost: Any) -> None:
        """Hear its messages, and once that it is gone."""

    def remote(self) -> list[Address]:
        """The peer's addresses."""

    def streams(self) -> int:
        """How many streams lead to the peer."""

    def send(self, data: bytes, ppid: int = 0, stream: int = 0) -> None:
        """Send a message."""

    def close(self) -> None:
        """End it."""


class Vlr(Protocol):
    """Who is behind: ims/sgs.py."""

    def connected(self, link: "SgsapLink") -> None:
        """An MME is there."""

    def received(self, link: "SgsapLink", message: Message) -> None:
        """It has sent a message."""

    def lost(self, link: "SgsapLink") -> None:
        """It is gone."""


class SgsapLink:
    """An MME's association."""

    def __init__(self, wire: Wire, vlr: Vlr, links: "dict[SgsapLink, None]") -> None:
        self._wire = wire
        self._vlr = vlr
        self._links = links
        self._streams = max(1, wire.streams())
        remote = wire.remote() or [("-", 0)]
        self.host, port = remote[0]
        self.address = f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"

    def start(self) -> None:
        """Tell who is behind, and read."""
        self._links[self] = None
        self._vlr.connected(self)
        self._wire.start(self._on_message, self._on_lost)

    def send(self, message: Message) -> None:
        """Send a message; those of one phone keep their order, since they go by one stream."""
        try:
            data = message.encode()
        except SgsapError as error:
            counters.inc("ims_internal_error")
            log(MME, ERROR, f"not sent: {error}", dir="TO", id=self.address)
            return
        counters.inc("sgsap_send")
        self._note("TO", message, data)
        imsi = getattr(message, "imsi", None)
        others = self._streams - 1
        stream = 1 + int(imsi) % others if imsi and others else _COMMON
        self._wire.send(data, PPID, stream)

    def close(self) -> None:
        """End the association."""
        self._wire.close()
        self._gone()

    def _on_lost(self, why: str) -> None:
        log(MME, INFO, f"SCTP association ended: {why}", id=self.address)
        self._gone()

    def _gone(self) -> None:
        if self in self._links:
            del self._links[self]
            self._vlr.lost(self)

    def _on_message(self, data: bytes, ppid: int, stream: int) -> None:
        counters.inc("sgsap_recv")
        try:
            message = parse(data)
        except SgsapError as error:
            self._refuse(data, error)
            return
        self._note("FROM", message, data)
        try:
            self._vlr.received(self, message)
        except Exception as error:  # a fault of ours must not end the association of all phones
            counters.inc("ims_internal_error")
            log(MME, ERROR, f"{title(message.TYPE)}: {error!r}", id=self.address, body=traceback.format_exc())

    def _refuse(self, data: bytes, error: SgsapError) -> None:
        counters.inc("sgsap_malformed")
        log(MME, WARN, f"refused: {error}", dir="FROM", id=self.address, data=data)
        answer = status_for(error)
        if answer is not None:
            self.send(answer)

    def _note(self, direction: str, message: Message, data: bytes) -> None:
        if MME.level >= INFO:
            body = describe(message) if MME.level >= DEBUG else ""
            octets = data if MME.payload else b""
            log(MME, INFO, title(message.TYPE), dir=direction, id=self.address, body=body, data=octets)


class SgsapServer:
    """Listens on `sctp_addr`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, addresses: Sequence[Address], vlr: Vlr) -> None:
        """OperatorError where the addresses cannot be had; NoSctp where the kernel has no SCTP."""
        self._vlr = vlr
        self._links: dict[SgsapLink, None] = {}
        self._listener = Listener(loop, addresses, self._on_association)

    @property
    def port(self) -> int:
        """The port, which may have been any."""
        return self._listener.port

    def _on_association(self, association: Association) -> None:
        if len(self._links) >= MOST_LINKS:
            self._turn_away(association, f"{MOST_LINKS} are connected")
            return
        try:
            link = SgsapLink(association, self._vlr, self._links)
        except (OSError, LteimsError) as error:  # gone again already
            log(MME, INFO, f"SCTP association ended at once: {error}")
            association.close()
            return
        if sum(other.host == link.host for other in self._links) >= MOST_OF_HOST:
            self._turn_away(association, f"{MOST_OF_HOST} of {link.host} are connected")
            return
        link.start()

    @staticmethod
    def _turn_away(association: Association, why: str) -> None:
        counters.inc("sgsap_refused")
        log(MME, WARN, f"an MME is refused: {why}")
        association.close()

    def close(self) -> None:
        """Accept no more, and end all associations."""
        self._listener.close()
        for link in list(self._links):
            link.close()
