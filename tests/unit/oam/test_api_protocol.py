"""Frames of the remote API: every one, however broken, becomes requests or errors."""

import json
import random
from typing import Any

import msgspec
import pytest

from lteims.oam import api_schema
from lteims.oam.api_help import schema_of
from lteims.oam.api_protocol import Call, Clocks, Envelope, Fault, answer, encode, greeting, requests


def one(value: object, now: float = 0) -> Call | Fault:
    (found,) = requests(value if isinstance(value, str | bytes) else json.dumps(value), now)
    return found


def error(value: object, now: float = 0) -> str:
    found = one(value, now)
    assert isinstance(found, Fault), found
    return found.error


def call(value: object, now: float = 0) -> Call:
    found = one(value, now)
    assert isinstance(found, Call), found
    return found


def test_greetings() -> None:
    ready = greeting("lab")
    assert (ready["message"], ready["type"], ready["name"]) == ("ready", "IMS", "lab")
    assert "challenge" not in ready
    assert greeting("lab", "c0")["message"] == "authenticate"
    assert greeting("lab", "c0")["challenge"] == "c0"


@pytest.mark.parametrize("id", [1, "x", None, 1.5, True, [1, {"a": []}], {"b": None}, 12345678901234567890])
def test_message_id_of_any_type_comes_back(id: Any) -> None:
    found = call({"message": "help", "message_id": id})
    assert json.loads(encode(answer(found.envelope, {}))) == {"message": "help", "message_id": id}


def test_no_message_id() -> None:
    assert answer(call({"message": "help"}).envelope, {"a": 1}) == {"message": "help", "a": 1}


def test_array_gives_one_for_each_member() -> None:
    found = requests('[{"message":"help"},7,{"message":"nope","message_id":3},{"message":"stats"}]', 0)
    assert [type(item) for item in found] == [Call, Fault, Fault, Call]
    assert found[2] == Fault(Envelope("nope", (3,)), "Unknown message: nope")
    assert requests("[]", 0) == [Fault(Envelope(), "There is no request in the array")]


@pytest.mark.parametrize(
    "frame",
    [
        "", "{", "nul", b"\xff\xfe", "{'message':'help'}", '{"message":NaN}', '{"message":"help",}', "[" * 100_000,
        '"\\ud800"', '{"message":"help"} x',
    ],
)  # fmt: skip
def test_malformed(frame: str | bytes) -> None:
    assert error(frame).startswith("Malformed JSON")


def test_not_an_object() -> None:
    for frame in ("1", "null", '"help"', "true"):
        assert error(frame) == "A request must be an object"
    assert "missing" in error({})
    assert "string" in error({"message": 5})


def test_too_many_members() -> None:
    assert "Too many" in error([{"message": "help"}] * 1001)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"message": "dialog_stop"}, "session_id"),
        ({"message": "dialog_stop", "session_id": 5}, "Expected `str`, got `int`"),
        ({"message": "dialog_stop", "session_id": "a", "sesion": 1}, "unknown field `sesion`"),
        ({"message": "dialog_answer", "session_id": "a", "code": 180}, "200"),
        ({"message": "sms", "pid": 256}, "255"),
        ({"message": "log_get", "layers": []}, "layers"),
        ({"message": "log_get", "min": -1}, "min"),
        ({"message": "users_get", "registered_only": 1}, "registered_only"),
        ({"message": "help", "standalone": "yes"}, "standalone"),
        ({"message": "help", "loop_count": 2}, "'loop_count' is not supported"),
        ({"message": "help", "start_time": "1"}, "start_time"),
        ({"message": "help", "start_time": True}, "start_time"),
        ({"message": "help", "start_time": -1}, "out of range"),
        ({"message": "help", "start_time": 1e300}, "out of range"),
        ({"message": "help", "start_time": 10**400}, "out of range"),
        ({"message": "help", "start_time": -(10**400), "absolute_time": True}, "out of range"),
        ({"message": "help", "start_time": 1, "absolute_time": 1}, "absolute_time"),
    ],
)
def test_wrong_parameters_are_named(value: object, says: str) -> None:
    assert says in error(value)


