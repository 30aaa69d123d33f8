"""MM INFORMATION for phones on LTE: the name that they show for their network (TS 24.008 9.2.15a, TS 29.118 5.10).

sgs_phones.py sends it by SGs, where `network_name` is set.
"""

from typing import Final

from lteims.sms import gsm7
from lteims.sms.errors import SmsError

_FULL_NAME, _SHORT_NAME = 0x43, 0x45  # TS 24.008 table 9.2.18
_EXTENSION: Final = 0x80
_UCS2: Final = 0x10  # coding scheme; 0 is the default alphabet of TS 23.038


def network_name(name: str) -> bytes:
    """The elements with a name of at most 60 characters, in full and in short: each phone shows which it likes."""
    value = _value(name)
    return b"".join(bytes((iei, len(value))) + value for iei in (_FULL_NAME, _SHORT_NAME))


def _value(name: str) -> bytes:
    """TS 24.008 10.5.3.5a."""
    try:
        septets = gsm7.encode(name)
    except SmsError:
        return bytes((_EXTENSION | _UCS2,)) + name.encode("utf-16-be")
    return bytes((_EXTENSION | len(septets) % 8,)) + gsm7.pack(septets)  # as many bits are spare
