"""Cx as values: both ways through the codec, octets of TS 29.229, what is refused, the subscription's XML."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.diameter import cx
from lteims.diameter.command import CX, Node, Plain, Result, answer_body, as_result, check, request_body
from lteims.diameter.cx import CxResult, Lir, Maa, Mar, Ppr, Rta, Rtr, Saa, Sar, Server, ServerCapabilities, Uar
from lteims.diameter.cx_attributes import ReasonCode, ServerAssignmentType, UserAuthorizationType
from lteims.diameter.cx_auth import AkaVector, AuthRequest, DigestVector, Scheme
from lteims.diameter.errors import DiameterError
from lteims.diameter.message import Header, Message
from lteims.diameter.user_data import FilterCriteria, PublicIdentity, ServiceProfile, UserData

US, HSS = Node("scscf.example", "example"), Node("hss.example", "example")
IMPI, IMPU, SERVER = "001010123456789@ims", "sip:001010123456789@ims", "sip:scscf.example:5060"
VECTOR = AkaVector(bytes(range(16)), bytes(range(16, 32)), b"\xaa" * 8, b"\xcc" * 16, b"\xdd" * 16)
DIGEST = DigestVector("ims", "939e7578ed9e3c518a452acee763bce9")

REQUESTS = [
    Uar(IMPI, IMPU, b"example"),
    Uar(IMPI, IMPU, b"example", UserAuthorizationType.DE_REGISTRATION, emergency=True),
    Mar(IMPI, IMPU, AuthRequest(Scheme.DIGEST), SERVER),
    Mar(IMPI, IMPU, AuthRequest(Scheme.AKAV1_MD5, bytes(range(30))), SERVER, 3),
    Sar(IMPI, (IMPU, "tel:1"), SERVER, ServerAssignmentType.REGISTRATION, True),
    Sar("", (IMPU,), SERVER, ServerAssignmentType.UNREGISTERED_USER),
    Lir(IMPU),
    Lir(IMPU, originating=True),
    Rtr(IMPI, ReasonCode.PERMANENT_TERMINATION),
    Rtr(IMPI, ReasonCode.SERVER_CHANGE, (IMPU,), "moved", ("other@ims",)),
    Ppr(IMPI, b"<IMSSubscription/>"),
]
ANSWERS: list[tuple[Any, Any]] = [
    (REQUESTS[0], Server(CxResult.FIRST_REGISTRATION.result, "", ServerCapabilities((1, 2), (3,), (SERVER,)))),
    (REQUESTS[6], Server(name=SERVER, wildcard="sip:!.*!@ims")),
    (REQUESTS[6], Server(CxResult.ERROR_USER_UNKNOWN.result)),
    (REQUESTS[2], Maa(vectors=(DIGEST,), impi=IMPI, impu=IMPU)),
    (REQUESTS[3], Maa(vectors=(VECTOR, AkaVector(*[b"\1" * 16] * 5, Scheme.AKAV2_MD5)), impi=IMPI)),
    (REQUESTS[4], Saa(impi=IMPI, user_data=b"<x/>", associated=("other@ims",))),
    (REQUESTS[8], Rta()),
    (REQUESTS[8], Rta(Result(2002), (("u", "sip:u"), ("v", "sip:v")))),
    (REQUESTS[10], Plain(Result(5012))),
]


def sent(request: Any) -> Message:
    data = Header(0xC0, request.command.code, CX, 1, 2).encode(request_body(request, "s;1;1", US, "example"))
    return Message.parse(data)


def answered(request: Any, answer: Any) -> Message:
    body = answer_body(request.command, answer, "s;1;1", HSS)
    return Message.parse(Header(0x40, request.command.code, CX, 1, 2).encode(body))


@pytest.mark.parametrize("request_", REQUESTS, ids=repr)
def test_requests_both_ways(request_: Any) -> None:
    host = "scscf.example" if isinstance(request_, Rtr | Ppr) else ""
    body = request_body(request_, "s;1;1", US, "example", host)
    message = Message.parse(Header(0xC0, request_.command.code, CX, 1, 2).encode(body))
    check(request_.command, message)
    assert cx.REQUESTS[request_.command.code](message) == request_


@pytest.mark.parametrize(("request_", "answer"), ANSWERS, ids=repr)
def test_answers_both_ways(request_: Any, answer: Any) -> None:
    message = answered(request_, answer)
    check(request_.command, message)
    assert request_.parse_answer(message) == answer


def test_the_octets_of_an_item_to_ask_with() -> None:
    assert AuthRequest(Scheme.DIGEST).encode() == bytes.fromhex(
        "00000264 c0000024 000028af"  # 612 SIP-Auth-Data-Item, V M, 36 octets, 10415
        "00000260 c0000016 000028af"  # 608 SIP-Authentication-Scheme, V M, 22 octets, 10415
        "53495020446967657374 0000"  # "SIP Digest", two of padding
    )


def test_the_octets_of_a_digest() -> None:
    assert DigestVector("r", "0a").encode(1) == bytes.fromhex(
        "00000264 c0000070 000028af"  # 612 SIP-Auth-Data-Item, 112 octets
        "00000265 c0000010 000028af 00000001"  # 613 SIP-Item-Number 1
        "00000260 c0000016 000028af 53495020446967657374 0000"  # 608 "SIP Digest"
        "0000027b 8000003c 000028af"  # 635 SIP-Digest-Authenticate, V, 60 octets
        "00000068 40000009 72 000000"  # 104 Digest-Realm "r"
        "0000006f 4000000b 4d4435 00"  # 111 Digest-Algorithm "MD5"
        "0000006e 4000000c 61757468"  # 110 Digest-QoP "auth"
        "00000079 4000000a 3061 0000"  # 121 Digest-HA1 "0a"
    )


def test_an_experimental_result() -> None:
    assert CxResult.ERROR_USER_UNKNOWN.result.encode() == bytes.fromhex(
        "00000129 40000020"  # 297 Experimental-Result, M, 32 octets
        "0000010a 4000000c 000028af"  # 266 Vendor-Id 10415
        "0000012a 4000000c 00001389"  # 298 Experimental-Result-Code 5001
    )
    assert not CxResult.ERROR_USER_UNKNOWN.result.ok
    assert CxResult.FIRST_REGISTRATION.result.ok


def test_vectors_come_in_the_order_of_their_numbers() -> None:
    other = AkaVector(*[b"\2" * 16] * 5)

    class Swapped(Maa):
        def avps(self) -> bytes:
            return other.encode(2) + VECTOR.encode(1)

    assert REQUESTS[3].parse_answer(answered(REQUESTS[3], Swapped())).vectors == (VECTOR, other)


@pytest.mark.parametrize(
    "vector",
    [
        AkaVector(b"1" * 15, b"2" * 16, b"3" * 8, b"4" * 16, b"5" * 16),
        AkaVector(b"1" * 16, b"2" * 16, b"3" * 3, b"4" * 16, b"5" * 16),
        AkaVector(b"1" * 16, b"2" * 16, b"3" * 8, b"4" * 15, b"5" * 16),
        AkaVector(b"1" * 16, b"2" * 16, b"3" * 8, b"4" * 16, b"5" * 17),
        AkaVector(b"1" * 16, b"2" * 16, b"3" * 8, b"4" * 16, b"5" * 16, Scheme.UNKNOWN),
        DigestVector("ims", "no digits"),
        DigestVector('ims", nonce="x', "0a"),
        DigestVector("ims\r\nP-Evil: 1", "0a"),
    ],
)
def test_vectors_that_nobody_could_use(vector: Any) -> None:
    with pytest.raises(DiameterError) as caught:
        REQUESTS[2].parse_answer(answered(REQUESTS[2], Maa(vectors=(vector,))))
    assert caught.value.result_code == 5004


def test_requests_that_nobody_could_serve() -> None:
    for request, code in (
        (Sar("", (), SERVER, ServerAssignmentType.REGISTRATION), 5005),
        (Sar(IMPI, (), SERVER, 99), 5004),  # type: ignore[arg-type]
        (Uar(IMPI, IMPU, b"x", 9), 5004),  # type: ignore[arg-type]
        (Rtr(IMPI, 77), 5004),  # type: ignore[arg-type]
        (Mar(IMPI, IMPU, AuthRequest("Basic"), SERVER), 5004),  # type: ignore[arg-type]
        (Mar(IMPI, IMPU, AuthRequest(Scheme.AKAV1_MD5, b"short"), SERVER), 5004),
    ):
        with pytest.raises(DiameterError) as caught:
            cx.REQUESTS[request.command.code](sent(request))  # type: ignore[attr-defined]
        assert caught.value.result_code == code, request


def test_an_answer_without_a_result() -> None:
    body = answer_body(Lir.command, Server(), "s", HSS).replace(Result(2001).encode(), b"")
    with pytest.raises(DiameterError) as caught:
        Server.parse(Message.parse(Header(0x40, 302, CX, 1, 2).encode(body)))
    assert caught.value.result_code == 5005


XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<IMSSubscription xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <PrivateID>001010123456789@ims</PrivateID>
  <ServiceProfile>
    <PublicIdentity><BarringIndication>1</BarringIndication><Identity>sip:001010123456789@ims</Identity>
    </PublicIdentity>
    <PublicIdentity><Identity> tel:+49301 </Identity>
      <Extension><IdentityType>0</IdentityType><Extension><DisplayName>Ada</DisplayName></Extension></Extension>
    </PublicIdentity>
    <InitialFilterCriteria><Priority>2</Priority>
      <ApplicationServer><ServerName>sip:b@as</ServerName></ApplicationServer></InitialFilterCriteria>
    <InitialFilterCriteria><Priority>1</Priority>
      <TriggerPoint><ConditionTypeCNF>0</ConditionTypeCNF><SPT><Method>INVITE</Method></SPT></TriggerPoint>
      <ApplicationServer><ServerName>sip:a@as</ServerName></ApplicationServer></InitialFilterCriteria>
    <SomethingNew/>
  </ServiceProfile>
</IMSSubscription>"""