def test_an_integer_may_be_written_as_other_languages_do() -> None:
    (asked,) = requests('{"message": "log_get", "min": 1e3, "max": 2000.0, "message_id": 1.0}', 0)
    assert isinstance(asked, Call)
    assert (asked.params.min, asked.params.max) == (1000, 2000)
    assert isinstance(asked.envelope.ids[0], float)
    frame = '{"message": "config_set", "sms_expires": 60.0, "logs": {"layers": {"sip": {"max_size": 1e1}}}}'
    (changed,) = requests(frame, 0)
    assert isinstance(changed, Call)
    assert changed.params == {"sms_expires": 60, "logs": {"layers": {"sip": {"max_size": 10}}}}
    assert isinstance(changed.params["sms_expires"], int)
    for number in ("1.5", "1e300"):
        (refused,) = requests(f'{{"message": "log_get", "min": {number}}}', 0)
        assert isinstance(refused, Fault)


def test_start_time() -> None:
    assert call({"message": "help"}).delay == 0
    assert call({"message": "help", "start_time": 2.5}, 100).delay == 2.5
    assert call({"message": "help", "start_time": 102.5, "absolute_time": True}, 100).delay == 2.5
    assert call({"message": "help", "start_time": 5, "absolute_time": True}, 100).delay == 0
    assert call({"message": "help", "standalone": True}).standalone


def test_readers_pass_over_what_other_servers_know() -> None:
    assert call({"message": "log_get", "rep": True, "layers": {"PHY": "debug"}}).params.layers == {"PHY": "debug"}


def test_defaults_are_the_manual_s() -> None:
    log_get = call({"message": "log_get"}).params
    assert (log_get.min, log_get.max, log_get.timeout, log_get.allow_empty) == (1, 4096, 1, False)
    assert call({"message": "sms", "text": "a"}).params.validity == 86400


def test_every_message_prints_its_schema() -> None:
    for name in api_schema.SCHEMAS:
        assert json.dumps(schema_of(name)), name


def test_times() -> None:
    clocks = Clocks(1000.0, 1_700_000_000.0)
    assert clocks.of(1002.12345) == {"time": 2.123, "utc": 1_700_000_002.123}


def test_anything_is_one_line() -> None:
    text = encode({"text": "a\nb\x00\u2028", "raw": msgspec.Raw(b'{"a":1}')})
    assert b"\n" not in text
    assert json.loads(text)["raw"] == {"a": 1}
    assert json.loads(encode({"text": "\udcff", "raw": msgspec.Raw(b"[1]")}))["raw"] == [1]


VALID = [
    {"message": "log_get", "message_id": 7, "layers": {"SIP": "debug"}, "min": 1, "timeout": 0.5},
    {"message": "sms", "impi": "a@b", "text": "h\u00e9", "validity": 60, "tp_udl": 3, "dcs": 8},
    {"message": "mt_call", "impu": "tel:1", "duration": 3.5, "sos": False},
    [{"message": "register", "register": ["sms"]}, {"message": "stats", "start_time": 1, "absolute_time": True}],
    {"message": "users_add", "users": [{"imsi": "001010000000001", "K": "00"}]},
]


def test_spoilt_frames_never_raise() -> None:
    chance = random.Random(5)
    seeds = [json.dumps(value).encode() for value in VALID]
    for _ in range(10_000):
        frame = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(frame))
            match chance.randrange(4):
                case 0:
                    frame[place] = chance.randrange(256)
                case 1:
                    del frame[place : place + chance.randint(1, 8)]
                case 2:
                    frame[place:place] = chance.choice([b"{", b"[", b'"', b"null", b"1e9", b"\\u", b"-", b"true"])
                case 3:
                    frame[place:place] = frame[: chance.randint(1, 20)]
            frame = frame or bytearray(b" ")
        for found in requests(bytes(frame), 3.0):
            if isinstance(found, Fault):
                assert found.error
                encode(answer(found.envelope, {"error": found.error}))


def test_help_names_the_properties_that_a_message_takes() -> None:
    for name, some in (("config_set", "logs sms_expires"), ("impu_add", "impi impu code"), ("impu_set", "impu code")):
        schema = schema_of(name)
        assert set(some.split()) <= schema["properties"].keys()
        assert all(member.get("description") or member.get("$defs") for member in schema["properties"].values())
    assert schema_of("impu_add")["required"] == ["impi", "impu"]
    assert "cannot be changed" in schema_of("impu_set")["properties"]["domain"]["description"]
    with pytest.raises(ValueError, match="Unknown message: x"):
        schema_of("x")
