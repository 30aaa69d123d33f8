"""The log_options language: every option of manual 5.2, its order, its errors, and the way back to text."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.config.log_options import (
    AppendSetting,
    FileCut,
    LayerOption,
    LayerSetting,
    LayerState,
    LogOptions,
    MicrosecondsSetting,
    RotateNow,
    RotatePath,
    RotateSize,
    TimeFormat,
    TimeSetting,
    format_log_options,
    parse_log_options,
)
from lteims.trace import DEBUG, ERROR, INFO, LAYERS, LEVEL_NAMES, WARN


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("sip.level=debug", LayerSetting("sip", LayerOption.LEVEL, DEBUG)),
        ("all.level=error", LayerSetting("all", LayerOption.LEVEL, ERROR)),
        ("IMS.Level=WARN", LayerSetting("ims", LayerOption.LEVEL, WARN)),
        ("mme.level=none", LayerSetting("mme", LayerOption.LEVEL, 0)),
        ("media.level=info", LayerSetting("media", LayerOption.LEVEL, INFO)),
        ("rx.max_size=32", LayerSetting("rx", LayerOption.MAX_SIZE, 32)),
        ("cx.payload=1", LayerSetting("cx", LayerOption.PAYLOAD, 1)),
        ("all.key=true", LayerSetting("all", LayerOption.KEY, 1)),
        ("all.crypto=false", LayerSetting("all", LayerOption.CRYPTO, 0)),
        ("time=sec", TimeSetting(TimeFormat.SEC)),
        ("time=short", TimeSetting(TimeFormat.SHORT)),
        ("time=full", TimeSetting(TimeFormat.FULL)),
        ("time.us=1", MicrosecondsSetting(True)),
        ("file=cut", FileCut()),
        ("file.rotate=now", RotateNow()),
        ("file.rotate=1000", RotateSize(1000)),
        ("file.rotate=10K", RotateSize(10 << 10)),
        ("file.rotate=100m", RotateSize(100 << 20)),
        ("file.rotate=2G", RotateSize(2 << 30)),
        ("file.path=/var/log/old logs", RotatePath("/var/log/old logs")),
        ("file.path=", RotatePath("")),
        ("append=1", AppendSetting(True)),
        (" time = full ", TimeSetting(TimeFormat.FULL)),
    ],
)
def test_each_option(text: str, setting: object) -> None:
    assert parse_log_options(text) == (setting,)


def test_order_is_kept() -> None:
    assert parse_log_options("all.level=error,sip.level=debug,all.max_size=1,") == (
        LayerSetting("all", LayerOption.LEVEL, ERROR),
        LayerSetting("sip", LayerOption.LEVEL, DEBUG),
        LayerSetting("all", LayerOption.MAX_SIZE, 1),
    )


def test_nothing_to_set() -> None:
    assert parse_log_options("") == parse_log_options(" , ,") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nas.level=debug", ("'nas'", "all, ims, sip, media, rx, cx, mme")),
        ("sip.colour=1", ("'colour'", "level, max_size, payload, key, crypto")),
        ("sip.level=loud", ("sip.level=loud", "none, error, warn, info, debug")),
        ("sip.max_size=-1", ("max_size", "bytes")),
        ("sip.max_size=٣", ("max_size",)),
        ("sip.max_size=" + "9" * 5000, ("max_size",)),
        ("sip.payload=2", ("0 or 1",)),
        ("time=long", ("sec, short, full",)),
        ("time.us=yes", ("0 or 1",)),
        ("file=paste", ("cut",)),
        ("file.rotate=10T", ("now", "100M")),
        ("file.colour=1", ("'file'", "layers are")),
        ("colour=1", ("LAYER.", "file.rotate")),
        ("sip", ("NAME=VALUE",)),
        ("all.level=error,sip.level", ("'sip.level'",)),
    ],
)
def test_an_error_names_it_and_what_is_allowed(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="log option") as caught:
        parse_log_options(text)
    assert all(word in str(caught.value) for word in words)
    assert len(str(caught.value)) < 300


@given(st.text())
def test_any_text_parses_or_is_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_log_options(text)


def _apply(text: str) -> LogOptions:
    """A model of what the sink does, in five lines."""
    values = dict.fromkeys([(name, option) for name in LAYERS for option in LayerOption], 0)
    rest: dict[str, object] = {}
    for setting in parse_log_options(text):
        match setting:
            case LayerSetting(layer, option, value):
                values.update({(name, option): value for name in LAYERS if layer in ("all", name)})
            case TimeSetting(time):
                rest["time"] = time
            case MicrosecondsSetting(on):
                rest["microseconds"] = on
            case RotateSize(size):
                rest["rotate_size"] = size
            case RotatePath(path):
                rest["rotate_path"] = path
            case AppendSetting(on):
                rest["append"] = on
    layers = tuple(
        LayerState(
            name,
            values[name, LayerOption.LEVEL],
            values[name, LayerOption.MAX_SIZE],
            bool(values[name, LayerOption.PAYLOAD]),
            bool(values[name, LayerOption.KEY]),
            bool(values[name, LayerOption.CRYPTO]),
        )
        for name in LAYERS
    )
    return LogOptions(layers, **rest)  # type: ignore[arg-type]


_layers = st.tuples(
    *(
        st.builds(
            LayerState,
            name=st.just(name),
            level=st.integers(0, len(LEVEL_NAMES) - 1),
            max_size=st.integers(0, 999_999_999),
            payload=st.booleans(),
            key=st.booleans(),
            crypto=st.booleans(),
        )
        for name in LAYERS
    )
)


@given(
    st.builds(
        LogOptions,
        layers=_layers,
        time=st.sampled_from(TimeFormat),
        microseconds=st.booleans(),
        rotate_size=st.one_of(st.integers(0, 10**12 - 1), st.integers(0, 9).map(lambda n: n << 30)),
        rotate_path=st.sampled_from(["", "/var/log/old", "rel=at ive"]),
        append=st.booleans(),
    )
)
def test_the_text_gives_the_state_again(options: LogOptions) -> None:
    assert _apply(format_log_options(options)) == options


def test_the_text_is_short_where_layers_agree() -> None:
    layers = tuple(LayerState(n, DEBUG if n == "sip" else ERROR, 0, False, False, False) for n in LAYERS)
    assert format_log_options(LogOptions(layers)) == (
        "all.level=error,sip.level=debug,all.max_size=0,all.payload=0,all.key=0,all.crypto=0,"
        "time=short,time.us=0,file.rotate=0,file.path=,append=0"
    )
