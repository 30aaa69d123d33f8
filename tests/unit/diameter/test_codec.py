"""The codec against octets written from RFC 6733 and TS 29.229, and against wrong lengths, flags and values."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.diameter import attributes as a
from lteims.diameter import avp, cx_attributes, rx_attributes
from lteims.diameter.avp import BY_CODE, BY_NAME, Group
from lteims.diameter.capabilities import Capabilities, Local
from lteims.diameter.command import COMMANDS, CX, Node, check, counter_of, name_of
from lteims.diameter.dump import dump
from lteims.diameter.errors import DiameterError, ResultCode
from lteims.diameter.grammar import Grammar, names
from lteims.diameter.message import Header, Message, Stream, readable


def octets(text: str) -> bytes:
    """Octets with comments behind #."""
    return bytes.fromhex("".join(line.partition("#")[0] for line in text.splitlines()))


CER = octets("""
    01 0000b0                  # version 1, length 176
    80 000101                  # request; 257 Capabilities-Exchange
    00000000                   # application 0: base
    00000001 00000002          # hop-by-hop, end-to-end
    00000108 40 000012         # 264 Origin-Host, M, 18 octets
    696d732e6578616d706c 0000  # "ims.exampl", two of padding
    00000128 40 00000f         # 296 Origin-Realm, M, 15
    6578616d706c65 00          # "example", one of padding
    00000101 40 00000e         # 257 Host-IP-Address, M, 14
    0001 7f000001 0000         # family 1, 127.0.0.1, padding
    0000010a 40 00000c         # 266 Vendor-Id, M, 12
    00000000
    0000010d 00 000016         # 269 Product-Name, no flag, 22
    4c544520494d5320536572766572 0000  # "LTE IMS Server"
    00000109 40 00000c 000028af  # 265 Supported-Vendor-Id 10415
    00000109 40 00000c 000032db  # 265 Supported-Vendor-Id 13019
    0000012b 40 00000c 00000000  # 299 Inband-Security-Id: none
    00000104 40 000020         # 260 Vendor-Specific-Application-Id, M, 32
    0000010a 40 00000c 000028af  # Vendor-Id 10415
    00000102 40 00000c 01000000  # 258 Auth-Application-Id 16777216: Cx
""")


def error_of(data: bytes) -> DiameterError:
    with pytest.raises(DiameterError) as caught:
        Message.parse(data)
    return caught.value


def message(*avps: bytes, code: int = 303, application: int = CX, flags: int = 0xC0) -> bytes:
    return Header(flags, code, application, 7, 8).encode(b"".join(avps))


def test_our_capabilities_are_these_octets() -> None:
    local = Local(Node("ims.exampl", "example"), (CX,))
    body = local.capabilities([IPv4Address("127.0.0.1")])
    assert Header(0x80, 257, 0, 1, 2).encode(body) == CER


def test_those_octets_are_read() -> None:
    found = Message.parse(CER)
    assert found.header == Header(0x80, 257, 0, 1, 2)
    check(COMMANDS[0, 257], found)
    remote = Capabilities.parse(found)
    assert remote == Capabilities(Node("ims.exampl", "example"), "LTE IMS Server", frozenset({CX}), frozenset({0}))
    assert found.all(a.HOST_IP_ADDRESS) == (IPv4Address("127.0.0.1"),)
    assert name_of(found.header) == "Capabilities-Exchange-Request"
    assert counter_of(found.header) == "diam_cer"


