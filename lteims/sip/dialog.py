"""A SIP dialog (RFC 3261 12): identifiers, route set, remote target, sequence numbers; requests inside it.

Pure bookkeeping for one leg of a call; ims/leg.py holds one and sends what it builds.
"""

from lteims.sip.errors import SipError
from lteims.sip.headers import NameAddr
from lteims.sip.message import Request, Response
from lteims.sip.uri import Uri, parse_uri


class Dialog:
    """One dialog, early or confirmed. `local` and `remote` are From and To values without their tags."""

    __slots__ = (
        "_first_target", "call_id", "confirmed", "local", "local_cseq", "local_tag", "remote", "remote_cseq",
        "remote_tag", "routes", "target",
    )  # fmt: skip

    def __init__(self, call_id: str, local: str, local_tag: str, remote: str, target: str) -> None:
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = ""
        self.target = self._first_target = target  # the peer's Contact, or where the first request goes
        self.routes: list[str] = []
        self.local_cseq = 0
        self.remote_cseq = -1
        self.confirmed = False

    @classmethod
    def of_request(cls, request: Request, local_tag: str) -> "Dialog":
        """The dialog that a request creates at the side that got it (RFC 3261 12.1.1)."""
        target = _contact(request)
        if target is None or not target.is_sip:
            raise SipError(400, f"{request.method} without Contact", reason="Missing Contact Header")
        dialog = cls(request.call_id, _without_tag(request.to), local_tag, _without_tag(request.from_), target.text)
        dialog.remote_tag = request.from_.tag
        dialog.remote_cseq = request.cseq.number
        dialog.routes = [route.encode() for route in request.name_addrs("record-route")]
        return dialog

    def on_response(self, response: Response) -> None:
        """Take tag, target and route set from a response to the request that creates the dialog (RFC 3261 12.1.2).

        What cannot be read in them is as if it were not there: the answer itself still counts.
        """
        if self.confirmed:
            return
        tag = response.to.tag
        if tag:
            self.remote_tag = tag
            self.routes = _reversed_routes(response)
        self.refresh_target(response)
        if response.code >= 200:
            self.confirmed = True

    def fork(self, cseq: int) -> "Dialog":
        """Another dialog of the same request `cseq`, before its first response (RFC 3261 13.2.2.4)."""
        other = Dialog(self.call_id, self.local, self.local_tag, self.remote, self._first_target)
        other.local_cseq = cseq
        return other

    @property
    def established(self) -> bool:
        """Does the peer have a tag, so that requests can be sent inside, in the early dialog too?"""
        return bool(self.remote_tag)

    def refresh_target(self, message: Request | Response) -> None:
        """A Contact in a target refresh request or its 2xx moves the remote target (RFC 3261 12.2)."""
        try:
            target = _contact(message)
        except SipError:  # of a response; a request with such a Contact has been refused
            return
        if target is not None and target.is_sip:
            self.target = target.text

    def accept(self, request: Request) -> None:
        """Check a request that came inside the dialog (RFC 3261 12.2.2): 481 for a foreign tag, 500 out of order."""
        if self.remote_tag and request.from_.tag != self.remote_tag:
            raise SipError(481, "the From tag is not the dialog's")
        if request.cseq.number <= self.remote_cseq and request.method != "ACK":
            raise SipError(500, f"CSeq {request.cseq.number} after {self.remote_cseq}", {"retry-after": "0"})
        self.remote_cseq = max(self.remote_cseq, request.cseq.number)

    def request(self, method: str, cseq: int | None = None) -> Request:
        """A request inside the dialog (RFC 3261 12.2.1.1); ACK and CANCEL give the number of their INVITE."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        headers = {"via": [""]}
        target = self.target
        if self.routes:
            if "lr" in NameAddr.parse(self.routes[0], "Route").uri.params:
                headers["route"] = list(self.routes)
            else:  # a strict router: RFC 3261 12.2.1.1
                target = NameAddr.parse(self.routes[0], "Route").uri.text
                headers["route"] = [*self.routes[1:], f"<{self.target}>"]
        headers["from"] = [f"{self.local};tag={self.local_tag}"]
        headers["to"] = [f"{self.remote};tag={self.remote_tag}" if self.remote_tag else self.remote]
        headers["call-id"] = [self.call_id]
        headers["cseq"] = [f"{cseq} {method}"]
        headers["max-forwards"] = ["70"]
        return Request(method, target, headers)

    def next_hop(self) -> Uri:
        """Whom a request in this dialog is sent to: the first route, else the target."""
        if self.routes:
            return NameAddr.parse(self.routes[0], "Route").uri
        return parse_uri(self.target)


def _reversed_routes(response: Response) -> list[str]:
    try:
        return [route.encode() for route in reversed(response.name_addrs("record-route"))]
    except SipError:
        return []


def _contact(message: Request | Response) -> Uri | None:
    contacts = message.contacts if "contact" in message.headers else []
    return contacts[0].uri if contacts and contacts[0].uri.scheme != "*" else None


def _without_tag(address: NameAddr) -> str:
    params = {name: value for name, value in address.params.items() if name != "tag"}
    return NameAddr(address.uri, address.display, params).encode()
