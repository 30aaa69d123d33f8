"""The phones that MMEs have told of: each with its association, the association's timers and its conversation.

sgs.py gives them the messages of MMEs; what their machines want done is done here (TS 29.118 5), and for
conversations this is the way to the phone (sgs_transaction.Way).
"""

import asyncio
from typing import Final

from lteims import counters
from lteims.config import ImsConfig
from lteims.ims.mm_information import network_name
from lteims.ims.sgs_mme import Mme, Mmes
from lteims.ims.sgs_sms import Conversation
from lteims.ims.sgs_transaction import Around, Delivery, Gateway
from lteims.ims.sgs_users import SgsUsers
from lteims.ims.sms_transport import Outcome
from lteims.ims.subscribers import Subscriber
from lteims.net.timers import TimerWheel
from lteims.sgsap import primitive as sgs
from lteims.sgsap.association import Association, State, Timings
from lteims.sgsap.cause import EpsLocationUpdateType
from lteims.sgsap.message import LocationUpdateRequest, Message, PagingRequest
from lteims.trace import IMS, INFO, log

AFTER_UPDATE: Final = 0.5  # seconds from a location update to the first page, so that the attach is through
_ABSENT: Final = frozenset({sgs.Why.ABSENT, sgs.Why.UNREACHABLE})


class Phone:
    """A phone of an MME."""

    __slots__ = ("association", "conversation", "mme", "subscriber", "timers", "tmsi")

    def __init__(self, association: Association, subscriber: Subscriber, mme: Mme, tmsi: int) -> None:
        self.association = association
        self.subscriber = subscriber  # the first of the IMSI: who sends
        self.mme = mme
        self.tmsi = tmsi
        self.conversation: Conversation | None = None
        self.timers: dict[str, Timer] = {}  # by name


class Timer:
    """A timer of a phone's association. It has one entry in the wheel, however often it is set anew meanwhile."""

    __slots__ = ("due", "event")

    def __init__(self, due: float, event: sgs.TimerFired) -> None:
        self.due = due
        self.event = event


class Phones:
    """All of them."""

    def __init__(
        self,
        config: ImsConfig,
        gateway: Gateway,
        users: SgsUsers,
        mmes: Mmes,
        wheel: TimerWheel,
        loop: asyncio.AbstractEventLoop,
        timings: Timings,
    ) -> None:
        self.by_imsi: dict[str, Phone] = {}
        self._config = config
        self._gateway = gateway
        self._users = users
        self._mmes = mmes
        self._wheel = wheel
        self._loop = loop
        self._timings = timings
        self._around = Around(config, gateway, self, wheel, loop)
        self._tmsi = int(loop.time() * 1000)  # others than before the last start

    def come(self, subscriber: Subscriber, mme: Mme, request: LocationUpdateRequest) -> None:
        """A phone of one of our users has come to an MME, or tells it again (5.2)."""
        imsi = request.imsi
        phone = self.by_imsi.get(imsi)
        if phone is None:
            association = Association(imsi, self._mmes.vlr_name, self._timings)
            phone = self.by_imsi[imsi] = Phone(association, subscriber, mme, self._new_tmsi())
        elif phone.mme is not mme:
            self._end_conversation(phone)  # what is on its way goes to where the phone was
            self._mmes.leave(phone.mme, imsi)
            phone.mme = mme
        phone.subscriber = subscriber
        mme.phones.add(imsi)
        self.tell(phone, request)
        if self._config.network_name and request.eps_location_update_type == EpsLocationUpdateType.IMSI_ATTACH:
            self._wheel.add(AFTER_UPDATE, self._inform, imsi)

    def _inform(self, imsi: str) -> None:
        """Tell a phone what its network is called (5.10)."""
        phone = self.by_imsi.get(imsi)
        if phone is not None:
            self.tell(phone, sgs.Inform(network_name(self._config.network_name)))

    def _new_tmsi(self) -> int:
        """MMEs take a phone for one of ours only if it is given a TMSI; its top bits are 00 (TS 23.003 2.4)."""
        self._tmsi = (self._tmsi + 1) % (1 << 30)
        return self._tmsi

    def deliver(self, phone: Phone, delivery: Delivery) -> None:
        """Send it a short message."""
        self._conversation(phone).send(delivery)

    def follow(self, mme: Mme) -> None:
        """An MME has lost its link, or has one again."""
        if mme.link is None:
            for phone in self._of(mme):
                if not phone.association.doubted:
                    self.tell(phone, sgs.MmeLost())
        elif not mme.awaited:
            mme.awaited = True
            self._wheel.add(AFTER_UPDATE, self._all_seen, mme)

    def doubt(self, mme: Mme) -> None:
        """An MME was reset (5.8.3). One that says so all the time must not make all its phones' machines run."""
        for phone in self._of(mme):
            if phone.association.state is not State.NULL or not phone.association.doubted:
                self.tell(phone, sgs.MmeReset())

    def _of(self, mme: Mme) -> list[Phone]:
        return [self.by_imsi[imsi] for imsi in mme.phones]

    # -- the machines
    def tell(self, phone: Phone, event: sgs.Event) -> None:
        """Give an event to a phone's association, and do what it wants done."""
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
                    self.tell(phone, sgs.Accept(phone.tmsi))
                case sgs.Established():
                    self._conversation(phone).established()
                case sgs.Uplink(nas):
                    self._conversation(phone).on_nas(nas)
                case sgs.Lost(why):
                    self._on_lost(phone, why)
                case sgs.Reachable():
                    self.seen(imsi)
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
        if self.by_imsi.get(phone.association.imsi) is not phone or phone.timers.get(name) is not timer:
            return
        left = timer.due - self._loop.time()
        if left > 0:
            self._wheel.add(left, self._fired, phone, timer)
            return
        del phone.timers[name]
        self.tell(phone, timer.event)

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
        if self.by_imsi.get(imsi) is phone:
            del self.by_imsi[imsi]
            self._mmes.leave(phone.mme, imsi)

    def _seen(self, imsi: str) -> None:
        for subscriber in self._users.of(imsi):
            self._gateway.reachable(subscriber.impi)

    def _all_seen(self, mme: Mme) -> None:
        """Those who could not be reached while their MME was away."""
        mme.awaited = False
        for imsi in list(mme.phones):
            self._seen(imsi)

    # -- for conversations (sgs_transaction.Way)
    def _conversation(self, phone: Phone) -> Conversation:
        if phone.conversation is None:
            phone.conversation = Conversation(phone.association.imsi, phone.subscriber, self._around)
        return phone.conversation

    def establish(self, imsi: str) -> None:
        """Way."""
        phone = self.by_imsi.get(imsi)
        if phone is not None:
            self.tell(phone, sgs.Establish())

    def downlink(self, imsi: str, nas: bytes) -> None:
        """Way."""
        phone = self.by_imsi.get(imsi)
        if phone is not None:
            self.tell(phone, sgs.Downlink(nas))

    def seen(self, imsi: str) -> None:
        """Way."""
        self._wheel.add(AFTER_UPDATE, self._seen, imsi)

    def release(self, imsi: str) -> None:
        """Way."""
        phone = self.by_imsi.get(imsi)
        if phone is not None:
            phone.conversation = None
            self.tell(phone, sgs.Release())
