"""The remote API's messages and events as values for docs/reference (manual 6.5 to 6.7); reference.py prints them.

Parameters come from api_schema.py by msgspec's introspection; what an answer holds and who makes it is said here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import UNSET, inspect

from lteims.oam import api_schema
from lteims.oam.api_help import OF_CONFIGURATION


@dataclass(frozen=True, slots=True)
class Param:
    """A member of a request."""

    name: str
    kind: str
    default: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message or an event; `answer` are the members that it brings."""

    name: str
    text: str
    params: tuple[Param, ...]
    answer: str
    file: str


_DIALOG: Final = (
    "`dialogs`: each with `session_id`, `state` (init, ringing, start, hold, stop), `type` (server, echo, mt call),"
    " `to`, `from`, `mt_dialog` or `mo_dialog`, `date`, `duration`, `event_list` (`type`: state, send or recv;"
    " `timestamp`, `state`, `message`) and `medias` (`type`, `qos`, `dir`, `rtp_addr`, `rtp_recv_count`,"
    " `rtp_send_count`, `rtcp_addr`, `rtcp_rcv_count`, `rtcp_send_count`)"
)
_USERS: Final = (
    "each with `impi`, `imsi`, `impu`, `sms` (messages that wait), `force_sms_over_sg` where it is true, and `bindings`"
    " (`uri`, `impu`, `q`, `video`, `sms`: whether messages wait, `imei`, `expires`, `dialogs` with `remote`,"
    " `session_id`, `state`)"
)
_LOGS: Final = (
    "`logs` with `layers` (`level`, `max_size`, `key`, `crypto`, `payload` of each), `count`, `rotate`, `path`, `bcch`"
)
# The file that carries a message out, and what its answer holds beside `message`, `message_id`, `time` and `utc`.
_CARRIED_OUT: Final[Mapping[str, tuple[str, str]]] = {
    "authenticate": ("oam/api_auth.py", "`ready`; after a failure `error`, `type`, `name` and a new `challenge`."),
    "complete": ("oam/api_monitor.py", "`word`, and `words` that may stand in its place."),
    "config_get": ("ims/settings.py", f"`type`, `name`, `version`, {_LOGS}, and the members of config_set."),
    "config_set": ("ims/settings.py", ""),
    "dialog_answer": ("ims/call_control.py", ""),
    "dialog_get": ("ims/call_control.py", f"{_DIALOG}."),
    "dialog_set": ("ims/call_control.py", ""),
    "dialog_stop": ("ims/call_control.py", ""),
    "help": ("oam/api_messages.py", "`messages` and `events`, or the `schema` of the one message."),
    "impu_add": ("ims/provisioning.py", "`uri` of the identity; `warnings`."),
    "impu_del": ("ims/provisioning.py", "`uris` of the contacts that end."),
    "impu_set": ("ims/control.py", "`warnings`."),
    "license": ("oam/license.py", "`products`, `version`, `license`, `validity`: no key is needed."),
    "log_get": ("oam/api_log.py", "`logs`: each with `data`, `timestamp`, `layer`, `level`, `dir`, `ue_id`, `id`,"
                " `src`, `idx`; `headers`; `discontinuity`, how many entries were lost before."),
    "log_reset": ("oam/log_ring.py", ""),
    "log_set": ("oam/log.py", ""),
    "mms": ("ims/mms_control.py", "`id` of the message."),
    "monitor": ("oam/api_monitor.py", "`text`; `again`: the line that shows the next step of a running view;"
                " `end`: `exit` or `quit`."),
    "mt_call": ("ims/call_control.py", "`session_id`."),
    "quit": ("ims/control.py", ""),
    "register": ("oam/api_events.py", ""),
    "reinvite": ("ims/call_control.py", ""),
    "sms": ("ims/sms_control.py", "`ids`, one for each part."),
    "sms_flush": ("ims/sms_control.py", "`count` of the messages forgotten."),
    "stats": ("oam/api_stats.py", "`instance_id`; `cpu` with `global`, per cent of one core; `counters` with `messages`"
              " and `errors` (`cevent help msg` lists them); `users` with `total`, `max_registered` and `bindings`."),
    "unregister": ("ims/deregistration.py", "`uris` of the contacts that end."),
    "user_set": ("ims/user_control.py", ""),
    "users_add": ("ims/provisioning.py", "`added`, how many; `warnings`."),
    "users_get": ("ims/control.py", f"`users`: {_USERS}."),
}  # fmt: skip
_EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    "invite": ("A call waits for dialog_answer.", "`session_id`."),
    "sms": ("A short message came from a phone.", "`sender`, `destination`, `text` or `binary`, `dcs`."),
    "users_update": ("Users have changed: registrations, calls, short messages.", f"`users_update`: {_USERS}."),
}


