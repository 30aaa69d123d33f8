"""The messages of the remote API with their parameters (manual 6.5, 6.6): one Struct each, which reads, checks and
prints `help` alike.

api_protocol.py reads frames by it, api_messages.py carries them out. Those that change something refuse what they do
not know; those that only read pass over it, since clients of other programs send them more.
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

S = TypeVar("S")
Octet = Annotated[int, Meta(ge=0, le=255)]
Level = Literal["none", "error", "warn", "info", "debug"]
COMMON = ("message", "message_id", "start_time", "absolute_time", "standalone")
REFUSED = {  # members that other servers know: what to do instead
    "loop_count": "send the request as often as it is to be carried out",
    "loop_delay": "send the request again, with start_time",
    "cancel": "what waits for its start_time ends with its connection",
}


def _about(text: str) -> Meta:
    return Meta(description=text)


class Empty(Struct):
    """No parameters."""


class Strict(Struct, forbid_unknown_fields=True):
    """A message that changes something."""


class Authenticate(Strict):
    """Answer the challenge of the greeting."""

    res: Annotated[str, _about("HMAC-SHA256 in hex, key <type>:<password>:<name>, data the challenge")] = ""
    password: Annotated[str, _about("the password itself, where com_auth has `unsecure`")] = ""


class ConfigGet(Empty):
    """Show the configuration that can be changed at run time."""


class LogGet(Struct):
    """Wait for entries of the log."""

    min: Annotated[int, Meta(ge=0, description="entries to wait for")] = 1
    max: Annotated[int, Meta(ge=1, description="entries in one answer")] = 4096
    timeout: Annotated[float, Meta(ge=0, le=86400, description="seconds without a new entry")] = 1
    allow_empty: Annotated[bool, _about("answer after timeout even without entries")] = False
    rnti: Annotated[float | None, _about("entries of this RNTI only: an IMS has none")] = None
    ue_id: Annotated[int | None, _about("entries of layer ims with the id of this contact only")] = None
    layers: Annotated[dict[str, str] | None, _about("most level of each layer; those not named are off")] = None
    short: Annotated[bool, _about("the first line of each entry only")] = False
    headers: Annotated[bool, _about("the header of the log file as well")] = False
    start_timestamp: Annotated[float | None, _about("no entries before, ms since 1970")] = None
    end_timestamp: Annotated[float | None, _about("no entries after, ms since 1970")] = None


class LogSet(Strict):
    """Add an entry to the log, or treat its file."""

    log: Annotated[str | None, _about("the entry")] = None
    layer: Annotated[str, _about("mandatory with `log`")] = ""
    level: Annotated[Literal["", "error", "warn", "info", "debug"], _about("mandatory with `log`")] = ""
    dir: Annotated[Literal["", "-", "UL", "DL", "FROM", "TO"], _about("where the entry comes from or goes to")] = ""
    ue_id: Annotated[int, Meta(ge=0, le=0xFFFFFFFF, description="the id that the entry shows")] | None = None
    flush: Annotated[bool, _about("write the file out")] = False
    rotate: Annotated[bool, _about("set the file aside and begin a new one")] = False
    cut: Annotated[bool, _about("begin the file anew")] = False


class LogReset(Strict):
    """Forget the entries in memory."""


class Quit(Strict):
    """Stop the server."""


class Help(Struct):
    """List messages and events, or the parameters of one message."""

    name: Annotated[str, _about("the message that is asked for")] = ""


class Stats(Empty):
    """Counters since the last `stats` of anybody."""


class Register(Strict):
    """Ask for events, or for no more of them."""

    register: Annotated[str | list[str], _about("events to be told of")] = []
    unregister: Annotated[str | list[str], _about("events to be told of no more")] = []


class License(Empty):
    """The licence of the server."""


class UsersGet(Struct):
    """The users and how they are registered."""

    registered_only: Annotated[bool, _about("only users with a contact")] = False


class UsersAdd(Strict):
    """Add users."""

    users: Annotated[list[dict[str, Any]], _about("as entries of ue_db")]


class UserSet(Strict):
    """Change options of a user."""

    impi: Annotated[str, _about("the user")]
    force_sms_over_sg: Annotated[bool | UnsetType, _about("short messages over SGs even where there is a contact")] = (
        UNSET
    )


class ImpuDel(Strict):
    """Take an IMPU away from its user, and end the contacts that were registered by it."""

    impu: Annotated[str, _about("the identity")]
    event: Annotated[Literal["deactivated", "probation", "rejected"], _about("what its phones are told")] = "rejected"


class Sms(Strict):
    """Send a short message."""

    impi: Annotated[str, _about("the receiver")] = ""
    impu: Annotated[str, _about("of the receiver, where no impi is given")] = ""
    text: Annotated[str | None, _about("the message")] = None
    sender: Annotated[str, _about("whom it comes from")] = ""
    validity: Annotated[float, Meta(ge=0, le=86400 * 441, description="seconds")] = 86400
    binary: Annotated[str | None, _about("TP-User-Data in base64")] = None
    binary_hex: Annotated[str | None, _about("TP-User-Data in hex")] = None
    tp_udl: Annotated[Octet | None, _about("TP-User-Data-Length, where it is not the number of octets")] = None
    tp_udhi_present: Annotated[bool, _about("the data begin with a header")] = False
    pid: Annotated[Octet, _about("TP-Protocol-Identifier")] = 0
    dcs: Annotated[Octet | None, _about("TP-Data-Coding-Scheme; of a text what its letters need")] = None
    sos: Annotated[bool, _about("only emergency registrations")] = False


class SmsFlush(Strict):
    """Forget the short messages that wait for a user."""

    impi: Annotated[str, _about("the user")]


class Mms(Strict):
    """Send a file as a multimedia message."""

    filename: Annotated[str, _about("relative to the folder of the configuration")]
    sender: Annotated[str, _about("the number that it comes from")] = field(name="from")
    to: Annotated[str, _about("a number, an IMPU or an IMPI")]
    sos: Annotated[bool, _about("only emergency registrations")] = False


class MtCall(Strict):
    """Call a user from the server."""

    impi: Annotated[str, _about("the user")] = ""
    impu: Annotated[str, _about("the identity, where no impi is given")] = ""
    contact: Annotated[str, _about("the contact, where neither is given")] = ""
    sip_file: Annotated[str, _about("SDP file in the place of mt_call_sdp_file")] = ""
    caller: Annotated[str, _about("the IMPU that calls")] = ""
    sos: Annotated[bool, _about("only emergency registrations")] = False
    duration: Annotated[float, Meta(ge=0, le=31_536_000, description="seconds from the answer on; 0 is no end")] = 0


class Monitor(Strict):
    """Carry out a command line of the monitor; for consoles such as `lteims monitor`."""

    line: Annotated[str, _about("the command, as typed")]


class Complete(Struct):
    """Complete a command line of the monitor."""

    line: Annotated[str, _about("what is typed so far")]


class DialogGet(Struct):
    """The dialogs, those that ended in the last 30 s too."""

    session_id: Annotated[str, _about("only this dialog")] = ""


class DialogStop(Strict):
    """End a dialog."""

    session_id: Annotated[str, _about("the dialog")]


class DialogAnswer(Strict):
    """Give the final answer of an echo call with remote_control."""

    session_id: Annotated[str, _about("the dialog")]
    code: Annotated[int, Meta(ge=200, le=699, description="the final answer")] = 200


class DialogSet(Strict):
    """Change the state of a dialog: answer it, stop it, hold its phone or let it go on."""

    session_id: Annotated[str, _about("the dialog")]
    action: Annotated[Literal["answer", "stop", "hold", "unhold"], _about("what to do with it")]
    code: Annotated[int, Meta(ge=200, le=699, description="of answer")] = 200


class Reinvite(Strict):
    """Send an INVITE on a dialog that was answered."""

    session_id: Annotated[str, _about("the dialog")]


class Unregister(Strict):
    """De-register a contact, or all those of a user."""

    uri: Annotated[str, _about("a contact, or an IMPU or IMPI for all contacts of that user")]
    event: Annotated[Literal["deactivated", "probation", "rejected"], _about("what the phone is told")] = "deactivated"


# impu_add, impu_set and config_set take the properties of the configuration, which config/ checks.
SCHEMAS: dict[str, type[Any]] = {
    "authenticate": Authenticate,
    "complete": Complete,
    "config_get": ConfigGet,
    "config_set": dict,
    "dialog_answer": DialogAnswer,
    "dialog_get": DialogGet,
    "dialog_set": DialogSet,
    "dialog_stop": DialogStop,
    "help": Help,
    "impu_add": dict,
    "impu_del": ImpuDel,
    "impu_set": dict,
    "license": License,
    "log_get": LogGet,
    "log_reset": LogReset,
    "log_set": LogSet,
    "mms": Mms,
    "monitor": Monitor,
    "mt_call": MtCall,
    "quit": Quit,
    "register": Register,
    "reinvite": Reinvite,
    "sms": Sms,
    "sms_flush": SmsFlush,
    "stats": Stats,
    "unregister": Unregister,
    "user_set": UserSet,
    "users_add": UsersAdd,
    "users_get": UsersGet,
}
EVENTS = ("invite", "sms", "users_update")


class LayerChange(Strict):
    """The options of one layer in config_set."""

    level: Level | UnsetType = UNSET
    max_size: Annotated[int, Meta(ge=0, le=999_999_999)] | UnsetType = UNSET
    key: bool | UnsetType = UNSET
    crypto: bool | UnsetType = UNSET
    payload: bool | UnsetType = UNSET


class LogsChange(Strict):
    """The member `logs` of config_set."""

    layers: dict[str, Any] = {}  # each is a LayerChange
    count: Annotated[int, Meta(ge=1, le=1_000_000)] | UnsetType = UNSET
    rotate: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    path: str | UnsetType = UNSET


def read(value: object, type: type[S]) -> S:
    """Plain JSON as one of these. ValueError, fit to be shown, for what is none."""
    try:
        return msgspec.convert(value, type)
    except msgspec.ValidationError as error:
        raise ValueError(str(error).replace("`$.", "`").replace("Object ", "")) from None
