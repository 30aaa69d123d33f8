"""The messages of the remote API carried out (manual 6.5, 6.6), over ims/control.py and oam/log.py alone.

api.py calls `execute` with what api_protocol.py has read; it answers with fields, with something to wait for, or with a
LogQuery. OperatorError and ValueError are the answer's `error`.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import UNSET

from lteims import __version__, trace
from lteims.config.log_options import (
    ALL,
    LayerOption,
    LayerSetting,
    LogSetting,
    RotatePath,
    RotateSize,
)
from lteims.errors import OperatorError
from lteims.ims.control import Control
from lteims.ims.provisioning import Provisioning
from lteims.ims.settings import Settings
from lteims.ims.user_control import UserControl
from lteims.oam import api_monitor, api_schema, api_views
from lteims.oam.api_auth import TYPE
from lteims.oam.api_events import Events, Listener
from lteims.oam.api_help import schema_of
from lteims.oam.api_log import LogEntries, LogQuery
from lteims.oam.api_protocol import encode
from lteims.oam.api_stats import Sampling
from lteims.oam.commands import Commands
from lteims.oam.license import LICENSE
from lteims.oam.log import LogFile
from lteims.oam.log_format import header
from lteims.trace import LAYERS, LEVEL_NAMES

Fields = dict[str, Any]
S = TypeVar("S")
Result = Fields | LogQuery | Awaitable[Fields]
_USERS_AT_ONCE = 250


class Client(Listener, Protocol):
    """Who asks."""

    log_idx: int  # of the entry of the log that it wants next


class Messages:
    """All messages but `authenticate`."""

    def __init__(
        self,
        name: str,
        control: Control,
        commands: Commands,
        users: UserControl,
        settings: Settings,
        log_file: LogFile,
        events: Events,
        sampling: Sampling,
        now: Callable[[], float],
        started_utc: float,
    ) -> None:
        """`now` is the loop's time, `started_utc` when the log file was begun."""
        self._name = name
        self._control = control
        self._commands = commands
        self._users = users
        self._settings = settings
        self._log_file = log_file
        self._events = events
        self._sampling = sampling
        self._now = now
        self._started_utc = started_utc
        self._entries = LogEntries(log_file.ring, name)
        users.listeners.append(events.changed)
        if control.provisioning is not None:
            control.provisioning.listeners.append(events.changed)

    def execute(self, client: Client, message: str, params: Any) -> Result:
        """Carry a message out."""
        handler: Callable[[Client, Any], Result] = getattr(self, f"_{message}")
        return handler(client, params)

    # -- 6.5
    def _config_get(self, client: Client, params: api_schema.ConfigGet) -> Fields:
        logs = api_views.logs(self._log_file.state(), self._log_file.ring.max_entries)
        return {"type": TYPE, "name": self._name, "version": __version__, "logs": logs} | self._settings.shown()

    def _config_set(self, client: Client, params: Fields) -> Fields:
        """Everything is checked before anything is changed."""
        others = {name: value for name, value in params.items() if name != "logs"}
        fields = self._settings.check(others)
        settings, count = _logs_change(params["logs"]) if "logs" in params else ([], None)
        self._log_file.apply(settings)
        if count is not None:
            self._log_file.ring.resize(count)
        self._settings.apply(fields)
        return {}

    def _log_get(self, client: Client, params: api_schema.LogGet) -> LogQuery:
        return LogQuery(params, self._entries, client.log_idx, self._now())

    def log_headers(self) -> list[str]:
        """What the log file begins with, for log_get with `headers`."""
        return header(self._started_utc).splitlines()

    def _log_set(self, client: Client, params: api_schema.LogSet) -> Fields:
        layer = LAYERS.get(params.layer.lower())
        if params.log is not None and (layer is None or not params.level):
            raise ValueError(f"'log' needs 'level' and 'layer', one of {', '.join(LAYERS)}")
        if params.log is not None and layer is not None:
            id = "-" if params.ue_id is None else f"{params.ue_id:04x}"
            first, _, body = params.log.partition("\n")
            trace.log(layer, LEVEL_NAMES.index(params.level), first, dir=params.dir or "-", id=id, body=body)
        if params.cut:
            self._log_file.cut()
        if params.rotate:
            self._log_file.rotate()
        if params.flush:
            self._log_file.flush()
        return {}

    def _log_reset(self, client: Client, params: api_schema.LogReset) -> Fields:
        self._log_file.ring.clear()
        return {}

    def _quit(self, client: Client, params: api_schema.Quit) -> Fields:
        self._control.quit()
        return {}

    def _help(self, client: Client, params: api_schema.Help) -> Fields:
        if not params.name:
            return {"messages": sorted(api_schema.SCHEMAS), "events": list(api_schema.EVENTS)}
        return {"name": params.name, "schema": schema_of(params.name)}

    def _stats(self, client: Client, params: api_schema.Stats) -> Fields:
        return self._sampling.sample() | {"users": self._users.counts()}

    def _register(self, client: Client, params: api_schema.Register) -> Fields:
        self._events.register(client, _words(params.register), _words(params.unregister))
        return {}

    def _license(self, client: Client, params: api_schema.License) -> Fields:
        return dict(LICENSE)

    def _monitor(self, client: Client, params: api_schema.Monitor) -> Result:
        return api_monitor.monitor(self._commands, params.line)

    def _complete(self, client: Client, params: api_schema.Complete) -> Fields:
        return api_monitor.complete(self._commands, params.line)

    # -- users
    async def _users_get(self, client: Client, params: api_schema.UsersGet) -> Fields:
        """Some at a time: thousands of users would hold up phones for a tenth of a second."""
        impis = self._control.impis(registered_only=params.registered_only)
        parts: list[bytes] = []
        for start in range(0, len(impis), _USERS_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            views = self._control.users_of(impis[start : start + _USERS_AT_ONCE])
            parts.append(encode([api_views.user(view) for view in views])[1:-1])
        return {"users": msgspec.Raw(b"[" + b",".join(part for part in parts if part) + b"]")}

    def _users_add(self, client: Client, params: api_schema.UsersAdd) -> Awaitable[Fields]:
        warnings: list[Any] = []
        added = self._provisioning().add(params.users, warnings)
        return self._durable({"added": added} | _warned(warnings))

    def _impu_add(self, client: Client, params: Fields) -> Awaitable[Fields]:
        options = dict(params)
        impi = options.pop("impi", None)
        if not isinstance(impi, str):
            raise ValueError("'impi' is missing: a string that names the user")
        warnings: list[Any] = []
        uri = self._provisioning().add_impu(impi, options, warnings)
        return self._durable({"uri": uri} | _warned(warnings))

    def _impu_del(self, client: Client, params: api_schema.ImpuDel) -> Awaitable[Fields]:
        return self._durable({"uris": self._provisioning().delete_impu(params.impu, params.event)})

    def _provisioning(self) -> Provisioning:
        if self._control.provisioning is None:
            raise OperatorError("this server has no database of users")
        return self._control.provisioning

    async def _durable(self, fields: Fields) -> Fields:
        """The answer, once what was done is on the disk."""
        await self._provisioning().commit()
        return fields

    def _user_set(self, client: Client, params: api_schema.UserSet) -> Fields:
        if isinstance(params.force_sms_over_sg, bool):
            self._users.set(params.impi, force_sms_over_sg=params.force_sms_over_sg)
        else:
            raise ValueError("nothing to set: force_sms_over_sg is missing")
        return {}

    def _impu_set(self, client: Client, params: Fields) -> Fields:
        changes = dict(params)
        impu = changes.pop("impu", None)
        if not isinstance(impu, str):
            raise ValueError("'impu' is missing: a string that names the identity to change")
        warnings: list[Any] = []
        self._control.impu_set(impu, changes, warnings)
        return _warned(warnings)

    def _unregister(self, client: Client, params: api_schema.Unregister) -> Fields:
        return {"uris": self._control.unregister(params.uri, params.event)}

    # -- messages
    def _sms(self, client: Client, params: api_schema.Sms) -> Awaitable[Fields]:
        control = self._control.sms
        if control is None:
            raise OperatorError("this server has no short messages")
        data = None if params.text is not None else _data(params)
        draft = control.prepare(
            impi=params.impi, impu=params.impu, text=params.text, sender=params.sender, validity=params.validity,
            data=data, tp_udl=params.tp_udl, tp_udhi=params.tp_udhi_present, pid=params.pid, dcs=params.dcs,
            sos=params.sos,
        )  # fmt: skip

        async def send() -> Fields:
            return {"ids": await control.send(draft)}

        return send()

    def _sms_flush(self, client: Client, params: api_schema.SmsFlush) -> Fields:
        if self._control.sms is None:
            raise OperatorError("this server has no short messages")
        return {"count": self._control.sms.sms_flush(params.impi)}

    def _mms(self, client: Client, params: api_schema.Mms) -> Awaitable[Fields]:
        control = self._control.mms
        if control is None:
            raise OperatorError("this server has no multimedia messages: set mms_server_bind_addr")
        draft = control.prepare(params.filename, params.sender, params.to, sos=params.sos)

        async def send() -> Fields:
            return {"id": await control.send(draft)}

        return send()

    # -- calls
    def _mt_call(self, client: Client, params: api_schema.MtCall) -> Fields:
        return {"session_id": self._control.calls.mt_call(**msgspec.structs.asdict(params))}

    def _dialog_get(self, client: Client, params: api_schema.DialogGet) -> Fields:
        return {"dialogs": [api_views.dialog(info) for info in self._control.calls.dialogs(params.session_id)]}

    def _dialog_stop(self, client: Client, params: api_schema.DialogStop) -> Fields:
        self._control.calls.dialog_stop(params.session_id)
        return {}

    def _dialog_answer(self, client: Client, params: api_schema.DialogAnswer) -> Fields:
        self._control.calls.dialog_answer(params.session_id, params.code)
        return {}

    def _dialog_set(self, client: Client, params: api_schema.DialogSet) -> Fields:
        self._control.calls.dialog_set(params.session_id, params.action, params.code)
        return {}

    def _reinvite(self, client: Client, params: api_schema.Reinvite) -> Fields:
        self._control.calls.reinvite(params.session_id)
        return {}


def _words(value: str | list[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _warned(warnings: Sequence[object]) -> Fields:
    return {"warnings": [str(warning) for warning in warnings]} if warnings else {}


def _data(params: api_schema.Sms) -> bytes | None:
    try:
        if params.binary is not None:
            return base64.b64decode(params.binary, validate=True)
        return bytes.fromhex(params.binary_hex) if params.binary_hex is not None else None
    except (binascii.Error, ValueError) as error:
        name = "binary" if params.binary is not None else "binary_hex"
        raise ValueError(f"'{name}' cannot be read: {error}") from None


def _logs_change(value: object) -> tuple[list[LogSetting], int | None]:
    """The member `logs` as log_options has it, `all` before the layers that are named; and how many entries to keep."""
    if isinstance(value, dict):  # what config_get shows may come back
        value = {name: member for name, member in value.items() if name != "bcch"}
    change = _read("logs", value, api_schema.LogsChange)
    found: list[LogSetting] = []
    for name, member in sorted(change.layers.items(), key=lambda item: item[0].lower() != ALL):
        if name.lower() not in (ALL, *LAYERS):
            raise ValueError(f"logs.layers: there is no layer {name[:60]!r}; layers are {', '.join((ALL, *LAYERS))}")
        options = _read(f"logs.layers.{name}", member, api_schema.LayerChange)
        for option in LayerOption:
            given = getattr(options, option)
            if given is not UNSET:
                number = LEVEL_NAMES.index(given) if option is LayerOption.LEVEL else int(given)
                found.append(LayerSetting(name.lower(), option, number))
    if change.rotate is not UNSET:
        found.append(RotateSize(change.rotate))
    if change.path is not UNSET:
        found.append(RotatePath(change.path))
    return found, None if change.count is UNSET else change.count


def _read(where: str, value: object, type: type[S]) -> S:
    try:
        return api_schema.read(value, type)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
