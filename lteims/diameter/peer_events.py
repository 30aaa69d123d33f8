"""What happens to a Diameter peer and what is to be done about it: events and actions of peer.py (RFC 6733 5.6).

net/diameter.py makes the events and carries out the actions.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from lteims.diameter.attributes import DisconnectCause
from lteims.diameter.capabilities import Capabilities
from lteims.diameter.command import Answer, Command, Node, Request
from lteims.diameter.errors import DiameterError, NoAnswer
from lteims.diameter.message import Message
from lteims.diameter.watchdog import Health

ASK_TIME: Final = 5.0  # seconds for an answer, unless the asker says otherwise
IpAddress = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Start:
    """Event: connect, and again whenever the connection is lost; at once, if a pause before the next attempt is under
    way, but for one that the peer has asked for."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Event: take leave."""

    cause: DisconnectCause = DisconnectCause.REBOOTING


@dataclass(frozen=True, slots=True)
class Connected:
    """Event: the transport is there. `accepted`: the other side made it. The addresses are ours."""

    addresses: tuple[IpAddress, ...]
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """Event: the transport could not be made."""

    why: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Event: the transport is gone."""

    why: str


@dataclass(frozen=True, slots=True)
class Received:
    """Event: a message came."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TimerFired:
    """Event: a timer has run out."""

    name: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Event: a request to be sent. Realm and host are the peer's own where they are empty; `timeout` in seconds.

    `end_to_end` is the identifier of one that was sent to another peer before (RFC 6733 5.5.4).
    """

    ticket: Any
    request: Request[Any]
    session: str
    realm: str = ""
    host: str = ""
    timeout: float = ASK_TIME
    end_to_end: int | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Event: another peer takes over what waits for an answer."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request of the peer to be served; whoever serves it hands it back in Reply."""

    message: Message
    command: Command
    session: str
    origin: Node


@dataclass(frozen=True, slots=True)
class Reply:
    """Event: the answer to a request of the peer, or why it cannot be served."""

    to: Incoming
    answer: Answer | DiameterError


Event = Start | Stop | Connected | ConnectFailed | Lost | Received | TimerFired | Ask | Release | Reply


@dataclass(frozen=True, slots=True)
class Connect:
    """Action: make the transport; answered by Connected or ConnectFailed."""


@dataclass(frozen=True, slots=True)
class Close:
    """Action: end the transport, once what was sent is out; Lost is not expected after it."""


@dataclass(frozen=True, slots=True)
class Send:
    """Action: send a message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Action: (re)start a timer; seconds."""

    name: str
    delay: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Action: stop a timer."""

    name: str


@dataclass(frozen=True, slots=True)
class Up:
    """Action: tell that requests can be sent."""

    remote: Capabilities


@dataclass(frozen=True, slots=True)
class Down:
    """Action: tell that no requests can be sent."""

    why: str


@dataclass(frozen=True, slots=True)
class Turned:
    """Action: tell that the open connection is better or worse than before, by its watchdog."""

    health: Health


@dataclass(frozen=True, slots=True)
class Released:
    """Action: ask these of another peer, in the time that they have left."""

    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Forward:
    """Action: have another peer send a message: the answer to a request that has come by it, too."""

    peer: object
    data: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """Action: hand over the answer to a request."""

    ticket: Any
    message: Message


@dataclass(frozen=True, slots=True)
class Failed:
    """Action: tell that a request has no answer that could be used."""

    ticket: Any
    error: DiameterError | NoAnswer


@dataclass(frozen=True, slots=True)
class Deliver:
    """Action: serve a request of the peer."""

    incoming: Incoming


_Connection = Connect | Close | Send | Forward | Up | Down | Turned
Action = _Connection | SetTimer | CancelTimer | Answered | Failed | Released | Deliver
