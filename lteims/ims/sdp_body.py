"""The SDP in the body of a SIP message (RFC 3261 7.4, RFC 3264): found, read, or refused as SIP refuses it.

Whoever hands SDP on in a call asks; sip/ and media/ know nothing of each other.
"""

from lteims.media.sdp import Sdp, SdpError
from lteims.sip.errors import SipError
from lteims.sip.message import Message, Request
from lteims.sip.multipart import body_of

SDP = "application/sdp"


def parse_sdp(body: bytes) -> Sdp:
    """An SDP body, SipError 400 when it is none."""
    try:
        return Sdp.parse(body)
    except SdpError as error:
        raise SipError(400, f"bad SDP: {error}", reason="Bad SDP") from None


def sdp_of(message: Message) -> bytes | None:
    """The SDP of a message, in a multipart body too; SipError 415 for an INVITE with another body."""
    if not message.body:
        return None
    body = body_of(message, SDP)
    if body is None and isinstance(message, Request) and message.method == "INVITE":
        disposition = message.get("content-disposition").lower()
        if "handling=optional" not in disposition.replace(" ", ""):
            raise SipError(415, f"body of type {message.get('content-type')[:60]}", {"accept": SDP})
    return body
