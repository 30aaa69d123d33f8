"""SMS-COMMAND (TS 23.040 3.2.9, 9.2.3.19): what a phone wants to know or to change of messages that it has submitted.

ipsmgw.py hands commands in, and commits what they change before they are acknowledged.
"""

from lteims.ims.sms_delivery import SmsDelivery
from lteims.ims.sms_store import SmsStore, StoredSms
from lteims.sms.cause import RpCause, TpCommandType, TpFcs, TpStatus
from lteims.sms.errors import SmsError
from lteims.sms.tpdu import SmsCommand


def carry_out(
    command: SmsCommand, origin: str, receiver: str, store: SmsStore, delivery: SmsDelivery, now: float
) -> None:  # fmt: skip
    """Carry out a command of `origin` about its message under TP-MN to TP-DA, who is `receiver`, both by IMPI.

    SmsError where it cannot be carried out.
    """
    address = command.tp_da.encode()
    meant = [m for m in store.of(receiver) if m.origin == origin and m.tp_mr == command.tp_mn and m.tp_da == address]
    match command.tp_ct:
        case TpCommandType.ENQUIRY:
            status = TpStatus.STILL_TRYING_NO_RESPONSE_FROM_SME if meant else TpStatus.SM_DOES_NOT_EXIST
            since = meant[-1].received_at if meant else int(now)
            delivery.status_report(origin, command.tp_mr, command.tp_da, since, status, tp_srq=True)
        case TpCommandType.DELETE_PREVIOUSLY_SUBMITTED_SM:
            for message in _some(meant, command):
                delivery.drop(message, TpStatus.DELETED_BY_ORIGINATING_SME)
        case TpCommandType.CANCEL_STATUS_REPORT_REQUEST | TpCommandType.ENABLE_STATUS_REPORT_REQUEST as what:
            for message in _some(meant, command):
                message.tp_srr = what == TpCommandType.ENABLE_STATUS_REPORT_REQUEST
                store.add(message)
        case _:
            raise SmsError(
                f"TP-CT {command.tp_ct}", RpCause.REQUESTED_FACILITY_NOT_IMPLEMENTED, tp_fcs=TpFcs.COMMAND_UNSUPPORTED
            )


def _some(meant: list[StoredSms], command: SmsCommand) -> list[StoredSms]:
    if not meant:
        raise SmsError(
            f"no message of TP-MR {command.tp_mn} to {command.tp_da} waits", RpCause.SHORT_MESSAGE_TRANSFER_REJECTED,
            tp_fcs=TpFcs.COMMAND_CANNOT_BE_ACTIONED,
        )  # fmt: skip
    return meant
