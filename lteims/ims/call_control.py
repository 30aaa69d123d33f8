"""What an operator can do with calls (manual 6.6, 7): make, list, answer, re-invite and stop them; part of control.py.

The monitor and the remote API call it by way of control.Control.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from lteims.errors import OperatorError
from lteims.ims.caller import Caller
from lteims.ims.calls import Calls
from lteims.ims.icscf import Locator, Registered
from lteims.ims.identity import impu_uri
from lteims.ims.leg import Leg
from lteims.ims.record import DialogEvent, DialogRecord, MediaState
from lteims.ims.sdp_files import SdpFiles
from lteims.ims.session import Session
from lteims.ims.subscribers import Impu, Subscriber, Subscribers
from lteims.media.template import Template
from lteims.sip.errors import SipError
from lteims.sip.uri import Uri, parse_uri

ACTIONS = ("answer", "stop", "hold", "unhold")  # of dialog_set
SERVER_NAME = "ims"  # the user part of From where a call of the server has no caller


@dataclass(frozen=True, slots=True)
class DialogInfo:
    """One dialog as dialog_get shows it; what has the name of a Python word ends in an underscore."""

    session_id: str
    state: str
    type: str
    to: str
    from_: str
    mt_dialog: str  # "" where there is none
    mo_dialog: str
    date: int  # seconds since 1970
    duration: float  # seconds since it was answered
    event_list: tuple[DialogEvent, ...]
    medias: tuple[Mapping[str, str | int], ...]
    number: int  # of the console's list


class CallControl:
    """The operator's verbs for calls. OperatorError says why one cannot be carried out."""

    def __init__(
        self, subscribers: Subscribers, calls: Calls, locator: Locator, files: SdpFiles, default_sdp: str, folder: str
    ) -> None:
        """`default_sdp` is mt_call_sdp_file; `folder` is what relative file names are relative to."""
        self._subscribers = subscribers
        self._calls = calls
        self._locator = locator
        self._files = files
        self._default_sdp = default_sdp
        self._folder = folder

    def dialogs(self, session_id: str = "") -> list[DialogInfo]:
        """All dialogs, those that ended in the last 30 s too, or the one of this id."""
        return [_info(record) for record in self._calls.records if session_id in ("", record.id)]

    def mt_call(
        self,
        *,
        impi: str = "",
        impu: str = "",
        contact: str = "",
        sip_file: str = "",
        caller: str = "",
        sos: bool = False,
        duration: float = 0,
    ) -> str:
        """Call a user from the server; the session_id of its dialog. One of impi, impu, contact says whom.

        `sos`: only emergency registrations are called; `duration` in seconds from the answer on, 0 for no end.
        """
        destination = self._callee(impi, impu, contact, sos=sos)
        template = self._template(sip_file, destination.subscriber)
        who, name = self._caller(caller)
        session = self._calls.make_call(destination, who, name, template, duration)
        leg = next(session.legs, None)
        if session.ended or leg is None or leg.record is None:
            raise OperatorError(f"the call could not be made: {session.call.why or 'no way to the phone'}")
        return leg.record.id

    def call(self, callee: str, *, sip_file: str = "", caller: str = "", duration: float = 0) -> str:
        """As mt_call, for a callee that may be an IMPI, an IMPU or a contact URI."""
        if self._subscribers.by_impi(callee) is not None:
            return self.mt_call(impi=callee, sip_file=sip_file, caller=caller, duration=duration)
        if any(b.contact == callee for s in self._subscribers for b in s.bindings):
            return self.mt_call(contact=callee, sip_file=sip_file, caller=caller, duration=duration)
        return self.mt_call(impu=callee, sip_file=sip_file, caller=caller, duration=duration)

    def callees(self) -> list[str]:
        """Whom one can call: the IMPI, the IMPUs and the contacts of each registered user."""
        found: list[str] = []
        for subscriber in self._subscribers:
            if subscriber.bindings:
                found += [subscriber.impi, *(impu.uri.text for impu in subscriber.impus)]
                found += [binding.contact for binding in subscriber.bindings]
        return list(dict.fromkeys(found))

    def dialog_stop(self, session_id: str) -> None:
        """End a dialog's call."""
        session, _ = self._dialog(session_id)
        self._calls.stop(session, "the operator stops it")

    def dialog_answer(self, session_id: str, code: int = 200) -> None:
        """Give the final answer of an echo call with remote_control."""
        session, _ = self._dialog(session_id)
        if session.echo is None or not session.echo.awaits_control:
            raise OperatorError(f"dialog {session_id} waits for no answer")
        if not 200 <= code <= 699:
            raise OperatorError(f"code {code} is no final answer, 200 to 699 are")
        if code < 300:
            session.success = code
        session.echo.finish(code)

    def reinvite(self, session_id: str) -> None:
        """Send a re-INVITE on an answered dialog, with the media that it has."""
        _, leg = self._dialog(session_id)
        if not leg.dialog.confirmed:
            raise OperatorError(f"dialog {session_id} has not been answered")
        if not self._calls.reinvite(leg):
            raise OperatorError(f"dialog {session_id} is busy with another INVITE or offer")

    def dialog_set(self, session_id: str, action: str, code: int = 200) -> None:
        """Change the state of a dialog: answer, stop, hold or unhold; `code` is of answer.

        hold is a re-INVITE towards the phone of this dialog that asks it to send nothing; whoever is at the other end
        is not asked, and hears silence. unhold takes that back; a phone that holds the call itself goes on doing so.
        """
        match action:
            case "answer":
                self.dialog_answer(session_id, code)
            case "stop":
                self.dialog_stop(session_id)
            case "hold" | "unhold":
                self._hold(session_id, held=action == "hold")
            case _:
                raise OperatorError(f"'{action[:60]}' is none of {', '.join(ACTIONS)}")

    def _hold(self, session_id: str, *, held: bool) -> None:
        _, leg = self._dialog(session_id)
        if not leg.dialog.confirmed:
            raise OperatorError(f"dialog {session_id} has not been answered")
        anchor = leg.branch.anchor
        if anchor.held[leg.side] is held:
            raise OperatorError(f"dialog {session_id} is {'already' if held else 'not'} held by the server")
        if not anchor.views(leg.side):
            raise OperatorError(f"dialog {session_id} has no media")
        if not self._calls.hold(leg, held=held):
            raise OperatorError(f"dialog {session_id} is busy with another INVITE or offer")

    # -- who and whom
    def _dialog(self, session_id: str) -> tuple[Session, Leg]:
        found = self._calls.find(session_id)
        if found is None:
            over = self._calls.records.get(session_id) is not None
            raise OperatorError(f"dialog {session_id} is over" if over else f"there is no dialog '{session_id}'")
        return found

    def _callee(self, impi: str, impu: str, contact: str, *, sos: bool) -> Registered:
        if impi:
            subscriber = self._subscribers.by_impi(impi)
            if subscriber is None:
                raise OperatorError(f"there is no user with IMPI '{impi}'")
            preferred = (impu for impu in subscriber.impus if impu.config.preferred)  # manual 5.2.1
            return self._registered(subscriber, next(preferred, subscriber.impus[0]), sos=sos)
        if impu:
            found = self._subscribers.by_impu(self._uri(impu))
            if found is None:
                raise OperatorError(f"there is no user with IMPU '{impu}'")
            return self._registered(*found, sos=sos)
        if not contact:
            raise OperatorError("whom to call? One of impi, impu and contact is needed")
        for subscriber in self._subscribers:
            bindings = tuple(b for b in subscriber.bindings if b.contact == contact and (b.sos or not sos))
            if bindings:
                return Registered(subscriber, subscriber.registered_impus(bindings[0])[0], bindings)
        raise OperatorError(f"there is no registered contact '{contact}'")

    def _registered(self, subscriber: Subscriber, impu: Impu, *, sos: bool) -> Registered:
        found = self._locator.route(impu.uri, None, True if sos else None)
        if not isinstance(found, Registered):
            raise OperatorError(f"{subscriber.impi} has no {'emergency ' if sos else ''}registration")
        return found

    def _uri(self, impu: str) -> Uri:
        try:
            return parse_uri(impu_uri(impu, self._subscribers.domain))
        except SipError as error:
            raise OperatorError(f"'{impu}' is no IMPU: {error}") from None

    def _caller(self, caller: str) -> tuple[Caller | None, str]:
        uri = self._uri(caller or SERVER_NAME)
        found = self._subscribers.by_impu(uri) if caller else None
        if found is not None:
            return Caller(*found, None), str(uri)
        return None, str(uri)

    def _template(self, sip_file: str, callee: Subscriber) -> Template | None:
        if sip_file:
            return self._files.load(os.path.join(self._folder, sip_file))
        path = callee.user.mt_call_sdp_file or self._default_sdp
        return self._files.load(path) if path else None


def _info(record: DialogRecord) -> DialogInfo:
    return DialogInfo(
        session_id=record.id,
        state=str(record.state),
        type=str(record.type),
        to=record.to,
        from_=record.from_,
        mt_dialog=record.mt_dialog,
        mo_dialog=record.mo_dialog,
        date=record.date,
        duration=round(record.duration, 3),
        event_list=tuple(record.events),
        medias=tuple(_media(state) for state in record.medias),
        number=record.number,
    )


def _media(state: MediaState) -> Mapping[str, str | int]:
    media = state.media
    return {
        "type": media.type,
        "qos": state.qos,
        "dir": media.dir,
        "rtp_addr": media.rtp_addr,
        "rtp_recv_count": media.rtp_recv_count,
        "rtp_send_count": media.rtp_send_count,
        "rtcp_addr": media.rtcp_addr,
        "rtcp_rcv_count": media.rtcp_recv_count,
        "rtcp_send_count": media.rtcp_send_count,
    }
