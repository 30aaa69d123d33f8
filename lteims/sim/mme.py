"""A simulated MME for SGsAP (TS 29.118, the MME's side): what labs and CI let phones attach and page by.

Give it octets by `received` and a way out by `send`; mme_link.py is that way over SCTP. Every message is noted in
`ladder`, "--> " from the MME and "<-- " to it, so that a test can read what was said.
"""

from collections.abc import Callable
from typing import Any

from lteims.sgsap import message as m
from lteims.sgsap.cause import EpsLocationUpdateType, ServiceIndicator, SgsCause
from lteims.sgsap.decoder import parse
from lteims.sgsap.elements import Lai, Plmn, Tai
from lteims.sgsap.message import Message
from lteims.sim.mme_phone import Later, MmePhone, Paging
from lteims.sms.errors import SmsError

NAME = "mmec01.mmegi0001.mme.epc.mnc001.mcc001.3gppnetwork.org"
LAI = Lai(Plmn("001", "01"), 1)


class Mme:
    """The MME with its phones."""

    def __init__(
        self, send: Callable[[bytes], None], later: Later, now: Callable[[], float], *, name: str = NAME, lai: Lai = LAI
    ) -> None:
        """`later(seconds, callback, *arguments)` is a timer, `now` the clock that it goes by."""
        self.name = name
        self.lai = lai
        self.phones: dict[str, MmePhone] = {}
        self.ladder: list[str] = []
        self.received_messages: list[Message] = []
        self.faults: list[str] = []  # what came and should not have
        self.resetting = False  # has its reset not been acknowledged yet?
        self.acknowledges = True  # does it answer RESET and alerts?
        self.listener: Callable[[bool, str, str], None] = _nobody  # hears of each message: outgoing, what, IMSI or ""
        self._send, self._later, self._now = send, later, now

    # -- what a script does
    def phone(self, imsi: str) -> MmePhone:
        """A phone; it is made when it is asked for first, and attaches by `attach`."""
        found = self.phones.get(imsi)
        if found is None:
            found = self.phones[imsi] = MmePhone(imsi, self._later, self._now, self._uplink)
        return found

    def attach(self, imsi: str, **more: Any) -> MmePhone:
        """A combined attach: location update; the phone is `attached` once the VLR has accepted."""
        phone = self.phone(imsi)
        phone.attached, phone.rejected = False, 0
        kind = EpsLocationUpdateType.IMSI_ATTACH
        tai = Tai(self.lai.plmn, self.lai.lac)
        self.say(m.LocationUpdateRequest(imsi, self.name, kind, self.lai, tai=tai, **more))
        return phone

    def detach_eps(self, imsi: str, detach_type: int = 2) -> None:
        """The phone is switched off (2), or the network ends it (1, 3)."""
        self._leave(imsi)
        self.phone(imsi).detaching = True
        self.say(m.EpsDetachIndication(imsi, self.name, detach_type))

    def detach_imsi(self, imsi: str, detach_type: int = 1) -> None:
        """The phone wants no short messages any more (1, 2), or the network thinks that it is gone (3)."""
        self._leave(imsi)
        self.phone(imsi).detaching = True
        self.say(m.ImsiDetachIndication(imsi, self.name, detach_type))

    def seen(self, imsi: str) -> None:
        """The phone is active: the VLR hears of it if it has asked."""
        phone = self.phone(imsi)
        phone.paging = Paging.ANSWERED
        if phone.watched:
            phone.watched = False
            self.say(m.UeActivityIndication(imsi))

    def restart(self) -> None:
        """Lose all that is known of phones, and say so."""
        for imsi in list(self.phones):
            self._leave(imsi)
        self.resetting = True
        self.say(m.ResetIndication(mme_name=self.name))

    def say(self, message: Message) -> None:
        """Send any message."""
        self._note(True, message)
        self._send(message.encode())

    def say_octets(self, data: bytes) -> None:
        """Send what may be no message at all."""
        self.ladder.append(f"--> {data.hex()}")
        self.listener(True, data.hex(), "")
        self._send(data)

    def _note(self, outgoing: bool, message: Message) -> None:
        line = _line(message)
        self.ladder.append(f"{'-->' if outgoing else '<--'} {line}")
        self.listener(outgoing, line, getattr(message, "imsi", None) or "")

    def _leave(self, imsi: str) -> None:
        phone = self.phone(imsi)
        phone.attached = phone.watched = False
        phone.lost()

    def _uplink(self, imsi: str, nas: bytes) -> None:
        self.say(m.UplinkUnitdata(imsi, nas))

    # -- from the VLR
    def received(self, data: bytes) -> None:
        """A message of the VLR; SgsapError if it is none."""
        message = parse(data)
        self._note(False, message)
        self.received_messages.append(message)
        match message:
            case m.LocationUpdateAccept(imsi, _, identity):
                self.phone(imsi).attached = True
                if identity is not None and not identity.imsi:
                    self.say(m.TmsiReallocationComplete(imsi))
            case m.LocationUpdateReject(imsi, cause):
                self.phone(imsi).attached, self.phone(imsi).rejected = False, cause
            case m.EpsDetachAck(imsi) | m.ImsiDetachAck(imsi):
                self.phone(imsi).detaching = False
            case m.PagingRequest(imsi):
                self._on_paging(self.phone(imsi))
            case m.DownlinkUnitdata(imsi, nas):
                self._on_downlink(imsi, nas)
            case m.ReleaseRequest(imsi, cause) if cause is not None or not self.phone(imsi).busy:
                self.phone(imsi).lost()  # else it crosses with what the phone has begun meanwhile, which goes on
            case m.AlertRequest(imsi) if self.acknowledges:
                self.phone(imsi).watched = True
                self.say(m.AlertAck(imsi))
            case m.ResetIndication() if self.acknowledges:
                self.say(m.ResetAck(mme_name=self.name))
            case m.ResetAck():
                self.resetting = False

    def _on_downlink(self, imsi: str, nas: bytes) -> None:
        try:
            self.phone(imsi).on_nas(nas)
        except SmsError as error:
            self.faults.append(f"{imsi}: {error}")

    def _on_paging(self, phone: MmePhone) -> None:
        phone.paged += 1
        if phone.paging is Paging.IGNORED:
            return
        if phone.paging is Paging.UNREACHABLE:
            self.say(m.UeUnreachable(phone.imsi, SgsCause.UE_UNREACHABLE))
        elif phone.paging is Paging.REJECTED or not phone.attached:
            self.say(m.PagingReject(phone.imsi, SgsCause.IMSI_UNKNOWN))
        else:
            mode = int(phone.connected)
            phone.connected = True
            self.say(m.ServiceRequest(phone.imsi, ServiceIndicator.SMS, ue_emm_mode=mode))


def _nobody(outgoing: bool, what: str, imsi: str) -> None:
    """The listener of an MME that nobody listens to."""


_CP = {0x01: "CP-DATA", 0x04: "CP-ACK", 0x10: "CP-ERROR"}


def _line(message: Message) -> str:
    """A message in a ladder: its name, what NAS message it has, its cause."""
    words = [m.title(message.TYPE).removeprefix("SGsAP-")]
    nas = getattr(message, "nas_message_container", None)
    if nas is not None:
        words.append((_CP.get(nas[1]) if len(nas) > 1 else None) or nas.hex())
    cause = getattr(message, "sgs_cause", None)
    if cause is None:
        cause = getattr(message, "reject_cause", None)
    if cause is not None:
        words.append(str(cause))
    return " ".join(words)
