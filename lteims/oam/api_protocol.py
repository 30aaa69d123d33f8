"""The remote API's frames without any I/O (manual 6.1 to 6.3): requests out of a frame, answers and events into one.

api.py feeds it and sends what it makes. No frame raises: what is wrong with it becomes an answer with `error`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from lteims import __version__
from lteims.oam import api_schema
from lteims.oam.api_auth import TYPE

LONGEST_FRAME: Final = 1 << 20  # octets
LONGEST_LOGIN: Final = 4096  # octets of a frame of somebody who has not authenticated
MOST_MEMBERS: Final = 1000  # of an array of requests
_LONGEST_DELAY: Final = 366 * 86400.0  # seconds that a request may be put off
_LATEST: Final = 1e12
_EXACT: Final = 2.0**53  # up to here a double is no other integer
_SHOWN: Final = 60  # characters of the client's words that an error repeats


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an answer has in common with its request."""

    message: str = ""  # "" where the request had none
    ids: tuple[Any, ...] = ()  # its message_id, if there was one; null is one


@dataclass(frozen=True, slots=True)
class Fault:
    """A request that cannot be carried out, and why."""

    envelope: Envelope
    error: str


@dataclass(frozen=True, slots=True)
class Call:
    """A request that can be carried out, `delay` seconds from now."""

    envelope: Envelope
    params: Any  # the message's Struct, or a dict
    delay: float = 0.0
    standalone: bool = False


class Clocks:
    """`time` and `utc` of everything that is sent: seconds since the start, and since 1970."""

    def __init__(self, started: float, started_utc: float) -> None:
        """`started` by the monotonic clock, `started_utc` by the wall's."""
        self.started = started
        self.started_utc = started_utc

    def of(self, now: float) -> dict[str, float]:
        """The two members; they go on evenly when somebody sets the wall clock."""
        time = now - self.started
        return {"time": round(time, 3), "utc": round(self.started_utc + time, 3)}


def greeting(name: str, challenge: str = "") -> dict[str, Any]:
    """The first frame of a connection, without its times (6.2); with a challenge it asks for authentication."""
    found = {"message": "authenticate" if challenge else "ready", "type": TYPE, "name": name, "version": __version__}
    return found | ({"challenge": challenge} if challenge else {})


def answer(envelope: Envelope, fields: Mapping[str, Any]) -> dict[str, Any]:
    """An answer, without its times."""
    head: dict[str, Any] = {"message": envelope.message} if envelope.message else {}
    if envelope.ids:
        head["message_id"] = envelope.ids[0]
    return head | dict(fields)


def encode(fields: object) -> bytes:
    """One line of JSON."""
    try:
        return _encoder.encode(fields)
    except (UnicodeEncodeError, RecursionError):
        try:  # octets of a peer that are no UTF-8
            return json.dumps(fields, default=_plain).encode()
        except (RecursionError, TypeError, ValueError):
            return b'{"error":"the answer cannot be written as JSON"}'


def requests(frame: str | bytes, now: float) -> list[Call | Fault]:
    """The requests of a frame, an object or an array of them; `now` is the `time` of answers (absolute_time)."""
    try:
        value = _decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        why = "nested too deep" if isinstance(error, RecursionError) else str(error).removeprefix("JSON is malformed: ")
        return [Fault(Envelope(), f"Malformed JSON: {why}")]
    members = value if isinstance(value, list) else [value]
    if not members:
        return [Fault(Envelope(), "There is no request in the array")]
    if len(members) > MOST_MEMBERS:
        return [Fault(Envelope(), f"Too many requests in one array: {len(members)}, the most is {MOST_MEMBERS}")]
    return [_request(member, now) for member in members]


def _request(member: Any, now: float) -> Call | Fault:
    if not isinstance(member, dict):
        return Fault(Envelope(), "A request must be an object")
    name = member.get("message")
    ids = (member["message_id"],) if "message_id" in member else ()
    if not isinstance(name, str):
        return Fault(Envelope("", ids), "'message' is missing" if name is None else "'message' must be a string")
    envelope = Envelope(name, ids)
    schema = api_schema.SCHEMAS.get(name)
    if schema is None:
        return Fault(envelope, f"Unknown message: {name[:_SHOWN]}")
    try:
        delay = _delay(member, now)
        standalone = _flag(member, "standalone")
        params = {key: _whole(value) for key, value in member.items() if key not in api_schema.COMMON}
        for key in api_schema.REFUSED:
            if key in params:
                raise ValueError(f"'{key}' is not supported: {api_schema.REFUSED[key]}")
        return Call(envelope, params if schema is dict else api_schema.read(params, schema), delay, standalone)
    except (ValueError, OverflowError, RecursionError) as error:
        return Fault(envelope, str(error))


def _delay(member: dict[str, Any], now: float) -> float:
    start = member.get("start_time")
    absolute = _flag(member, "absolute_time")
    if start is None:
        return 0.0
    if isinstance(start, bool) or not isinstance(start, int | float):
        raise ValueError("'start_time' must be a number of seconds")
    if not abs(start) <= _LATEST:  # JSON has integers that are no float
        raise ValueError("'start_time' is out of range")
    delay = float(start) - now if absolute else float(start)
    if delay > _LONGEST_DELAY or (delay < 0 and not absolute):
        raise ValueError("'start_time' is out of range")
    return max(0.0, delay)


def _whole(value: Any) -> Any:
    """JSON has one kind of number: what some languages write as 1000.0 is the integer 1000."""
    match value:
        case float() if value.is_integer() and abs(value) <= _EXACT:
            return int(value)
        case list():
            return [_whole(member) for member in value]
        case dict():
            return {name: _whole(member) for name, member in value.items()}
    return value


def _flag(member: dict[str, Any], name: str) -> bool:
    value = member.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"'{name}' must be a boolean")
    return value


def _plain(value: object) -> object:
    return json.loads(bytes(value)) if isinstance(value, msgspec.Raw) else str(value)


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder()
