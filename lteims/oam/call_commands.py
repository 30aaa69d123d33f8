"""The operator's commands for calls (manual 7): mt_call, dialog, dialog_stop, dialog_answer, reinvite.

Part of the table in commands.py; every one is a function of ims/call_control.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from lteims.ims.call_control import DialogInfo
from lteims.oam.command import Command, CommandError
from lteims.oam.listing import columns
from lteims.oam.log_format import one_line


class CallControl(Protocol):
    """What these commands ask of the server."""

    def dialogs(self, session_id: str = "") -> Sequence[DialogInfo]:
        """The dialogs, in the order of their beginning."""

    def call(self, callee: str, *, sip_file: str = "", caller: str = "", duration: float = 0) -> str:
        """Call a user; the session_id."""

    def callees(self) -> Sequence[str]:
        """Whom one can call: the IMPI, the IMPUs and the contacts of each registered user."""

    def dialog_stop(self, session_id: str) -> None:
        """End a call."""

    def dialog_answer(self, session_id: str, code: int = 200) -> None:
        """Answer an echo call."""

    def reinvite(self, session_id: str) -> None:
        """Send a re-INVITE."""


class CallCommands:
    """Makes the commands."""

    def __init__(self, control: CallControl) -> None:
        self._control = control

    def commands(self) -> tuple[Command, ...]:
        """All of them."""
        index = "INDEX is the number that dialog shows, or the dialog's session id."
        return (
            Command(
                "mt_call",
                "CALLEE [-d DURATION] [SIP_FILE] [CALLER]",
                "Call a user from the server.",
                "CALLEE is an IMPI, an IMPU or a contact URI. The call ends DURATION seconds after it was answered.\n"
                "SIP_FILE holds the SDP to offer, in place of mt_call_sdp_file. CALLER is the IMPU that it comes from.",
                self._mt_call,
                self._callees,
            ),
            Command(
                "dialog",
                "[INDEX]",
                "List all dialogs, or show one of them in detail.",
                f"Those that ended are shown for 30 s more. {index}",
                self._dialog,
                self._ids,
            ),
            Command("dialog_stop", "INDEX", "Stop a dialog.", index, self._stop, self._ids),
            Command(
                "dialog_answer",
                "INDEX [CODE]",
                "Answer an echo call that has remote_control.",
                f"CODE is the final answer, 200 if it is not given. {index}",
                self._answer,
                self._ids,
            ),
            Command("reinvite", "INDEX", "Send a re-INVITE on an answered dialog.", index, self._reinvite, self._ids),
        )

    def _mt_call(self, arguments: str) -> str:
        words = arguments.split()
        duration = 0.0
        if "-d" in words:
            at = words.index("-d")
            if at + 1 == len(words):
                raise CommandError("-d needs a duration in seconds")
            duration = _seconds(words[at + 1])
            del words[at : at + 2]
        if not 1 <= len(words) <= 3 or any(word.startswith("-") for word in words):
            raise CommandError("usage: mt_call CALLEE [-d DURATION] [SIP_FILE] [CALLER]")
        sip_file, caller = (*words[1:], "", "")[:2]
        session_id = self._control.call(words[0], sip_file=sip_file, caller=caller, duration=duration)
        return f"dialog {session_id}"

    def _dialog(self, arguments: str) -> str:
        if arguments:
            return _detail(self._control.dialogs(self._id(arguments))[0])
        dialogs = self._control.dialogs()
        if not dialogs:
            return "no dialogs"
        rows = [("#", "id", "state", "type", "from", "to", "duration")]
        rows += [
            (str(d.number), d.session_id, d.state, d.type, one_line(d.from_), one_line(d.to), f"{d.duration:.1f} s")
            for d in dialogs
        ]
        return "\n".join(columns(rows))

    def _stop(self, arguments: str) -> str:
        self._control.dialog_stop(self._id(arguments))
        return ""

    def _answer(self, arguments: str) -> str:
        index, _, code = arguments.partition(" ")
        code = code.strip()
        if code and not (code.isascii() and code.isdigit() and len(code) == 3):
            raise CommandError(f"{code[:20]!r} is no SIP code")
        self._control.dialog_answer(self._id(index), int(code) if code else 200)
        return ""

    def _reinvite(self, arguments: str) -> str:
        self._control.reinvite(self._id(arguments))
        return ""

    def _id(self, text: str) -> str:
        """A session id out of an index or a session id."""
        text = text.strip()
        if not text:
            raise CommandError("which dialog? Its number or id is needed, see dialog")
        dialogs = self._control.dialogs()
        if any(d.session_id == text for d in dialogs):
            return text
        for dialog in dialogs:
            if str(dialog.number) == text:
                return dialog.session_id
        raise CommandError(f"there is no dialog {text[:20]!r}")

    def _callees(self, word: str) -> Iterable[str]:
        return [name for name in self._control.callees() if name.startswith(word)]

    def _ids(self, word: str) -> Iterable[str]:
        return [d.session_id for d in self._control.dialogs() if d.session_id.startswith(word)]


def _detail(dialog: DialogInfo) -> str:
    """One dialog with its events and medias."""
    rows = [
        ("Dialog", dialog.session_id),
        ("State", dialog.state),
        ("Type", dialog.type),
        ("From", one_line(dialog.from_)),
        ("To", one_line(dialog.to)),
        ("MO dialog", dialog.mo_dialog),
        ("MT dialog", dialog.mt_dialog),
        ("Duration", f"{dialog.duration:.1f} s"),
    ]
    lines = columns([row for row in rows if row[1]])
    for media in dialog.medias:
        lines.append("  ".join(f"{name}={value}" for name, value in media.items()))
    lines += (
        columns([(f"{e.timestamp:9.3f}", e.type, str(e.state), e.message) for e in dialog.event_list], indent=2)
        if dialog.event_list
        else []
    )
    return "\n".join(lines)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 1e7:
        raise CommandError(f"{text[:20]!r} is no duration in seconds")
    return seconds
