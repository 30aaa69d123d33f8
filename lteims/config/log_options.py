"""The `log_options` language (manual 5.2): one text of comma separated assignments, parsed and written back.

The property, the monitor's `log` and the remote API all bring such settings to oam/log.py, which applies them in
their order. Pure: nothing here looks at a file or changes a level.
"""

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from lteims.trace import LAYERS, LEVEL_NAMES

ALL = "all"


class LayerOption(StrEnum):
    """What `layer.OPTION=value` can set."""

    LEVEL = "level"
    MAX_SIZE = "max_size"
    PAYLOAD = "payload"
    KEY = "key"
    CRYPTO = "crypto"


class TimeFormat(StrEnum):
    """How an entry's time is shown: seconds since 1970, time of day, date and time of day."""

    SEC = "sec"
    SHORT = "short"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class LayerSetting:
    """`layer.option=value`; `value` is a level's number, a size in bytes, or 0 and 1 for a boolean."""

    layer: str  # lower case, or "all"
    option: LayerOption
    value: int


@dataclass(frozen=True, slots=True)
class TimeSetting:
    """`time=sec|short|full`."""

    format: TimeFormat


@dataclass(frozen=True, slots=True)
class MicrosecondsSetting:
    """`time.us=0|1`."""

    on: bool


@dataclass(frozen=True, slots=True)
class FileCut:
    """`file=cut`: begin the log file anew, dropping what it holds."""


@dataclass(frozen=True, slots=True)
class RotateNow:
    """`file.rotate=now`: set the log file aside under a name with a time stamp and begin a new one."""


@dataclass(frozen=True, slots=True)
class RotateSize:
    """`file.rotate=SIZE[K|M|G]`: rotate whenever the file reaches this many bytes; 0 means never."""

    size: int


@dataclass(frozen=True, slots=True)
class RotatePath:
    """`file.path=PATH`: the directory that rotated files go to; empty means where the log file is."""

    path: str


@dataclass(frozen=True, slots=True)
class AppendSetting:
    """`append=0|1`: what happens to an existing file when it is opened."""

    on: bool


LogSetting = (
    LayerSetting | TimeSetting | MicrosecondsSetting | FileCut | RotateNow | RotateSize | RotatePath | AppendSetting
)


@dataclass(frozen=True, slots=True)
class LayerState:
    """The options of one layer as they stand."""

    name: str  # lower case
    level: int
    max_size: int
    payload: bool
    key: bool
    crypto: bool


@dataclass(frozen=True, slots=True)
class LogOptions:
    """All options as they stand; what `format_log_options` writes as one text."""

    layers: tuple[LayerState, ...]
    time: TimeFormat = TimeFormat.SHORT
    microseconds: bool = False
    rotate_size: int = 0
    rotate_path: str = ""
    append: bool = False


_BOOLEANS = {"0": False, "1": True, "false": False, "true": True}
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,12})([KMG]?)", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_OTHERS = "time, time.us, file, file.rotate, file.path, append"
_SHOWN = 80  # characters of a bad assignment that an error repeats


def parse_log_options(text: str) -> tuple[LogSetting, ...]:
    """The settings of one `log_options` text, in its order, for later ones override earlier ones.

    Raises ValueError, fit to be shown as it is, that names what is unknown and what is allowed.
    """
    return tuple(_parse_assignment(item.strip()) for item in text.split(",") if item.strip())


def _parse_assignment(item: str) -> LogSetting:
    name, equals, value = (part.strip() for part in item.partition("="))
    if not equals:
        _refuse(item, "expected NAME=VALUE")
    match name.lower():
        case "time":
            if value.lower() not in tuple(TimeFormat):
                _refuse(item, f"time is one of {', '.join(TimeFormat)}")
            return TimeSetting(TimeFormat(value.lower()))
        case "time.us":
            return MicrosecondsSetting(_boolean(item, value))
        case "append":
            return AppendSetting(_boolean(item, value))
        case "file":
            if value.lower() != "cut":
                _refuse(item, "file can only be cut")
            return FileCut()
        case "file.path":
            return RotatePath(value)
        case "file.rotate":
            return RotateNow() if value.lower() == "now" else RotateSize(_size(item, value))
        case other:
            return _layer_setting(item, other, value)


def _layer_setting(item: str, name: str, value: str) -> LayerSetting:
    layer, dot, option = name.partition(".")
    if not dot:
        _refuse(item, f"options are LAYER.{{{','.join(LayerOption)}}}, {_OTHERS}")
    if layer != ALL and layer not in LAYERS:
        _refuse(item, f"unknown layer {layer[:_SHOWN]!r}, layers are {', '.join((ALL, *LAYERS))}")
    if option not in tuple(LayerOption):
        _refuse(item, f"unknown option {option[:_SHOWN]!r}, a layer has {', '.join(LayerOption)}")
    return LayerSetting(layer, LayerOption(option), _layer_value(item, LayerOption(option), value))


def _layer_value(item: str, option: LayerOption, value: str) -> int:
    match option:
        case LayerOption.LEVEL:
            if value.lower() not in LEVEL_NAMES:
                _refuse(item, f"level is one of {', '.join(LEVEL_NAMES)}")
            return LEVEL_NAMES.index(value.lower())
        case LayerOption.MAX_SIZE:
            if not _NUMBER.fullmatch(value):
                _refuse(item, "max_size is a number of bytes, 0 to 999999999")
            return int(value)
        case _:
            return int(_boolean(item, value))


def _boolean(item: str, value: str) -> bool:
    if value.lower() not in _BOOLEANS:
        _refuse(item, "the value is 0 or 1")
    return _BOOLEANS[value.lower()]


def _size(item: str, value: str) -> int:
    size = _SIZE.fullmatch(value)
    if size is None:
        _refuse(item, "file.rotate is now, or a size such as 500K, 100M or 1G; 0 means never")
    return int(size[1]) * _UNITS[size[2].upper()]


def _refuse(item: str, reason: str) -> NoReturn:
    raise ValueError(f"log option {item[:_SHOWN]!r}: {reason}")


def format_log_options(options: LogOptions) -> str:
    """One text that, parsed and applied, gives these options again: `all.` first, then the layers that differ."""
    items: list[str] = []
    for option in LayerOption:
        values = {layer.name: _shown(layer, option) for layer in options.layers}
        if not values:
            break
        common = Counter(values.values()).most_common(1)[0][0]
        items.append(f"{ALL}.{option}={common}")
        items += (f"{name}.{option}={value}" for name, value in values.items() if value != common)
    items += (f"time={options.time}", f"time.us={options.microseconds:d}", f"file.rotate={_sized(options.rotate_size)}")
    items += (f"file.path={options.rotate_path}", f"append={options.append:d}")
    return ",".join(items)


def _shown(layer: LayerState, option: LayerOption) -> str:
    match option:
        case LayerOption.LEVEL:
            return LEVEL_NAMES[layer.level]
        case LayerOption.MAX_SIZE:
            return str(layer.max_size)
        case LayerOption.PAYLOAD:
            return f"{layer.payload:d}"
        case LayerOption.KEY:
            return f"{layer.key:d}"
        case LayerOption.CRYPTO:
            return f"{layer.crypto:d}"


def _sized(size: int) -> str:
    for unit in "GMK":
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)
