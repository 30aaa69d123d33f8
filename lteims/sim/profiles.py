"""How phones differ, as data: header order and form, identities, offers, timers; one Profile for each family of phones.

The virtual phone asks its profile wherever real phones do not agree with each other; dialect.py writes by it. The
values follow public traces of such phones, not any of them to the letter.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from lteims.ipsec.sa import Aalg, Ealg
from lteims.ipsec.sec_agree import ClientProfile, Layout
from lteims.sim.errors import SimError
from lteims.sip.transaction import Timings

MMTEL = '+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'
SMS = "+g.3gpp.smsip"
LTE = "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010019B01"
AMR_WB = ("104 AMR-WB/16000/1", "mode-change-capability=2;max-red=0")
AMR = ("102 AMR/8000/1", "mode-change-capability=2;max-red=0")
EVENTS = (("105 telephone-event/16000", "0-15"), ("101 telephone-event/8000", "0-15"))
VOLTE = (AMR_WB, AMR, *EVENTS)
G711 = (("8 PCMA/8000", ""), ("0 PCMU/8000", ""), ("101 telephone-event/8000", "0-15"))
UE_TIMINGS = Timings(2.0, 16.0, 17.0)  # TS 24.229 7.7: between UE and P-CSCF


class From(StrEnum):
    """How a phone writes its number into From (TS 24.229 5.1.2A.1)."""

    SIP = "sip"  # the identity that it registered with
    TEL = "tel"
    PHONE_CONTEXT = "phone-context"  # sip:NUMBER;phone-context=DOMAIN@DOMAIN;user=phone


@dataclass(frozen=True, slots=True)
class Profile:
    """One family of phones. `order` lists headers that go first; a pair of `offers` without ealg leaves it out."""

    name: str
    user_agent: str
    order: tuple[str, ...] = ()
    compact: bool = False
    blank_after_comma: bool = True
    blank_after_colon: bool = True
    blank_after_display: bool = True
    tail: bytes = b""  # sent behind a body in a datagram, though Content-Length does not count it
    from_form: From = From.SIP
    display: str = ""
    features: tuple[str, ...] = (MMTEL, SMS)
    instance: bool = True
    sms: bool = True  # short messages as RPDUs; else as plain text
    empty_authorization: bool = True  # in the first REGISTER: TS 24.229 5.1.1.2.2
    security: ClientProfile | None = None  # how Security-Client is written; None: the phone has no IPsec
    register_supported: str = "path, sec-agree"
    supported: str = "100rel, precondition, timer"
    allow: str = "INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, MESSAGE, OPTIONS, NOTIFY, INFO, REFER"
    access: str = LTE
    codecs: tuple[tuple[str, str], ...] = VOLTE
    preconditions: bool = True
    prack_contact: bool = True
    prack_refresher: bool = False  # Session-Expires inside PRACK
    session_expires: int = 1800
    tcp_methods: frozenset[str] = frozenset()  # sent by TCP whatever the phone's transport is
    tcp_from: int = 1300  # octets from which a request goes by TCP (RFC 3261 18.1.1)
    timings: Timings = field(default=UE_TIMINGS)
    expires: int = 600000


_SHA1, _MD5 = Aalg.HMAC_SHA1_96, Aalg.HMAC_MD5_96
_SIX = tuple((alg, ealg) for ealg in (Ealg.AES_CBC, Ealg.DES_EDE3_CBC, Ealg.NULL) for alg in (_SHA1, _MD5))
_TERSE = Layout(("alg", "spi-c", "spi-s", "port-c", "port-s", "ealg"))

PLAIN = Profile(
    "plain",
    "lteims-ue",
    security=ClientProfile(((_SHA1, Ealg.AES_CBC), (_SHA1, Ealg.NULL), (_MD5, Ealg.NULL))),
    timings=Timings(),
)
SOFTPHONE = Profile(
    "softphone",
    "lteims-softphone",
    features=(),
    sms=False,
    empty_authorization=False,
    register_supported="path",
    supported="100rel, timer",
    access="",
    codecs=G711,
    preconditions=False,
    timings=Timings(),
    expires=3600,
)
SAMSUNG = Profile(
    "samsung",
    "SM-G991B Samsung IMS 6.0",
    order=("from", "to", "cseq", "call-id", "via", "max-forwards", "contact"),
    from_form=From.TEL,
    security=ClientProfile(_SIX, comma=", "),
    supported="100rel,histinfo,join,norefersub,precondition,replaces,timer",
    allow="ACK,BYE,CANCEL,INFO,INVITE,MESSAGE,NOTIFY,OPTIONS,PRACK,REFER,UPDATE",
    features=(MMTEL, SMS, "audio"),
    prack_refresher=True,
)
SAMSUNG_LOCAL = Profile(
    "samsung-local",
    "SM-A536B Samsung IMS 5.0",
    order=SAMSUNG.order,
    from_form=From.PHONE_CONTEXT,
    security=ClientProfile(_SIX, comma=", "),
    supported=SAMSUNG.supported,
    allow=SAMSUNG.allow,
    features=SAMSUNG.features,
    prack_refresher=True,
)
HUAWEI = Profile(
    "huawei",
    "IM-client/OMA1.0 HW-Rto/V1.0",
    order=("from", "via", "to", "call-id", "cseq", "max-forwards"),
    blank_after_comma=False,
    blank_after_colon=False,
    blank_after_display=False,
    from_form=From.TEL,
    display="0600000123",
    security=ClientProfile(((_MD5, Ealg.NULL), (_SHA1, Ealg.NULL), (_SHA1, Ealg.AES_CBC)), _TERSE, null_left_out=True),
    register_supported="path,gruu,sec-agree",
    supported="100rel,timer,precondition,gruu",
    features=(MMTEL, SMS, "audio"),
    prack_contact=False,
    expires=7200,
)
LG = Profile(
    "lg",
    "LGE-IMS V1.0",
    order=("call-id", "cseq", "from", "to", "via"),
    register_supported="path, outbound,  gruu ,",
    features=(MMTEL, SMS, "+g.3gpp.mid-call", "explicit"),
    from_form=From.SIP,
    tail=b"\r\n",
)
SPREADTRUM = Profile(
    "spreadtrum",
    "SPRD VoLTE",
    order=("via", "max-forwards", "from", "to"),
    compact=True,
    security=ClientProfile(((_MD5, Ealg.NULL), (_MD5, Ealg.AES_CBC), (_SHA1, Ealg.DES_EDE3_CBC)), split=True),
    features=(MMTEL, SMS),
    prack_contact=False,
)
IPHONE = Profile(
    "iphone",
    "iOS/17.4 iPhone",
    order=("to", "from", "expires", "contact", "call-id", "via", "cseq"),
    security=ClientProfile(((_SHA1, Ealg.AES_CBC), (_MD5, Ealg.AES_CBC), (_SHA1, Ealg.NULL), (_MD5, Ealg.NULL))),
    from_form=From.TEL,
    features=(MMTEL, SMS),
    tcp_methods=frozenset({"INVITE", "SUBSCRIBE"}),
    tcp_from=1100,
)

PROFILES = {
    each.name: each for each in (PLAIN, SOFTPHONE, SAMSUNG, SAMSUNG_LOCAL, HUAWEI, LG, SPREADTRUM, IPHONE)
}  # fmt: skip


def profile_of(name: str) -> Profile:
    """The profile of this name; SimError lists the known ones."""
    found = PROFILES.get(name)
    if found is None:
        raise SimError(f"no profile {name!r}; there are {', '.join(PROFILES)}")
    return found
