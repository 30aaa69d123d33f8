"""The VLR of the phones that get short messages by SGs (TS 29.118, TS 23.272 8.2): which message is what procedure.

net/sgsap.py brings MMEs and their messages; the gateway sees a `Transport`. What is known is not kept over a restart:
each MME is told so when it connects (5.7.2), and its phones come again.
"""

import asyncio
from collections.abc import Sequence

from lteims import counters
from lteims.config import ImsConfig
from lteims.ims.sgs_mme import Mme, MmeLink, Mmes, vlr_name
from lteims.ims.sgs_phones import Phones
from lteims.ims.sgs_transaction import Delivery, Gateway
from lteims.ims.sgs_users import SgsUsers
from lteims.ims.sms_transport import OnEnd, Parcel, Sent, Transports
from lteims.ims.subscribers import Subscribers
from lteims.net.timers import TimerWheel
from lteims.sgsap import reset
from lteims.sgsap.association import State, Timings
from lteims.sgsap.cause import RejectCause, SgsCause, name
from lteims.sgsap.message import (
    AlertAck,
    AlertReject,
    EpsDetachAck,
    EpsDetachIndication,
    ImsiDetachAck,
    ImsiDetachIndication,
    LocationUpdateReject,
    LocationUpdateRequest,
    Message,
    MoCsfbIndication,
    PagingReject,
    ReleaseRequest,
    ResetAck,
    ResetIndication,
    ServiceRequest,
    Status,
    TmsiReallocationComplete,
    UeActivityIndication,
    UeUnreachable,
    UplinkUnitdata,
    status,
    title,
)
from lteims.trace import IMS, INFO, log

_OF_PHONES = (
    AlertAck, AlertReject, MoCsfbIndication, PagingReject, ServiceRequest, Status, TmsiReallocationComplete,
    UeActivityIndication, UeUnreachable, UplinkUnitdata,
)  # fmt: skip


