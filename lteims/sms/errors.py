"""The error of sms/: why a message is refused, with the cause of each layer for the answer (floor 1).

Raised by every `parse` and `encode` of this package; smr.py, smc.py and ims/ipsmgw.py turn it into RP-ERROR,
CP-ERROR and SMS-SUBMIT-REPORT (TS 24.011 9, TS 23.040 9.2.2.2a).
"""

from lteims.errors import ProtocolError
from lteims.sms.cause import CpCause, RpCause, TpFcs
from lteims.sms.ti import Ti


class SmsError(ProtocolError):
    """A TPDU, RPDU or CP message cannot be used.

    `rp_cause` and `tp_fcs` are what RP-ERROR and the report in it should say, `cp_cause` what CP-ERROR should say.
    `rp_mr` and `ti` are the reference and transaction to answer; where `rp_mr` is None (or `ti`, for CP) the message
    was too short to have one, or is no message that may be answered, and is to be ignored.
    """

    def __init__(
        self,
        why: str,
        rp_cause: RpCause = RpCause.INVALID_MANDATORY_INFORMATION,
        *,
        tp_fcs: TpFcs = TpFcs.UNSPECIFIED_ERROR_CAUSE,
        cp_cause: CpCause = CpCause.INVALID_MANDATORY_INFORMATION,
        rp_mr: int | None = None,
        ti: Ti | None = None,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.rp_cause = rp_cause
        self.tp_fcs = tp_fcs
        self.cp_cause = cp_cause
        self.rp_mr = rp_mr
        self.ti = ti


class Unencodable(SmsError):
    """A text has characters that the GSM 7 bit default alphabet lacks: `characters`, each once, in their order."""

    def __init__(self, characters: str) -> None:
        super().__init__(
            f"not in the GSM 7 bit default alphabet: {characters!r}", tp_fcs=TpFcs.UNSPECIFIED_TP_DCS_ERROR
        )
        self.characters = characters
