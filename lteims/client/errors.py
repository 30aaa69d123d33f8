"""What can go wrong between a client and the server (manual 6.2, 6.3), and the causes of it in plain words.

Raised by connection.py and events.py; whoever writes a script catches ClientError, or one of its kinds.
"""

import ssl
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from lteims.errors import LteimsError

Answer = dict[str, Any]


class ClientError(LteimsError):
    """What went wrong between us and the server; the text says what and where."""


class NotConnected(ClientError):
    """The server is not there, refuses the connection, or has gone away."""


class LoginError(ClientError):
    """The server wants a password, or another one."""


class CallError(ClientError):
    """An answer with `error`."""

    def __init__(self, answer: Answer) -> None:
        """`answer` is the whole of it."""
        super().__init__(f"{answer.get('message', 'request')}: {answer['error']}")
        self.answer = answer


def reason(error: BaseException, secure: bool) -> str:
    """Why a connection could not be made, or ended, in words that say what to do."""
    tls = "it may not use TLS" if secure else "it may want TLS"
    match error:
        case TimeoutError():
            return f"it does not answer; {tls}"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS: {error.reason or error}; {tls}"
        case ConnectionRefusedError():
            return "nobody listens there: does the server run, and has its configuration this com_addr?"
        case InvalidStatus():
            body = (error.response.body or b"").decode("utf-8", "replace").strip()
            return f"refused with {error.response.status_code} {error.response.reason_phrase}: {body[:200]}"
        case ConnectionClosed():
            if isinstance(error.__cause__, ssl.SSLError):
                return f"TLS: {error.__cause__.reason or error.__cause__}; it may want a client certificate"
            closed = error.rcvd
            return f"the server closed it ({closed.code} {closed.reason})" if closed else "the server went away"
        case InvalidHandshake() | EOFError() if secure:
            return "TLS is agreed on, but nothing answers: it may want a client certificate, or another one"
        case InvalidHandshake() | EOFError():
            return f"what answers there is no WebSocket server, or {tls}"
        case OSError():
            return error.strerror or str(error) or f"it ends the connection; {tls}"
        case _:
            return str(error)