@pytest.mark.parametrize(
    ("attribute", "value", "data"),
    [
        (a.SESSION_ID, "a;1", "00000107 4000000b 613b31 00"),
        (cx_attributes.PUBLIC_IDENTITY, "tel:1", "00000259 c0000011 000028af 74656c3a31 000000"),
        (a.HOST_IP_ADDRESS, IPv6Address("::1"), "00000101 4000001a 0002" + "00" * 15 + "01 0000"),
        (a.FRAMED_IP_ADDRESS, IPv4Address("10.0.0.1"), "00000008 4000000c 0a000001"),
        (a.FRAMED_IPV6_PREFIX, (IPv6Address("2001:db8::"), 32), "00000061 4000000e 0020 20010db8 0000"),
        (rx_attributes.MEDIA_TYPE, rx_attributes.MediaType.OTHER, "00000208 c0000010 000028af ffffffff"),
        (a.FRAMED_INTERFACE_ID, 1, "00000060 40000010 0000000000000001"),
    ],
)
def test_formats_both_ways(attribute: avp.Leaf[object], value: object, data: str) -> None:
    encoded = bytes.fromhex(data)
    assert attribute(value) == encoded
    (read,) = avp.parse(encoded)
    assert read.attribute is attribute
    assert read.value == value
    assert read.encode() == encoded


WRONG = {
    "an AVP header cut": ("00000107 40", 5014, "00000107 40000000"),
    "a length below the header": ("00000107 40000007", 5014, "00000107 40000008"),
    "a length below the header with vendor": ("00000259 c000000b 000028af", 5014, "00000259 c000000c 000028af"),
    "a length beyond the message": ("0000010c 4000000d 000007d1", 5014, "0000010c 4000000c 00000000"),
    "an Unsigned32 of three octets": ("0000010c 4000000b 0007d1 00", 5014, "0000010c 4000000b 0007d1 00"),
    "an Unsigned32 of none": ("0000010c 40000008", 5014, "0000010c 40000008"),
    "text that is no UTF-8": ("00000107 4000000a fffe 0000", 5004, "00000107 4000000a fffe 0000"),
    "an empty Origin-Host": ("00000108 40000008", 5014, "00000108 40000008"),
    "an Origin-Host with a space": ("00000108 4000000b 612062 00", 5004, "00000108 4000000b 612062 00"),
    "an address of no family": ("00000101 4000000e 0003 7f000001 0000", 5004, "00000101 4000000e 0003 7f000001 0000"),
    "a prefix longer than its octets": ("00000061 4000000b 0040 20 00", 5004, "00000061 4000000b 0040 20 00"),
    "reserved flags": ("00000107 4100000b 613b31 00", 3009, "00000107 4100000b 613b31 00"),
    "a group with half an AVP": (
        "00000104 40000010 0000010a 4000000c",
        5014,
        "00000104 40000014 0000010a 4000000c 00000000",
    ),
    "a group that ends in its member's padding": (
        "00000104 40000013 0000010a 4000000b 000000 00",
        5014,
        "00000104 40000014 0000010a 4000000c 00000000",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_avps(name: str) -> None:
    body, code, failed = WRONG[name]
    data = bytes.fromhex(body)
    with pytest.raises(DiameterError) as caught:
        avp.parse(data)
    assert caught.value.result_code == code
    assert caught.value.failed.hex() == failed.replace(" ", "")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ResultCode.DIAMETER_INVALID_MESSAGE_LENGTH),
        (CER[:19], ResultCode.DIAMETER_INVALID_MESSAGE_LENGTH),
        (CER[:-4], ResultCode.DIAMETER_INVALID_MESSAGE_LENGTH),
        (CER + bytes(4), ResultCode.DIAMETER_INVALID_MESSAGE_LENGTH),
        (b"\2" + CER[1:], ResultCode.DIAMETER_UNSUPPORTED_VERSION),
        (CER[:4] + b"\xa0" + CER[5:], ResultCode.DIAMETER_INVALID_HDR_BITS),
    ],
)
def test_wrong_headers(data: bytes, code: int) -> None:
    assert error_of(data).result_code == code


NAMED = CER.index(b"LTE IMS Server") + 16  # all that must be there
WHOLE = (NAMED, NAMED + 12, NAMED + 24, NAMED + 36)


