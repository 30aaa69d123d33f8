"""A multimedia message before it is taken: what M-Send.req, M-Forward.req and the operator have in common.

mms.py makes drafts of PDUs, mms_control.py one of a file; `stored` checks one and makes the message to be kept of it.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b

from lteims.ids import Tokens
from lteims.ims.mms_directory import Directory, Party
from lteims.ims.mms_store import Copy, StoredMms
from lteims.mm1.content_type import ContentType
from lteims.mm1.errors import MmsError, ResponseStatus
from lteims.mm1.fields import SenderVisibility, When
from lteims.mm1.pdu import MForwardReq, MSendReq

_TOKEN_OCTETS = 16  # which nobody guesses; 22 characters
_NAMED = 3  # receivers that an error names
_LONGEST_ADDRESS = 312  # characters; it stands in each notification and report
_LONGEST_CLASS = 40
_LONGEST_SUBJECT = 1000  # it and the content type stay in memory with the message
_LONGEST_TYPE = 1000  # octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message to be taken."""

    sender: Party
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    content_type: ContentType
    body: bytes
    date: int | None = None
    subject: str = ""
    message_class: str = ""
    priority: int | None = None
    expiry: When | None = None
    delivery_time: When | None = None
    delivery_report: bool = False
    read_report: bool = False
    hidden: bool = False
    sos: bool = False
    previously_by: tuple[tuple[int, str], ...] = ()
    previously_at: tuple[tuple[int, int], ...] = ()
    fingerprint: bytes = b""


def sent(pdu: MSendReq, sender: Party, fingerprint: bytes) -> Draft:
    """What a client submits."""
    return Draft(
        sender=sender, to=pdu.to, cc=pdu.cc, bcc=pdu.bcc, content_type=pdu.content_type, body=pdu.body, date=pdu.date,
        subject=pdu.subject, message_class=pdu.message_class, priority=pdu.priority, expiry=pdu.expiry,
        delivery_time=pdu.delivery_time, delivery_report=bool(pdu.delivery_report), read_report=bool(pdu.read_report),
        hidden=pdu.sender_visibility is SenderVisibility.HIDE, fingerprint=fingerprint,
    )  # fmt: skip


def forwarded(
    pdu: MForwardReq, sender: Party, fingerprint: bytes, message: StoredMms, body: bytes, now: float
) -> Draft:  # fmt: skip
    """What a client passes on without having fetched it; it says through whose hands it has gone."""
    times = len(message.previously_at) + 1
    hands = ((times, message.shown),) if message.shown else ()
    return Draft(
        sender=sender, to=pdu.to, cc=pdu.cc, bcc=pdu.bcc, content_type=ContentType.parse(message.content_type),
        body=body, date=pdu.date, subject=message.subject, message_class=message.message_class,
        priority=message.priority, expiry=pdu.expiry, delivery_time=pdu.delivery_time,
        delivery_report=bool(pdu.delivery_report), read_report=bool(pdu.read_report), fingerprint=fingerprint,
        previously_by=(*message.previously_by, *hands),
        previously_at=(*message.previously_at, (times, message.date or int(now))),
    )  # fmt: skip


def fingerprint_of(peer: str, data: bytes) -> bytes:
    """What a request that comes once more, because its answer was lost, has in common with the first one."""
    return blake2b(data, digest_size=16, key=peer.encode()[:64]).digest()


def stored(draft: Draft, directory: Directory, tokens: Tokens, now: float, most: float) -> StoredMms:
    """The message of a draft, to be kept for at most `most` seconds. MmsError says why it cannot be taken."""
    _check_lengths(draft)
    copies = _copies(draft, directory, tokens)
    expires_at = now + most
    if draft.expiry is not None:
        expires_at = min(expires_at, draft.expiry.at(now))
    notify_at = draft.delivery_time.at(now) if draft.delivery_time is not None else 0.0
    if expires_at <= max(now, notify_at):
        raise MmsError("it expires before it can be delivered", ResponseStatus.ERROR_PERMANENT_FAILURE)
    sender = draft.sender
    return StoredMms(
        id=_token(tokens), shown="" if draft.hidden else sender.shown, sender=sender.shown,
        sender_impi=sender.subscriber.impi if sender.subscriber is not None else "",
        sender_key=sender.impu.key if sender.impu is not None else "",
        to=draft.to, cc=draft.cc, date=int(now) if draft.date is None else draft.date, expires_at=expires_at,
        content_type=draft.content_type.encode(), size=len(draft.body), copies=copies, fingerprint=draft.fingerprint,
        notify_at=notify_at, subject=draft.subject, message_class=draft.message_class or "personal",
        priority=draft.priority, delivery_report=draft.delivery_report, read_report=draft.read_report,
        previously_by=draft.previously_by, previously_at=draft.previously_at, sos=draft.sos,
    )  # fmt: skip


def _check_lengths(draft: Draft) -> None:
    """What notifications and reports repeat is short, and so is what stays in memory."""
    receivers = (("the address of a receiver", each, _LONGEST_ADDRESS) for each in (*draft.to, *draft.cc, *draft.bcc))
    for what, value, longest in (
        ("the sender's address", draft.sender.shown, _LONGEST_ADDRESS),
        ("the message class", draft.message_class, _LONGEST_CLASS),
        ("the subject", draft.subject, _LONGEST_SUBJECT),
        *receivers,
    ):
        if len(value) > longest:
            raise MmsError(f"{what} has {len(value)} characters, {longest} are the most")
    octets = len(draft.content_type.encode())
    if octets > _LONGEST_TYPE:
        raise MmsError(f"the content type has {octets} octets, {_LONGEST_TYPE} are the most")


def _copies(draft: Draft, directory: Directory, tokens: Tokens) -> list[Copy]:
    """One for each receiver, who may be named twice; if one of them is nobody, the message goes to none."""
    found: dict[tuple[str, str], Copy] = {}
    faults: list[MmsError] = []
    for address in (*draft.to, *draft.cc, *draft.bcc):
        try:
            subscriber, impu = directory.receiver(address)
        except MmsError as error:
            faults.append(error)
            continue
        found.setdefault(
            (subscriber.impi, impu.key),
            Copy(token=_token(tokens), impi=subscriber.impi, impu_key=impu.key, address=address),
        )
    if faults:
        more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        raise MmsError("; ".join(error.why for error in faults[:_NAMED]) + more, faults[0].status)
    return list(found.values())


def _token(tokens: Tokens) -> str:
    return urlsafe_b64encode(tokens.octets(_TOKEN_OCTETS)).rstrip(b"=").decode()
