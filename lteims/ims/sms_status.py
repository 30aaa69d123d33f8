"""Status reports of the service centre (TS 23.040 9.2.2.3), and the moments that its messages name.

sms_delivery.py makes one when a message has come to its end and its sender asked for it, or by SMS-COMMAND.
"""

import math
from typing import Final

from lteims.ims.sms_store import StoredSms
from lteims.sms.address import Address
from lteims.sms.cause import TpStatus
from lteims.sms.octets import Reader
from lteims.sms.timestamp import Timestamp
from lteims.sms.tpdu import SmsStatusReport

EARLIEST: Final = 946684800.0  # 1 January 2000
LATEST: Final = 3786911999.0  # 31 December 2089
FOR_EVER: Final = math.inf  # the validity of what its sender gives none: sms_expires alone ends it


def stamp(seconds: float) -> Timestamp:
    """A moment of the wall clock; one that was set wrong stands in a year that has no two digits of its own."""
    return Timestamp.at(min(max(seconds, EARLIEST), LATEST))


def receiver_of(message: StoredSms) -> Address:
    """TP-RA in the report of a message: TP-DA as its sender gave it."""
    return Address.parse(Reader(message.tp_da), "TP-RA")


def status_report(
    id: str, impi: str, now: float, *, tp_mr: int, tp_ra: Address, received_at: int, tp_st: TpStatus, tp_srq: bool,
    once: bool,
) -> StoredSms:  # fmt: skip
    """The report as a message to the user who submitted under TP-MR; `tp_srq` marks the answer to a SMS-COMMAND."""
    report = SmsStatusReport(
        tp_mr=tp_mr, tp_ra=tp_ra, tp_scts=stamp(received_at), tp_dt=stamp(now), tp_st=tp_st, tp_srq=tp_srq
    )
    return StoredSms(
        id=id, impi=impi, impu_key="", tpdu=report.encode(), received_at=int(now), expires_at=now + FOR_EVER,
        sender=str(tp_ra), once=once,
    )  # fmt: skip
