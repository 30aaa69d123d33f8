"""What this server can: its methods and extensions, and the refusal of what asks for others (RFC 3261 8.2, 16.3, 20.5).

pcscf.py checks every request here; whoever answers in a call shows it to the phones.
"""

from typing import Final

from lteims.sip.errors import SipError
from lteims.sip.message import Request

ALLOW: Final = "REGISTER, SUBSCRIBE, INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE"
OPTION_TAGS: Final = frozenset({"path"})  # what we carry out ourselves when a Require asks for it
EXTENSIONS: Final = frozenset({"100rel", "precondition", "timer", "199"})  # the same, in a call
CALL_METHODS: Final = frozenset({"INVITE", "PRACK", "UPDATE"})  # a Require of these may ask for the EXTENSIONS
SEC_AGREE: Final = frozenset({"sec-agree"})  # the same, where there is IPsec
NO_TAGS: Final[frozenset[str]] = frozenset()


def tags_of(request: Request) -> list[str]:
    """The option tags that a request knows of."""
    return request.words("supported") + request.words("require")


def check_extensions(request: Request, more: frozenset[str] = NO_TAGS) -> None:
    """RFC 3261 8.2.2.3 and 16.3: Max-Forwards, Require, Proxy-Require, body type; `more` are tags known besides."""
    headers = request.headers
    if "max-forwards" in headers and request.method != "REGISTER" and request.number("max-forwards") == 0:
        raise SipError(483, "Max-Forwards is 0")
    if "require" in headers or "proxy-require" in headers:
        wanted = request.tokens("require") + request.tokens("proxy-require")
        known = OPTION_TAGS | EXTENSIONS if request.method in CALL_METHODS else OPTION_TAGS
        unknown = [tag for tag in wanted if tag not in known and tag not in more]
        if unknown:
            raise SipError(420, f"Require: {', '.join(unknown)}", {"unsupported": ", ".join(unknown)})
    encoding = request.get("content-encoding")
    if encoding and encoding.lower() != "identity":
        raise SipError(415, f"Content-Encoding {encoding[:40]}", {"accept-encoding": "identity"})


def not_allowed(request: Request) -> SipError:
    """405 with Allow (RFC 3261 8.2.1)."""
    return SipError(405, f"method {request.method[:40]}", {"allow": ALLOW})
