"""Requests that cannot be served (RFC 6733 7): what is said of them, and whom they would have been for.

peer.py answers with these.
"""

from dataclasses import dataclass
from typing import Final

from lteims.diameter.attributes import (
    DESTINATION_HOST,
    DESTINATION_REALM,
    ERROR_MESSAGE,
    FAILED_AVP,
    PROXY_INFO,
    ROUTE_RECORD,
    SESSION_ID,
)
from lteims.diameter.command import COMMANDS, Node, Result, as_result
from lteims.diameter.errors import DiameterError, ResultCode
from lteims.diameter.message import Header, Message, readable

_LONGEST_WHY: Final = 200  # characters of Error-Message


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer that says why a request that could be read cannot be served."""

    error: DiameterError

    @property
    def result(self) -> Result:
        """How it ended."""
        return as_result(self.error)

    def avps(self) -> bytes:
        """What there is to say."""
        failed = FAILED_AVP(self.error.failed) if self.error.failed else b""
        return ERROR_MESSAGE(self.error.why[:_LONGEST_WHY]) + failed


def refuse(header: Header, data: bytes, error: DiameterError, node: Node) -> bytes:
    """The answer of RFC 6733 7.2, or where the command is known and no E bit is due, one of its grammar."""
    command = COMMANDS.get((header.application, header.code))
    bit = error.is_protocol_error or command is None
    body = b"".join(
        (
            readable(data, SESSION_ID),
            b"" if bit or command is None or not command.application else command.answer_head,
            as_result(error).encode(),
            node.avps(),
            Refusal(error).avps(),
            readable(data, PROXY_INFO),
        )
    )
    return header.answer(bit).encode(body)


def check_route(message: Message, node: Node) -> None:
    """DiameterError for what is not meant for this node, which is no relay (RFC 6733 6.1.4 to 6.1.6)."""
    host, realm = message.first(DESTINATION_HOST), message.first(DESTINATION_REALM)
    if node.host.lower() in message.all(ROUTE_RECORD):
        raise DiameterError("a loop", ResultCode.DIAMETER_LOOP_DETECTED)
    if host is not None and host != node.host.lower():
        raise DiameterError(f"no route to {host}", ResultCode.DIAMETER_UNABLE_TO_DELIVER)
    if host is None and realm not in (None, node.realm.lower()):
        raise DiameterError(f"realm {realm} is not served", ResultCode.DIAMETER_REALM_NOT_SERVED)