def test_every_truncation_is_refused() -> None:
    for end in range(20, len(CER), 4):
        cut = b"\1" + end.to_bytes(3, "big") + CER[4:end]
        if end in WHOLE:  # only what may be there is cut off
            check(COMMANDS[0, 257], Message.parse(cut))
            continue
        with pytest.raises(DiameterError) as caught:
            check(COMMANDS[0, 257], Message.parse(cut))
        assert caught.value.result_code in (5005, 5014), end


def test_groups_in_groups_have_an_end() -> None:
    deep = b""
    for _ in range(2000):
        deep = cx_attributes.SIP_AUTH_DATA_ITEM(deep)
    assert error_of(message(deep)).result_code == ResultCode.DIAMETER_INVALID_AVP_VALUE


MAR = (
    a.SESSION_ID("h;1;2")
    + COMMANDS[CX, 303].request_head
    + Node("h", "r").avps()
    + a.DESTINATION_REALM("r")
    + a.USER_NAME("u")
    + cx_attributes.PUBLIC_IDENTITY("sip:u")
    + cx_attributes.SIP_AUTH_DATA_ITEM(cx_attributes.SIP_AUTHENTICATION_SCHEME("Unknown"))
    + cx_attributes.SIP_NUMBER_AUTH_ITEMS(1)
    + cx_attributes.SERVER_NAME("sip:s")
)
UNKNOWN_MUST = bytes.fromhex("0000ffff 4000000c 00000001")
UNKNOWN_MAY = bytes.fromhex("0000ffff 0000000c 00000001")


def refusal(data: bytes) -> DiameterError:
    with pytest.raises(DiameterError) as caught:
        check(COMMANDS[CX, 303], Message.parse(data))
    return caught.value


def test_a_whole_mar_is_let_pass() -> None:
    check(COMMANDS[CX, 303], Message.parse(message(MAR, UNKNOWN_MAY)))


def test_an_unknown_avp_with_the_m_bit() -> None:
    error = refusal(message(MAR, UNKNOWN_MUST))
    assert (error.result_code, error.failed) == (5001, UNKNOWN_MUST)
    inside = refusal(message(MAR, a.PROXY_INFO(a.PROXY_HOST("p"), a.PROXY_STATE(b""), UNKNOWN_MUST)))
    assert (inside.result_code, inside.failed) == (5001, a.PROXY_INFO(UNKNOWN_MUST))


def test_missing_avps_are_named() -> None:
    error = refusal(message(MAR.replace(a.USER_NAME("u"), b"")))
    assert (error.result_code, error.failed) == (5005, a.USER_NAME(""))
    number = refusal(message(MAR.replace(cx_attributes.SIP_NUMBER_AUTH_ITEMS(1), b"")))
    assert (number.result_code, number.failed) == (5005, cx_attributes.SIP_NUMBER_AUTH_ITEMS(0))


def test_too_many_and_not_allowed() -> None:
    error = refusal(message(MAR, a.USER_NAME("v")))
    assert (error.result_code, error.failed) == (5009, a.USER_NAME("v"))
    group = a.VENDOR_SPECIFIC_APPLICATION_ID(a.VENDOR_ID(1), a.USER_NAME("x"))
    data = message(a.SESSION_ID("s"), group)
    assert refusal(data).result_code == ResultCode.DIAMETER_AVP_NOT_ALLOWED
    assert refusal(data).failed == a.VENDOR_SPECIFIC_APPLICATION_ID(a.USER_NAME("x"))


def test_answers_may_have_avps_that_we_do_not_know() -> None:
    body = (
        a.SESSION_ID("s") + COMMANDS[CX, 303].answer_head + a.RESULT_CODE(2001) + Node("h", "r").avps() + UNKNOWN_MUST
    )
    check(COMMANDS[CX, 303], Message.parse(message(body, flags=0x40)))


