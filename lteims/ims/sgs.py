"""The VLR of the phones that get short messages by SGs (TS 29.118, TS 23.272 8.2): MMEs, associations, paging.

net/sgsap.py brings MMEs and their messages; the gateway sees a `Transport`. What is known is not kept over a restart:
each MME is told so when it connects (5.7.2), and its phones come again.
"""

import asyncio
from collections.abc import Sequence

from lteims import counters
from lteims.config import ImsConfig
from lteims.ims.sgs_mme import Connected, Greeted, Mme, MmeLink, Phone, Timer, vlr_name
from lteims.ims.sgs_sms import Conversation
from lteims.ims.sgs_transaction import Around, Delivery, Gateway
from lteims.ims.sgs_users import SgsUsers
from lteims.ims.sms_transport import OnEnd, Outcome, Parcel, Sent, Transports
from lteims.ims.subscribers import Subscribers
from lteims.net.timers import TimerWheel
from lteims.sgsap import primitive as sgs
from lteims.sgsap import reset
from lteims.sgsap.association import Association, State, Timings
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
    PagingRequest,
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
from lteims.sms import rp
from lteims.sms.octets import Direction
from lteims.trace import IMS, INFO, WARN, log

AFTER_UPDATE = 0.5  # seconds from a location update to the first page, so that the attach is through
MOST_NAMES = 16  # MMEs behind one SCTP association
_ABSENT = frozenset({sgs.Why.ABSENT, sgs.Why.UNREACHABLE})
_OF_PHONES = (
    AlertAck, AlertReject, MoCsfbIndication, PagingReject, ServiceRequest, Status, TmsiReallocationComplete,
    UeActivityIndication, UeUnreachable, UplinkUnitdata,
)  # fmt: skip


