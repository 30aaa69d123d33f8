"""What a registered contact tells about the phone: IMEI and features (RFC 3840, RFC 5626, RFC 7254, GSMA IR.92).

Called by scscf.py when a binding is made.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from lteims.sip.headers import NameAddr

MMTEL: Final = "urn:urn-7:3gpp-service.ims.icsi.mmtel"
_IMEI: Final = re.compile(r"urn:(?:gsma:)?imei:([0-9-]{14,20})", re.IGNORECASE)


@dataclass(init=False, slots=True)
class Features:
    """What the phone says that it can."""

    sms: bool  # SMS over IP: +g.3gpp.smsip (TS 24.341)
    volte: bool  # MMTEL as ICSI (IR.92 2.2.4)
    video: bool

    def __init__(self, sms: bool, volte: bool, video: bool) -> None:
        self.sms = sms
        self.volte = volte
        self.video = video


def features_of(contact: NameAddr) -> Features:
    """Read the feature parameters of a Contact."""
    params = contact.params
    reference = params.get("+g.3gpp.icsi-ref")
    icsi = unquote(reference).lower() if reference else ""
    return Features("+g.3gpp.smsip" in params, MMTEL in icsi, "video" in params)


def imei_of(instance: str) -> str:
    """The IMEI or IMEISV in a +sip.instance (RFC 7254), digits and hyphens as they came; "" where there is none."""
    match = _IMEI.search(instance)
    return match[1].strip("-") if match else ""