def test_a_subscription_is_read() -> None:
    found = UserData.parse(XML)
    assert found.impi == "001010123456789@ims"
    assert found.identities == (
        PublicIdentity("sip:001010123456789@ims", barred=True),
        PublicIdentity("tel:+49301", display_name="Ada"),
    )
    assert [each.server for each in found.profiles[0].filters] == ["sip:a@as", "sip:b@as"]
    assert "<Method>INVITE</Method>" in found.profiles[0].filters[0].xml


def test_a_subscription_both_ways() -> None:
    data = UserData(
        "u",
        (
            ServiceProfile(
                (PublicIdentity("sip:<u>&", True, "Ü"), PublicIdentity("sip:w1", wildcard="sip:!w.*!")),
                (FilterCriteria(0, "sip:as", "<InitialFilterCriteria><ApplicationServer><ServerName>sip:as"
                                "</ServerName></ApplicationServer></InitialFilterCriteria>"),),
            ),
            ServiceProfile((PublicIdentity("tel:2"),)),
        ),
    )  # fmt: skip
    assert UserData.parse(data.encode()) == data
    assert UserData.parse(UserData.parse(XML).encode()) == UserData.parse(XML)


def test_a_name_goes_into_one_line_of_a_header() -> None:
    before, after = XML.split(b">Ada<")
    (name,) = {
        each.display_name
        for each in UserData.parse(before + b">A&#13;&#10;da:\n  \xc3\x89 &#133;x<" + after).identities
    } - {""}
    assert name == "A da: \u00c9 x"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no xml",
        b"<IMSSubscription>",
        b"<Other/>",
        b"<IMSSubscription/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><IMSSubscription><PrivateID>&a;</PrivateID></IMSSubscription>',
        b"<!DOCTYPE IMSSubscription>" + XML.partition(b"?>\n")[2],
        b"<IMSSubscription>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</IMSSubscription>",
        b'<?xml version="1.0" encoding="nonsense"?><IMSSubscription/>',
        b"\xff\xfe<",
    ],
)
def test_subscriptions_that_are_refused(data: bytes) -> None:
    with pytest.raises(DiameterError) as caught:
        UserData.parse(data)
    assert as_result(caught.value) == Result(5004)


@pytest.mark.parametrize(
    "data",
    [
        b"<IMSSubscription>" + b" " * (1 << 18) + b"</IMSSubscription>",
        b"<IMSSubscription><ServiceProfile>"
        + b"<PublicIdentity><Identity>tel:1</Identity></PublicIdentity>" * 1001
        + b"</ServiceProfile></IMSSubscription>",
    ],
)
def test_subscriptions_that_are_too_large(data: bytes) -> None:
    with pytest.raises(DiameterError) as caught:
        UserData.parse(data)
    assert as_result(caught.value) == CxResult.ERROR_TOO_MUCH_DATA.result


@given(st.lists(st.tuples(st.integers(0, len(XML) - 1), st.integers(0, 255)), max_size=4))
def test_no_mutation_of_a_subscription_raises_anything_else(changes: list[tuple[int, int]]) -> None:
    data = bytearray(XML)
    for at, octet in changes:
        data[at] = octet
    with suppress(DiameterError):
        UserData.parse(bytes(data)).encode()
