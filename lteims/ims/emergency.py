"""Emergency calls at the P-CSCF (TS 24.229 5.2.10, TS 23.167, RFC 5031): who answers one, when a phone is told 380.

What the operator configured always wins: an echo number or IMPU with the number dialled, or with the longest known
prefix of the service URN, takes the call over whatever registration it comes. Only where there is none:
- 112 or 911 over an emergency registration, or of an unregistered phone, goes to urn:service:sos if that is open to it;
- over an ordinary registration it is one that the phone did not recognise (5.2.10.4): 380, with the action
  emergency-registration if there is a urn:service:sos here to call afterwards, and without it if not, so that the
  phone tries another domain (5.1.2A.1.5);
- a urn:service:sos of which nothing is known: 380 without the action.
An emergency registration may be used for ordinary calls too; a network would refuse them with 403. Called by pcscf.py.
"""

from lteims.config import ImpuConfig
from lteims.ims.caller import Caller
from lteims.ims.icscf import Destination, Echo, Registered, Unknown, Unregistered
from lteims.ims.identity import SOS
from lteims.sip.errors import SipError
from lteims.sip.message import Response
from lteims.sip.uri import parse_uri

SERVICE = parse_uri(SOS)
BODY_TYPE = "application/3gpp-ims+xml"
_REASON = "this is an emergency number: call it as one"
UNPROVEN = ImpuConfig(impu=SOS, authentication=False)  # a 380 tells nothing that would need a proof first
_BODY = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n<ims-3gpp version="1"><alternative-service><type>emergency</type>'
    "<reason>{reason}</reason>{action}</alternative-service></ims-3gpp>\r\n"
)
_ACTION = "<action>emergency-registration</action>"


class AlternativeService(SipError):
    """380: the call has to be made as an emergency call (TS 24.229 5.2.10.4, 7.6)."""

    def __init__(self, why: str, *, register: bool) -> None:
        """`register`: the phone shall register for emergency and call here again."""
        super().__init__(380, why)
        self.register = register

    def complete(self, response: Response, pcscf: str) -> None:
        """Fill in the 380. `pcscf` is our URI as the phone knows it from Path: without it no phone believes this."""
        response.headers["p-asserted-identity"] = [pcscf]
        response.headers["content-type"] = [BODY_TYPE]
        response.headers["content-disposition"] = ["3gpp-alternative-service"]
        response.body = _BODY.format(reason=_REASON, action=_ACTION if self.register else "").encode()


def options_of(destination: Destination) -> ImpuConfig | None:
    """What the number called says of its callers: `anonymous` and `authentication`.

    An IMPU of a phone counts as the echo's do if it is open to everybody: an emergency centre with a phone. Without
    `anonymous` its `authentication` is about its own requests, and says nothing of its callers.
    """
    match destination:
        case Echo(_, config):
            return config
        case Registered(_, impu, _) | Unregistered(_, impu) if impu.config.anonymous:
            return impu.config
    return None


def check(caller: Caller, service: Destination, dialled: str) -> None:
    """May this caller be brought to the service by a number that is not configured? AlternativeService if not."""
    registered = caller.subscriber is not None and not (caller.binding is not None and caller.binding.sos)
    if registered or isinstance(service, Unknown):
        known = not isinstance(service, Unknown)
        why = f"{caller.name} calls {dialled[:80]}" + ("" if known else ", and no urn:service:sos is configured")
        raise AlternativeService(why, register=known)