def messages() -> list[Message]:
    """Every message, in the order of their names."""
    return [_message(name, schema, *_CARRIED_OUT[name]) for name, schema in sorted(api_schema.SCHEMAS.items())]


EVENTS: Final = [Message(name, text, (), answer, "oam/api_events.py") for name, (text, answer) in _EVENTS.items()]


def _message(name: str, schema: type[Any], file: str, answer: str) -> Message:
    if schema is not dict:
        return Message(name, _summary(schema), params_of(schema), answer, file)
    text, required, told = OF_CONFIGURATION[name]
    params = [Param(option, "as in the configuration", "mandatory" if option in required else "", about.text)
              for option, about in told.items()]  # fmt: skip
    if name == "config_set":
        params.insert(0, Param("logs", "an object", "", f"as {_LOGS}; a layer may be `all`"))
    if name == "impu_add":
        params.insert(0, Param("impi", "a string", "mandatory", "the user"))
    return Message(name, text, tuple(params), answer, file)


def _summary(schema: type[Any]) -> str:
    return " ".join((schema.__doc__ or "").split())


def params_of(schema: type[Any]) -> tuple[Param, ...]:
    """The members of a message as its Struct has them."""
    found = inspect.type_info(schema)
    assert isinstance(found, inspect.StructType)
    return tuple(
        Param(field.encode_name, kind(field.type), _default(field), _description(field.type)) for field in found.fields
    )


def kind(type_: inspect.Type) -> str:
    """A type in words, with its bounds."""
    match type_:
        case inspect.Metadata():
            return kind(type_.type)
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return "a string"
        case inspect.IntType():
            return f"an integer{_bounds(type_)}"
        case inspect.FloatType():
            return f"a number{_bounds(type_)}"
        case inspect.LiteralType():
            return "one of " + ", ".join(f'"{value}"' for value in sorted(map(str, type_.values)) if value)
        case inspect.ListType():
            return "an array, each " + kind(type_.item_type)
        case inspect.UnionType():
            parts = (part for part in type_.types if not isinstance(part, inspect.NoneType))
            return " or ".join(kind(part) for part in parts)
        case _:
            return "an object"


def _bounds(type_: "inspect.IntType | inspect.FloatType") -> str:
    if type_.ge is not None and type_.le is not None:
        return f" from {type_.ge:,} to {type_.le:,}".replace(",", "")
    return f" of at least {type_.ge}" if type_.ge is not None else ""


def _description(type_: inspect.Type) -> str:
    """The help text, which msgspec keeps beside the type that it belongs to."""
    if isinstance(type_, inspect.Metadata):
        return str((type_.extra_json_schema or {}).get("description", "")) or _description(type_.type)
    parts = type_.types if isinstance(type_, inspect.UnionType) else ()
    return next((text for part in parts if (text := _description(part))), "")


def _default(field: inspect.Field) -> str:
    if field.required:
        return "mandatory"
    if field.default in (None, UNSET, "", msgspec.NODEFAULT):
        return ""
    return msgspec.json.encode(field.default).decode()