def test_every_grammar_names_known_avps_and_every_avp_is_found_by_its_code() -> None:
    texts = [text for command in COMMANDS.values() for text in (command.request, command.answer)]
    texts += [each.grammar for each in BY_NAME.values() if isinstance(each, Group)]
    for text in texts:
        assert {*names(text)} <= {*BY_NAME}, text
        Grammar.of(text)
    assert len(BY_CODE) == len(BY_NAME)


def test_a_stream_is_cut_into_messages() -> None:
    stream = Stream()
    data = CER + message(MAR)
    found = [each for octet in range(0, len(data), 7) for each in stream.feed(data[octet : octet + 7])]
    assert found == [CER, message(MAR)]
    for bad in (b"\2" + CER[1:], b"\1\0\0\x10" + CER[4:], b"\1\0\0\x16", b"\1\xff\xff\xfc"):
        with pytest.raises(DiameterError):
            list(Stream().feed(bad))


def test_what_an_answer_repeats_of_a_broken_request() -> None:
    broken = message(a.SESSION_ID("s;1"), bytes.fromhex("0000010c 400000ff 00000000"))
    assert readable(broken, a.SESSION_ID) == a.SESSION_ID("s;1")
    assert readable(message(a.SESSION_ID.encode(b"\xff")), a.SESSION_ID) == b""


def test_dump() -> None:
    text = dump(CER)
    assert text.splitlines()[:11] == [
        "Length: 176",
        "Flags: 0x80 (Request)",
        "Command code: 257 (Capabilities-Exchange-Request)",
        "Application-id: 0 (Diameter Common Messages)",
        "Hop-by-hop identifier: 0x00000001",
        "End-to-end identifier: 0x00000002",
        "Origin-Host:",
        "  Code: 264",
        "  Flags: 0x40 (M)",
        "  Length: 18",
        "  Value: 'ims.exampl'",
    ]
    assert text.endswith(
        "Vendor-Specific-Application-Id:\n"
        "  Code: 260\n"
        "  Flags: 0x40 (M)\n"
        "  Length: 32\n"
        "  Vendor-Id:\n"
        "    Code: 266\n"
        "    Flags: 0x40 (M)\n"
        "    Length: 12\n"
        "    Value: 10415\n"
        "  Auth-Application-Id:\n"
        "    Code: 258\n"
        "    Flags: 0x40 (M)\n"
        "    Length: 12\n"
        "    Value: 16777216"
    )
    values = dump(message(rx_attributes.ABORT_CAUSE(0), cx_attributes.INTEGRITY_KEY(b"\0\xff"), a.RESULT_CODE(3001)))
    assert "Value: 0 (BEARER_RELEASED)" in values
    assert "Code: 500 (vendor 10415)" in values
    assert "Value: 0x00ff" in values
    assert "Value: 'x\\nUser-Name:\\\\'" in dump(message(a.USER_NAME("x\nUser-Name:\\")))
    assert "Value: 3001 (DIAMETER_COMMAND_UNSUPPORTED)" in values


@given(st.binary(max_size=200))
def test_no_octets_raise_anything_else(data: bytes) -> None:
    for each in (data, b"\1" + (20 + len(data) // 4 * 4).to_bytes(3, "big") + CER[4:20] + data[: len(data) // 4 * 4]):
        dump(each)
        try:
            found = Message.parse(each)
            check(COMMANDS[0, 257], found)
        except DiameterError as error:
            avp.parse(a.FAILED_AVP(error.failed))


@given(st.lists(st.tuples(st.integers(0, len(MAR) - 1), st.integers(0, 255)), max_size=6))
def test_no_mutation_raises_anything_else(changes: list[tuple[int, int]]) -> None:
    body = bytearray(MAR)
    for at, octet in changes:
        body[at] = octet
    data = message(bytes(body))
    dump(data)
    readable(data, a.SESSION_ID)
    try:
        check(COMMANDS[CX, 303], Message.parse(data))
    except DiameterError as error:
        dump(message(a.FAILED_AVP(error.failed)))
