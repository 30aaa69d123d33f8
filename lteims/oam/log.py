"""The sink of lteims/trace.py: formats entries (manual chapter 8), keeps them in the ring, hands them to the file.

app.py makes one LogFile from log_filename, log_options and log_sync and installs it with `trace.set_sink`; the monitor
and the remote API change it with `apply`. Floors below only ever call `trace.log`.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

from lteims import trace
from lteims.clock import WallClock
from lteims.config.log_options import (
    ALL,
    AppendSetting,
    FileCut,
    LayerOption,
    LayerSetting,
    LayerState,
    LogOptions,
    LogSetting,
    MicrosecondsSetting,
    RotateNow,
    RotatePath,
    RotateSize,
    TimeFormat,
    TimeSetting,
    format_log_options,
)
from lteims.errors import OperatorError
from lteims.oam.log_format import Stamp, continuation, hexdump, one_line
from lteims.oam.log_ring import LogRing
from lteims.oam.log_writer import CallLater, LogWriter, check_directory

_WITH_PAYLOAD = frozenset({"RX", "CX", "MME"})  # manual 5.2: Diameter and SGsAP octets are shown only with payload=1


@dataclass(frozen=True, slots=True)
class LogState:
    """What the monitor's `log` and `config_get` show."""

    filename: str  # "" where only the ring is filled
    size: int  # bytes in the file, without what is still held back
    sync: bool
    options: LogOptions
    count: int  # entries in the ring
    lost: int  # entries that could not be written