class Sgs:
    """All of them, and the transport that they are."""

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
        self._gateway = gateway
        self._transports = transports
        self._users = SgsUsers(subscribers)
        self._wheel = wheel
        self._loop = loop
        self._timings = timings or Timings()
        self._reset_timings = reset_timings or reset.Timings()
        self._around = Around(config, gateway, self, wheel, loop)
        self._links: dict[MmeLink, Connected] = {}
        self._mmes: dict[str, Mme] = {}
        self._phones: dict[str, Phone] = {}
        self._greeted = Greeted()
        self._tmsi = int(loop.time() * 1000)  # others than before the last start
        self.vlr_name = vlr_name(config.domain)

    # -- what others ask
    def rows(self) -> Sequence[Sequence[str]]:
        """For the monitor: name, address and number of phones of each MME that is connected."""
        rows = []
        for link, connected in self._links.items():
            rows += [(mme.name, link.address, str(len(mme.phones))) for mme in connected.mmes]
            if not connected.mmes:
                rows.append(("-", link.address, "0"))
        return rows

    def associated(self, imsi: str) -> bool:
        """Does an MME serve this phone, as far as is known?"""
        phone = self._phones.get(imsi)
        return phone is not None and phone.association.state is State.ASSOCIATED

    def inform(self, imsi: str, mm_information: bytes) -> bool:
        """Show a phone a network name or time (TS 24.008 9.2.15a, the elements); False if it has no association."""
        if not self.associated(imsi):
            return False
        self._tell(self._phones[imsi], sgs.Inform(mm_information))
        return True

    def send(self, parcel: Parcel, on_end: OnEnd) -> Sent | None:
        """sms_transport.Transport."""
        imsi = parcel.subscriber.user.imsi
        contact = f"sgs:{imsi}"
        phone = self._phones.get(imsi)
        if phone is None or phone.mme.link is None or contact in parcel.tried or not phone.association.reaches:
            return None
        message = rp.parse(parcel.rp_data(), Direction.SC_TO_MS)
        assert isinstance(message, rp.RpData)
        delivery = Delivery(parcel.subscriber.impi, contact, message, parcel.more, on_end)
        self._conversation(imsi, phone).send(delivery)
        return Sent(contact)

    # -- from the driver
    def connected(self, link: MmeLink) -> None:
        """An MME has connected; one that was not there since our start hears of that start (5.7.2)."""
        connected = self._links[link] = Connected(self.vlr_name, self._reset_timings)
        self._transports.sgs = self
        log(IMS, INFO, f"MME at {link.address} connected")
        if self._greeted.add(link.host):
            self._greet(link, connected)

    def lost(self, link: MmeLink) -> None:
        """A link has ended; the MME may come back and know its phones still."""
        connected = self._links.pop(link, None)
        if connected is None:
            return
        log(IMS, INFO, f"MME at {link.address} is gone")
        if not self._links:
            self._transports.sgs = None
        for mme in connected.mmes:
            self._unlink(mme)
            if not mme.phones:
                self._mmes.pop(mme.name, None)

    def received(self, link: MmeLink, message: Message) -> None:
        """A message of an MME."""
        connected = self._links.get(link)
        if connected is None:
            return
        match message:
            case LocationUpdateRequest():
                self._on_location_update(link, connected, message)
            case EpsDetachIndication() | ImsiDetachIndication():
                self._on_detach(link, connected, message)
            case ResetIndication(mme_name=str()):
                self._on_reset(link, connected, message)
            case ResetIndication():
                self._refuse(link, message, SgsCause.CONDITIONAL_INFORMATION_ELEMENT_ERROR)
            case ResetAck():
                if message.mme_name is not None:
                    self._mme(link, connected, message.mme_name)
                self._run_reset(link, connected, message)
            case Status(None, cause):
                log(IMS, INFO, f"MME at {link.address} refuses a message: {name(SgsCause, cause)}")
            case _ if isinstance(message, _OF_PHONES):
                self._on_phone(link, message)
            case _:  # a VLR sends such, and does not get it
                self._refuse(link, message, SgsCause.MESSAGE_UNKNOWN)

    # -- the procedures
    def _on_location_update(self, link: MmeLink, connected: Connected, request: LocationUpdateRequest) -> None:
        imsi = request.imsi
        users = self._users.of(imsi)
        if not users:  # nothing is kept of whom we do not know
            self._reject(link, request)
            return
        mme = self._mme(link, connected, request.mme_name)
        phone = self._phones.get(imsi)
        if phone is None:
            association = Association(imsi, self.vlr_name, self._timings)
            phone = self._phones[imsi] = Phone(association, users[0], mme, self._new_tmsi())
        elif phone.mme is not mme:
            self._end_conversation(phone)  # what is on its way goes to where the phone was
            phone.mme.phones.discard(imsi)
            phone.mme = mme
        phone.subscriber = users[0]
        mme.phones.add(imsi)
        self._tell(phone, request)

    def _reject(self, link: MmeLink, request: LocationUpdateRequest) -> None:
        """An external HSS is asked when a user registers by SIP: until then its phone may try again.

        "IMSI unknown" makes it give short messages up until it is switched off (TS 24.301 5.5.1.3.4.3).
        """
        counters.inc("sgs_rejected")
        ours = self._config.cx_server_addr is None
        cause = RejectCause.IMSI_UNKNOWN_IN_HLR if ours else RejectCause.NETWORK_FAILURE
        why = "" if ours else "; of the HSS's users those who have registered by SIP are known"
        log(
            IMS, INFO, f"IMSI {request.imsi} is unknown: its location update by {request.mme_name} is rejected{why}"
        )  # fmt: skip
        link.send(LocationUpdateReject(request.imsi, cause, request.new_lai))

    def _new_tmsi(self) -> int:
        """MMEs take a phone for one of ours only if it is given a TMSI; its top bits are 00 (TS 23.003 2.4)."""
        self._tmsi = (self._tmsi + 1) % (1 << 30)
        return self._tmsi

    def _on_detach(
        self, link: MmeLink, connected: Connected, message: EpsDetachIndication | ImsiDetachIndication
    ) -> None:  # fmt: skip
        """A detach is acknowledged whoever it is (5.4.3, 5.5.3, 5.6.3); it ends an association with this MME alone."""
        counters.inc("sgs_detached")
        phone = self._phones.get(message.imsi)
        if phone is not None and phone.mme.link is link:
            self._tell(phone, message)
        elif isinstance(message, EpsDetachIndication):
            link.send(EpsDetachAck(message.imsi))
        else:
            link.send(ImsiDetachAck(message.imsi))

    def _on_reset(self, link: MmeLink, connected: Connected, message: ResetIndication) -> None:
        """5.8.3: what this MME has told of its phones is not to be relied upon any more."""
        assert message.mme_name is not None
        counters.inc("sgs_reset")
        mme = self._mme(link, connected, message.mme_name)
        log(IMS, INFO, f"MME {mme.name} was reset; it had {len(mme.phones)} phones")
        for imsi in list(mme.phones):
            self._tell(self._phones[imsi], sgs.MmeReset())
        link.send(ResetAck(vlr_name=self.vlr_name))

    def _on_phone(self, link: MmeLink, message: Message) -> None:
        imsi = getattr(message, "imsi")  # noqa: B009 - all of them have one
        phone = self._phones.get(imsi)
        known = bool(self._users.of(imsi))
        if phone is not None and phone.mme.link is link:
            if known:
                self._tell(phone, message)
                return
            self._tell(phone, Status(imsi, SgsCause.IMSI_UNKNOWN, b""))  # its user has gone: so does the phone
        counters.inc("sgs_unexpected")
        match message:
            case UplinkUnitdata() | ServiceRequest():  # 5.11.3, 5.12.3: let the phone come again
                cause = SgsCause.IMSI_DETACHED_FOR_NON_EPS_SERVICES if known else SgsCause.IMSI_UNKNOWN
                link.send(ReleaseRequest(imsi, cause))
            case Status():
                log(IMS, INFO, f"MME at {link.address} refuses a message for {imsi}, who is not there any more")
            case _ if not known:
                link.send(status(SgsCause.IMSI_UNKNOWN, message.encode(), imsi))

    def _refuse(self, link: MmeLink, message: Message, cause: SgsCause) -> None:
        counters.inc("sgs_unexpected")
        log(IMS, INFO, f"{title(message.TYPE)} of the MME at {link.address} refused: {name(SgsCause, cause)}")
        link.send(status(cause, message.encode(), getattr(message, "imsi", "") or ""))

    def _greet(self, link: MmeLink, connected: Connected) -> None:
        connected.greeted = True
        self._run_reset(link, connected, reset.Start())

    def _run_reset(self, link: MmeLink, connected: Connected, event: reset.Event) -> None:
        if self._links.get(link) is not connected:
            return
        for action in connected.reset.handle(event, self._loop.time()):
            match action:
                case sgs.Send(message):
                    link.send(message)
                case sgs.SetTimer(timer, delay, serial):
                    self._wheel.add(delay, self._run_reset, link, connected, sgs.TimerFired(timer, serial))
                case reset.Unheard():
                    log(IMS, WARN, f"MME at {link.address} does not acknowledge SGsAP-RESET-INDICATION")

    # -- MMEs
    def _mme(self, link: MmeLink, connected: Connected, name: str) -> Mme:
        """The MME of this name, which speaks by this link from now on."""
        name = name.lower()
        mme = self._mmes.get(name)
        if mme is not None and mme.link is link:
            return mme
        if mme is None and len(connected.mmes) >= MOST_NAMES:
            return connected.mmes[0]
        if mme is None:
            mme = self._mmes[name] = Mme(name)
        former = mme.link
        if former is not None:
            log(IMS, WARN, f"MME {name} speaks from {link.address} now, and not from {former.address}")
            self._links[former].mmes.remove(mme)
            self._unlink(mme)
        mme.link = link
        connected.mmes.append(mme)
        for imsi in mme.phones:  # who could not be reached meanwhile
            self._wheel.add(AFTER_UPDATE, self._seen, imsi)
        if self._greeted.add(name) and not connected.greeted:  # another one at an address that was there
            self._greet(link, connected)  # at last, since sending may be the end of the link
        return mme

    def _unlink(self, mme: Mme) -> None:
        mme.link = None
        for imsi in list(mme.phones):
            self._tell(self._phones[imsi], sgs.MmeLost())

    # -- the machines
    def _tell(self, phone: Phone, event: sgs.Event) -> None:
        association = phone.association
        imsi = association.imsi
        for action in association.handle(event, self._loop.time()):
            match action:
                case sgs.Send(message):
                    self._transmit(phone, message)
                case sgs.SetTimer(timer, delay, serial):
                    self._set_timer(phone, timer, delay, sgs.TimerFired(timer, serial))
                case sgs.Authorize():
                    counters.inc("sgs_associated")
                    self._tell(phone, sgs.Accept(phone.tmsi))
                case sgs.Established():
                    self._conversation(imsi, phone).established()
                case sgs.Uplink(nas):
                    self._conversation(imsi, phone).on_nas(nas)
                case sgs.Lost(why):
                    self._on_lost(phone, why)
                case sgs.Reachable():
                    self._wheel.add(AFTER_UPDATE, self._seen, imsi)
                case sgs.Unwatched():
                    counters.inc("sgs_alert_failed")
                    self._wheel.add(self._config.sms_retry_delay, self._seen, imsi)
                case sgs.Terminated():
                    self._forget(phone)

    def _transmit(self, phone: Phone, message: Message) -> None:
        if isinstance(message, PagingRequest):
            counters.inc("sgs_paging")
        if phone.mme.link is not None:
            phone.mme.link.send(message)

    def _set_timer(self, phone: Phone, timer: str, delay: float, event: sgs.TimerFired) -> None:
        """An MME that resets again and again must not fill the wheel with timers of hours."""
        due = self._loop.time() + delay
        running = phone.timers.get(timer)
        if running is not None and running.due <= due:
            running.due, running.event = due, event
            return
        phone.timers[timer] = made = Timer(due, event)
        self._wheel.add(delay, self._fired, phone, made)

    def _fired(self, phone: Phone, timer: Timer) -> None:
        name = timer.event.name
        if self._phones.get(phone.association.imsi) is not phone or phone.timers.get(name) is not timer:
            return
        left = timer.due - self._loop.time()
        if left > 0:
            self._wheel.add(left, self._fired, phone, timer)
            return
        del phone.timers[name]
        self._tell(phone, timer.event)

    def _on_lost(self, phone: Phone, why: sgs.Why) -> None:
        counters.inc("sgs_lost")
        log(IMS, INFO, f"no connection by SGs to {phone.association.imsi}: {why}")
        if phone.conversation is not None:
            phone.conversation.lost(Outcome.ABSENT if why in _ABSENT else Outcome.FAILED)

    def _end_conversation(self, phone: Phone) -> None:
        if phone.conversation is not None:
            phone.conversation.lost(Outcome.FAILED)

    def _forget(self, phone: Phone) -> None:
        imsi = phone.association.imsi
        if self._phones.get(imsi) is phone:
            del self._phones[imsi]
            phone.mme.phones.discard(imsi)
            if not phone.mme.phones and phone.mme.link is None:
                self._mmes.pop(phone.mme.name, None)

    def _seen(self, imsi: str) -> None:
        for subscriber in self._users.of(imsi):
            self._gateway.reachable(subscriber.impi)

    # -- for conversations (sgs_sms.Way)
    def _conversation(self, imsi: str, phone: Phone) -> Conversation:
        if phone.conversation is None:
            phone.conversation = Conversation(imsi, phone.subscriber, self._around)
        return phone.conversation

    def establish(self, imsi: str) -> None:
        """sgs_sms.Way."""
        phone = self._phones.get(imsi)
        if phone is not None:
            self._tell(phone, sgs.Establish())

    def downlink(self, imsi: str, nas: bytes) -> None:
        """sgs_sms.Way."""
        phone = self._phones.get(imsi)
        if phone is not None:
            self._tell(phone, sgs.Downlink(nas))

    def release(self, imsi: str) -> None:
        """sgs_sms.Way."""
        phone = self._phones.get(imsi)
        if phone is not None:
            phone.conversation = None
            self._tell(phone, sgs.Release())