class Sgs:
    """The VLR, and the transport that it is."""

    def __init__(
        self,
        config: ImsConfig,
        gateway: Gateway,
        transports: Transports,
        subscribers: Subscribers,
        wheel: TimerWheel,
        loop: asyncio.AbstractEventLoop,
        *,
        timings: Timings | None = None,
        reset_timings: reset.Timings | None = None,
    ) -> None:
        self._config = config
        self._transports = transports
        self._users = SgsUsers(subscribers)
        self._mmes = Mmes(vlr_name(config.domain), wheel, loop, reset_timings or reset.Timings(), self._follow)
        self._phones = Phones(config, gateway, self._users, self._mmes, wheel, loop, timings or Timings())

    def _follow(self, mme: Mme) -> None:
        self._phones.follow(mme)

    # -- what others ask
    def rows(self) -> Sequence[Sequence[str]]:
        """For the monitor: name, address and number of phones of each MME that is connected."""
        return self._mmes.rows()

    def associated(self, imsi: str) -> bool:
        """Does an MME serve this phone, as far as is known?"""
        phone = self._phones.by_imsi.get(imsi)
        return phone is not None and phone.association.state is State.ASSOCIATED

    def send(self, parcel: Parcel, on_end: OnEnd) -> Sent | None:
        """sms_transport.Transport."""
        imsi = parcel.subscriber.user.imsi
        contact = f"sgs:{imsi}"
        phone = self._phones.by_imsi.get(imsi)
        if phone is None or phone.mme.link is None or contact in parcel.tried or not phone.association.reaches:
            return None
        self._phones.deliver(phone, Delivery(parcel.subscriber.impi, contact, parcel.rp_data(), parcel.more, on_end))
        return Sent(contact)

    # -- from the driver
    def connected(self, link: MmeLink) -> None:
        """An MME has connected."""
        self._transports.sgs = self
        self._mmes.connected(link)

    def lost(self, link: MmeLink) -> None:
        """A link has ended."""
        if link not in self._mmes:
            return
        self._mmes.lost(link)
        if not self._mmes:
            self._transports.sgs = None

    def received(self, link: MmeLink, message: Message) -> None:
        """A message of an MME."""
        if link not in self._mmes:
            return
        match message:
            case LocationUpdateRequest():
                self._on_location_update(link, message)
            case EpsDetachIndication() | ImsiDetachIndication():
                self._on_detach(link, message)
            case ResetIndication(mme_name=str()):
                self._on_reset(link, message)
            case ResetIndication():
                self._refuse(link, message, SgsCause.CONDITIONAL_INFORMATION_ELEMENT_ERROR)
            case ResetAck():
                self._mmes.acknowledged(link, message)
            case Status(None, cause):
                log(IMS, INFO, f"MME at {link.address} refuses a message: {name(SgsCause, cause)}")
            case _ if isinstance(message, _OF_PHONES):
                self._on_phone(link, message)
            case _:  # a VLR sends such, and does not get it
                self._refuse(link, message, SgsCause.MESSAGE_UNKNOWN)

    # -- the procedures
    def _on_location_update(self, link: MmeLink, request: LocationUpdateRequest) -> None:
        users = self._users.of(request.imsi)
        if users:
            self._phones.come(users[0], self._mmes.named(link, request.mme_name), request)
        else:  # nothing is kept of whom we do not know
            self._reject(link, request)

    def _reject(self, link: MmeLink, request: LocationUpdateRequest) -> None:
        """An external HSS is asked when a user registers by SIP: until then its phone may try again.

        "IMSI unknown" makes it give short messages up until it is switched off (TS 24.301 5.5.1.3.4.3).
        """
        counters.inc("sgs_rejected")
        ours = not self._config.cx_server_addr
        cause = RejectCause.IMSI_UNKNOWN_IN_HLR if ours else RejectCause.NETWORK_FAILURE
        why = "" if ours else "; of the HSS's users those who have registered by SIP are known"
        log(
            IMS, INFO, f"IMSI {request.imsi} is unknown: its location update by {request.mme_name} is rejected{why}"
        )  # fmt: skip
        link.send(LocationUpdateReject(request.imsi, cause, request.new_lai))

    def _on_detach(self, link: MmeLink, message: EpsDetachIndication | ImsiDetachIndication) -> None:
        """A detach is acknowledged whoever it is (5.4.3, 5.5.3, 5.6.3); it ends an association with this MME alone."""
        counters.inc("sgs_detached")
        self._mmes.known(link, message.mme_name)  # one that has come back may begin with this
        phone = self._phones.by_imsi.get(message.imsi)
        if phone is not None and phone.mme.link is link:
            self._phones.tell(phone, message)
        elif isinstance(message, EpsDetachIndication):
            link.send(EpsDetachAck(message.imsi))
        else:
            link.send(ImsiDetachAck(message.imsi))

    def _on_reset(self, link: MmeLink, message: ResetIndication) -> None:
        """5.8.3: what this MME has told of its phones is not to be relied upon any more."""
        assert message.mme_name is not None
        counters.inc("sgs_reset")
        mme = self._mmes.named(link, message.mme_name)
        log(IMS, INFO, f"MME {mme.name} was reset; it had {len(mme.phones)} phones")
        self._phones.doubt(mme)
        link.send(ResetAck(vlr_name=self._mmes.vlr_name))

    def _on_phone(self, link: MmeLink, message: Message) -> None:
        imsi = getattr(message, "imsi")  # noqa: B009 - all of them have one
        phone = self._phones.by_imsi.get(imsi)
        users = self._users.of(imsi)
        if phone is not None and phone.mme.link is link:
            if users:
                phone.subscriber = users[0]  # the HSS may have made it another since the phone came
                self._phones.tell(phone, message)
                return
            self._phones.tell(phone, Status(imsi, SgsCause.IMSI_UNKNOWN, b""))  # its user has gone: so does the phone
        counters.inc("sgs_unexpected")
        match message:
            case UplinkUnitdata() | ServiceRequest():  # 5.11.3, 5.12.3: let the phone come again
                cause = SgsCause.IMSI_DETACHED_FOR_NON_EPS_SERVICES if users else SgsCause.IMSI_UNKNOWN
                link.send(ReleaseRequest(imsi, cause))
            case Status():
                log(IMS, INFO, f"MME at {link.address} refuses a message for {imsi}, who is not there any more")
            case _ if not users:
                link.send(status(SgsCause.IMSI_UNKNOWN, message.encode(), imsi))

    def _refuse(self, link: MmeLink, message: Message, cause: SgsCause) -> None:
        counters.inc("sgs_unexpected")
        log(IMS, INFO, f"{title(message.TYPE)} of the MME at {link.address} refused: {name(SgsCause, cause)}")
        link.send(status(cause, message.encode(), getattr(message, "imsi", "") or ""))
