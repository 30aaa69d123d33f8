"""The service centre's store (TS 23.040 3, 23.204): a message is on disk before anybody hears that it was taken.

ipsmgw.py hands in what phones, softphones, the remote API and the monitor send; from here on sms_delivery.py has it.
"""

from dataclasses import dataclass

from lteims.clock import WallClock
from lteims.config import ImsConfig
from lteims.ims.sms_delivery import ONE_TRY, SmsDelivery
from lteims.ims.sms_status import FOR_EVER, stamp
from lteims.ims.sms_store import MOST_WAITING, SmsStore, StoredSms
from lteims.ims.subscribers import Impu, Subscriber
from lteims.sms import tpdu
from lteims.sms.address import Address
from lteims.sms.cause import RpCause, TpFcs, TpStatus
from lteims.sms.errors import SmsError
from lteims.sms.userdata import UserData
from lteims.store.state import StoreError
from lteims.trace import ERROR, IMS, INFO, log


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A message to be stored and forwarded; `parts` are delivered in this order."""

    receiver: Subscriber
    impu: Impu | None
    sender: Address
    parts: list[UserData]
    validity: float = FOR_EVER  # seconds; `sms_expires` is the most, and what has none is tried once
    tp_pid: int = 0
    as_told: bool = False  # an operator's TP-UDL stands, whether it fits or not
    sos: bool = False
    once: bool = False  # a single try
    received: float | None = None  # when; None is now
    # of a phone's message: whose it is, by IMPI, and what its status report needs
    origin: str = ""
    tp_srr: bool = False
    tp_mr: int = 0
    tp_da: Address | None = None
    tp_rp: bool = False


class ServiceCentre:
    """Takes messages."""

    def __init__(self, config: ImsConfig, store: SmsStore, delivery: SmsDelivery, wall: WallClock) -> None:
        self._config = config
        self._store = store
        self._delivery = delivery
        self._wall = wall

    async def submit(self, submission: Submission) -> list[str]:
        """Store a message and begin to deliver it; the ids of its parts. They are on disk when this returns.

        SmsError where they cannot be stored or too many wait already, and then nothing of them is kept.
        """
        impi = submission.receiver.impi
        if self._store.count(impi) + len(submission.parts) > MOST_WAITING:
            raise SmsError(f"too many messages wait for {impi}", RpCause.CONGESTION, tp_fcs=TpFcs.SC_BUSY)
        stored = self._stored(submission)
        for message in stored:
            self._store.add(message)
        try:
            await self.commit()
        except SmsError:
            for message in stored:
                self._store.remove(message.id)
            self._delivery.save()
            raise
        if IMS.level >= INFO:
            ids = ", ".join(message.id for message in stored)
            log(IMS, INFO, f"short message {ids} from {submission.sender} to {submission.receiver.impi} taken")
        for message in stored:
            self._delivery.queue_up(submission.receiver, message)
        return [message.id for message in stored]

    def _stored(self, submission: Submission) -> list[StoredSms]:
        now = self._wall() if submission.received is None else submission.received
        once = min(submission.validity, self._config.sms_expires) <= 0
        expires_at = now + (submission.validity if submission.validity > 0 else ONE_TRY)
        tp_da = submission.tp_da.encode() if submission.tp_da is not None else b""
        stored = []
        for part in submission.parts:
            deliver = tpdu.SmsDeliver(
                tp_oa=submission.sender, tp_scts=stamp(now), tp_udl=part.tp_udl, tp_ud=part.tp_ud, tp_dcs=part.tp_dcs,
                tp_udhi=part.tp_udhi, tp_pid=submission.tp_pid, tp_rp=submission.tp_rp, tp_sri=submission.tp_srr,
            )  # fmt: skip
            stored.append(
                StoredSms(
                    id=self._store.new_id(), impi=submission.receiver.impi,
                    impu_key=submission.impu.key if submission.impu is not None else "",
                    tpdu=deliver.octets() if submission.as_told else deliver.encode(),
                    received_at=int(now), expires_at=expires_at,
                    sender=str(submission.sender), sos=submission.sos, once=submission.once or once,
                    origin=submission.origin, tp_srr=submission.tp_srr, tp_mr=submission.tp_mr, tp_da=tp_da,
                )
            )  # fmt: skip
        return stored

    async def commit(self) -> None:
        """Bring what was changed to the disk; SmsError where that cannot be."""
        try:
            await self._store.commit()
        except StoreError as error:
            log(IMS, ERROR, f"a short message could not be stored: {error}")
            raise SmsError(
                "the state file cannot be written, see the log",
                RpCause.NETWORK_OUT_OF_ORDER,
                tp_fcs=TpFcs.SC_SYSTEM_FAILURE,
            ) from None

    def flush(self, impi: str) -> int:
        """Forget all messages that wait for a user; their number."""
        waiting = self._store.of(impi)
        for message in waiting:
            self._delivery.drop(message, TpStatus.DELETED_BY_SC_ADMINISTRATION)
        if waiting:
            self._delivery.save()
        return len(waiting)