class LogFile:
    """The one log of the process; a trace.Sink."""

    def __init__(
        self,
        filename: str = "",
        *,
        directory: str = "",
        options: Iterable[LogSetting] = (),
        sync: bool = False,
        wall: WallClock = time.time,
        ring: LogRing | None = None,
    ) -> None:
        """Open the file; a relative name starts at `directory`, that of the configuration file.

        Without a name there is no file, only the ring. Raises OperatorError where the file cannot be opened or
        a directory of the options does not exist.
        """
        self.ring = ring or LogRing()
        self._directory = directory
        self._sync = sync
        self._wall = wall
        self._time = TimeFormat.SHORT
        self._microseconds = False
        self._stamp = Stamp()
        self._rotate_size = 0
        self._rotate_path = ""
        self._append = False
        self._writer: LogWriter | None = None
        settings = tuple(options)
        self._check(settings)
        for setting in settings:
            self._set(setting)
        if filename:
            self._writer = self._open(os.path.join(directory, filename), settings)

    def _open(self, path: str, settings: tuple[LogSetting, ...]) -> LogWriter:
        if "\0" in path:
            raise OperatorError(f"log file {one_line(path)}: a file name has no zero octet; change log_filename")
        rotate = RotateNow() in settings  # in the configuration: what an earlier run left there is set aside
        writer = LogWriter(
            path, self._wall, append=self._append, sync=self._sync, rotate_dir=self._rotate_dir(), set_aside=rotate
        )
        self._configure(writer)
        if FileCut() in settings:
            writer.cut()
        return writer

    def start(self, call_later: CallLater) -> None:
        """Hold lines back for up to 50 ms from now on, on the event loop's call_later; before, each is written at once.

        With log_sync every entry is always written at once.
        """
        if self._writer is not None:
            self._writer.start(call_later)

    def write(self, layer: trace.Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        """Take one entry that has passed its layer's level (trace.Sink)."""
        text = message if message.isprintable() else one_line(message)
        if body:
            text += continuation(body)
        if data and layer.max_size and (layer.payload or layer.name not in _WITH_PAYLOAD):
            text += hexdump(data[: layer.max_size])
        micro = round(self._wall() * 1_000_000)
        self.ring.append(micro // 1000, layer.name, level, dir, id, text)
        if self._writer is not None:
            # Manual 8.3: MEDIA has the id before the direction, all others behind it.
            head = f"{id} {dir:<2}" if layer is trace.MEDIA else f"{dir:<2} {id}"
            self._writer.write(f"{self._stamp.of(micro)} [{layer.name}] {head} {text}\n")

    def apply(self, settings: Iterable[LogSetting]) -> None:
        """Change the options, in order. Raises OperatorError, and then they are as before."""
        settings = tuple(settings)
        self._check(settings)
        before = self.options()
        try:
            for setting in settings:
                self._set(setting)
                self._act(setting)
        except OperatorError:
            self._restore(before)
            raise

    def _check(self, settings: Iterable[LogSetting]) -> None:
        for setting in settings:
            if isinstance(setting, RotatePath) and setting.path:
                check_directory(os.path.join(self._directory, setting.path))

    def _set(self, setting: LogSetting) -> None:
        match setting:
            case LayerSetting(name, option, value):
                for layer in trace.LAYERS.values() if name == ALL else (trace.LAYERS[name],):
                    _set_layer(layer, option, value)
            case TimeSetting(format):
                self._time = format
            case MicrosecondsSetting(on):
                self._microseconds = on
            case RotateSize(size):
                self._rotate_size = size
            case RotatePath(path):
                self._rotate_path = path
            case AppendSetting(on):
                self._append = on
            case FileCut() | RotateNow():
                return
        self._configure(self._writer)

    def _configure(self, writer: LogWriter | None) -> None:
        self._stamp = Stamp(self._time, self._microseconds)
        if writer is not None:
            writer.rotate_size = self._rotate_size
            writer.rotate_dir = self._rotate_dir()

    def _rotate_dir(self) -> str:
        return os.path.join(self._directory, self._rotate_path) if self._rotate_path else ""

    def _act(self, setting: LogSetting) -> None:
        match setting:
            case FileCut():
                self._file().cut()
            case RotateNow():
                self._file().rotate()
            case _:
                pass

    def _file(self) -> LogWriter:
        if self._writer is None:
            raise OperatorError("there is no log file: set log_filename in the configuration")
        return self._writer

    def _restore(self, options: LogOptions) -> None:
        for state in options.layers:
            for option in LayerOption:
                _set_layer(trace.LAYERS[state.name], option, getattr(state, option))
        self._time = options.time
        self._microseconds = options.microseconds
        self._rotate_size = options.rotate_size
        self._rotate_path = options.rotate_path
        self._append = options.append
        self._configure(self._writer)

    def options(self) -> LogOptions:
        """The options as they stand."""
        layers = tuple(
            LayerState(name, layer.level, layer.max_size, layer.payload, layer.key, layer.crypto)
            for name, layer in trace.LAYERS.items()
        )
        return LogOptions(layers, self._time, self._microseconds, self._rotate_size, self._rotate_path, self._append)

    def options_text(self) -> str:
        """The options as one text in the language of log_options."""
        return format_log_options(self.options())

    def state(self) -> LogState:
        """All there is to show about the log."""
        writer = self._writer
        name, size, lost = (writer.path, writer.size, writer.lost) if writer else ("", 0, 0)
        return LogState(name, size, self._sync, self.options(), len(self.ring), lost)

    def rotate(self) -> str:
        """Set the file aside and begin a new one; returns the name it will have. Raises OperatorError."""
        return self._file().rotate()

    def cut(self) -> None:
        """Begin the file anew. Raises OperatorError."""
        self._file().cut()

    def flush(self) -> None:
        """Write what is held back."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Write the rest and close the file; later entries go to the ring alone."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _set_layer(layer: trace.Layer, option: LayerOption, value: int) -> None:
    match option:
        case LayerOption.LEVEL:
            layer.level = value
        case LayerOption.MAX_SIZE:
            layer.max_size = value
        case LayerOption.PAYLOAD:
            layer.payload = bool(value)
        case LayerOption.KEY:
            layer.key = bool(value)
        case LayerOption.CRYPTO:
            layer.crypto = bool(value)
