"""The answers inside the dialogs of a call: who waits for them, and what the other side may see of a message.

inside.py and reinvites.py send requests from one leg to the other, own_requests.py the server's own; they name here
who hears what comes back.
"""

from functools import partial
from typing import Protocol

from lteims.ims.branch import Branch
from lteims.ims.leg import Leg
from lteims.ims.sdp_body import SDP
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.errors import SipError
from lteims.sip.message import Message, Request, Response
from lteims.sip.multipart import body_of

GONE = (408, 481)  # after these the dialog is over: RFC 3261 12.2.1.2
_PASSED_BACK = ("warning", "retry-after", "reason", "accept", "allow", "recv-info")


class Hearer(Protocol):
    """inside.py."""

    def answer_near(
        self, branch: Branch, near: Leg, far: Leg, transaction: ServerTransaction, response: Response, offered: bool
    ) -> None:
        """Bring the far side's final answer back."""

    def no_answer(self, branch: Branch, near: Leg, far: Leg, transaction: ServerTransaction, offered: bool) -> None:
        """None came."""


class PassedAnswer:
    """Brings the answer to an UPDATE, PRACK, INFO or MESSAGE back; leg.Answer."""

    __slots__ = ("_branch", "_far", "_inside", "_near", "_offered", "_transaction")

    def __init__(
        self, inside: Hearer, branch: Branch, near: Leg, far: Leg, transaction: ServerTransaction, offered: bool
    ) -> None:
        self._inside = inside
        self._branch = branch
        self._near = near
        self._far = far
        self._transaction = transaction
        self._offered = offered

    def on_response(self, response: Response) -> None:
        if response.code >= 200:
            self._inside.answer_near(
                self._branch, self._near, self._far, self._transaction, response, self._offered
            )  # fmt: skip

    def on_failure(self, code: int, why: str) -> None:
        self._inside.no_answer(self._branch, self._near, self._far, self._transaction, self._offered)


class OwnAnswer:
    """Waits for the answer to a request of the server's own; leg.Answer."""

    __slots__ = ("_leg", "_tell")

    def __init__(self, leg: Leg, tell: "partial[None]") -> None:
        self._leg = leg
        self._tell = tell

    def on_response(self, response: Response) -> None:
        if response.code >= 200:
            self._leg.noted(response)
            self._tell(response if response.code < 300 or response.code in (491, 500) else None)

    def on_failure(self, code: int, why: str) -> None:
        self._tell(None)


def put_body(message: Message, body: bytes, content_type: str) -> None:
    """Give a message a body, or take its type away with it."""
    message.body = body
    if body:
        message.headers["content-type"] = [content_type]
    else:
        message.headers.pop("content-type", None)


def shown_to_near(code: int, response: Response | None) -> tuple[int, dict[str, str]]:
    """The far side's refusal as the near one may see it: no challenges, no redirections, no 503 of a transport."""
    if response is None:
        return 408, {}
    if code in (401, 407) or 300 <= code < 400:
        return 488, {}
    return code, {name: ", ".join(response.headers[name]) for name in _PASSED_BACK if name in response.headers}


def body_of_ack(ack: Request) -> bytes | None:
    """The SDP of an ACK; one that cannot be read is none, as nobody could answer it."""
    try:
        return body_of(ack, SDP)
    except SipError:
        return None


def answer_body(branch: Branch, far: Leg, response: Response, *, offered: bool) -> bytes:
    """The SDP of a 2xx for the other side; an offer that got no answer is withdrawn. SipError 400, 488, 503."""
    sdp = body_of(response, SDP)
    if sdp:
        return branch.carry(far.side, sdp, offer=not offered)
    if offered:
        branch.anchor.withdraw()
    return b""


def reply_with(near: Leg, transaction: ServerTransaction, body: bytes) -> None:
    """Answer an UPDATE or PRACK 200, with this SDP."""
    response = transaction.make(200)
    put_body(response, body, SDP)
    near.reply(transaction, response)
