"""Rx as values: both ways through the codec, octets of TS 29.214, what is refused."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from lteims.diameter import rx
from lteims.diameter.attributes import FRAMED_IP_ADDRESS, TerminationCause
from lteims.diameter.command import RX, Node, Plain, Result, answer_body, check, request_body
from lteims.diameter.errors import DiameterError
from lteims.diameter.message import Header, Message
from lteims.diameter.rx import Aaa, Aar, Affected, Asr, Rar, RxResult, Str
from lteims.diameter.rx_attributes import (
    MEDIA_TYPE,
    AbortCause,
    FlowStatus,
    FlowUsage,
    MediaType,
    RxRequestType,
    ServiceInfoStatus,
    SpecificAction,
)
from lteims.diameter.rx_media import End, Flow, Media, codec_data, filters

US, PCRF = Node("ims.example", "example"), Node("pcrf.example", "example")
SERVER, UE = IPv4Address("192.0.2.1"), IPv4Address("10.0.0.2")
RTP = filters(End(SERVER, 10000), End(UE, 20000))
RTCP = filters(End(SERVER, 10001), End(UE, 20001))
AUDIO = Media(
    1,
    (Flow(1, RTP), Flow(2, RTCP, FlowUsage.RTCP, FlowStatus.ENABLED, 2000, 2000)),
    uplink=41000,
    downlink=41000,
    rr=2000,
    rs=600,
    codecs=(codec_data(True, "offer", "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 AMR/8000"),),
)
REQUESTS = [
    Aar((AUDIO,), UE, "001010123456789"),
    Aar(
        (AUDIO, Media(2, type=MediaType.VIDEO, status=FlowStatus.REMOVED)),
        IPv6Address("2001:db8::2"),
        "001010123456789",
        (SpecificAction.INDICATION_OF_LOSS_OF_BEARER,),
        RxRequestType.UPDATE_REQUEST,
        ServiceInfoStatus.PRELIMINARY_SERVICE_INFORMATION,
        "urn:service:sos",
        b"IMS",
    ),
    Aar((Media(1, type=MediaType.OTHER, status=None),), actions=(), classes=(b"a", b"")),
    Str(),
    Str(TerminationCause.DIAMETER_ADMINISTRATIVE),
    Asr(AbortCause.BEARER_RELEASED),
    Rar((SpecificAction.INDICATION_OF_SUCCESSFUL_RESOURCES_ALLOCATION,)),
    Str(classes=(b"a", b"b")),
    Rar(
        (SpecificAction.INDICATION_OF_RELEASE_OF_BEARER,),
        (Affected(1, (1, 2)), Affected(2)),
        AbortCause.INSUFFICIENT_BEARER_RESOURCES,
    ),
]
ANSWERS: list[tuple[Any, Any]] = [
    (REQUESTS[0], Aaa(ip_can_type=5, rat_type=1004)),
    (REQUESTS[0], Aaa(RxResult.IP_CAN_SESSION_NOT_AVAILABLE.result)),
    (REQUESTS[0], Aaa(classes=(b"a", b"b"))),
    (REQUESTS[0], Aaa(RxResult.REQUESTED_SERVICE_NOT_AUTHORIZED.result, acceptable=(AUDIO, Media(2)))),
    (REQUESTS[3], Plain()),
    (REQUESTS[5], Plain(Result(5002))),
    (REQUESTS[6], Plain()),
]


def octets(request: Any) -> bytes:
    body = request_body(request, "ims.example;1;1", US, "example", "pcrf.example")
    return Header(0xC0, request.command.code, RX, 1, 2).encode(body)


@pytest.mark.parametrize("request_", REQUESTS, ids=repr)
def test_requests_both_ways(request_: Any) -> None:
    message = Message.parse(octets(request_))
    check(request_.command, message)
    assert rx.REQUESTS[request_.command.code](message) == request_


@pytest.mark.parametrize(("request_", "answer"), ANSWERS, ids=repr)
def test_answers_both_ways(request_: Any, answer: Any) -> None:
    body = answer_body(request_.command, answer, "s", PCRF)
    message = Message.parse(Header(0x40, request_.command.code, RX, 1, 2).encode(body))
    check(request_.command, message)
    assert request_.parse_answer(message) == answer


def test_a_refusal_counts_whatever_else_is_in_it() -> None:
    refusal = Aaa(RxResult.REQUESTED_SERVICE_NOT_AUTHORIZED.result, acceptable=(Media(1),))
    data = Header(0x40, 265, RX, 1, 2).encode(answer_body(Aar.command, refusal, "s", PCRF))
    odd = data.replace(MEDIA_TYPE(MediaType.AUDIO), MEDIA_TYPE(77))
    assert odd != data
    assert Aar((AUDIO,)).parse_answer(Message.parse(odd)) == replace(refusal, acceptable=())


def test_the_filters_of_a_flow() -> None:
    assert RTP == (
        "permit out 17 from 192.0.2.1 10000 to 10.0.0.2 20000",
        "permit in 17 from 10.0.0.2 20000 to 192.0.2.1 10000",
    )
    six = filters(End(IPv6Address("2001:db8::1"), 10000), End(IPv6Address("2001:db8::2"), None))
    assert six[0] == "permit out 17 from 2001:db8::1 10000 to 2001:db8::2"


def test_the_octets_of_a_flow() -> None:
    assert Flow(2, ("permit in ip from any to any",), FlowUsage.RTCP).encode() == bytes.fromhex(
        "00000207 c0000054 000028af"  # 519 Media-Sub-Component, V M, 84 octets, 10415
        "000001fd c0000010 000028af 00000002"  # 509 Flow-Number 2
        "000001fb c0000028 000028af"  # 507 Flow-Description, 40 octets
        "7065726d697420696e2069702066726f6d20616e7920746f20616e79"  # its text of 28
        "00000200 c0000010 000028af 00000001"  # 512 Flow-Usage RTCP
    )


def test_whose_bearer_it_is() -> None:
    subscription = bytes.fromhex(
        "000001bb 40000020"  # 443 Subscription-Id, M, 32 octets
        "000001c2 4000000c 00000001"  # 450 Subscription-Id-Type: IMSI
        "000001bc 40000009 31 000000"  # 444 Subscription-Id-Data "1"
    )
    assert subscription in Aar((), imsi="1").avps()
    assert FRAMED_IP_ADDRESS(UE) == bytes.fromhex("00000008 4000000c 0a000002")
    framed = Aar((), IPv6Address("2001:db8::2")).avps()
    assert bytes.fromhex("00000061 4000001a 0080 20010db8000000000000000000000002 0000") in framed


def test_the_urn_of_an_emergency_is_shortened() -> None:
    assert bytes.fromhex("0000020d c000000f 000028af 736f73 00") in Aar((), service_urn="urn:service:sos").avps()


def test_codec_data() -> None:
    assert codec_data(False, "answer", "m=audio 1\r\na=x\r\n") == b"downlink\nanswer\nm=audio 1\na=x\n"


@pytest.mark.parametrize(
    "request_",
    [
        Asr(9),  # type: ignore[arg-type]
        Str(99),  # type: ignore[arg-type]
        Rar((99,)),  # type: ignore[arg-type]
        Rar((), cause=9),  # type: ignore[arg-type]
        Aar((Media(1, type=77),)),  # type: ignore[arg-type]
        Aar((Media(1, status=77),)),  # type: ignore[arg-type]
        Aar((Media(1, (Flow(1, usage=77),)),)),  # type: ignore[arg-type]
        Aar((), service_urn="ü"),
        Aar((), request_type=77),  # type: ignore[arg-type]
        Aar((), status=77),  # type: ignore[arg-type]
    ],
)
def test_requests_that_nobody_could_serve(request_: Any) -> None:
    with pytest.raises(DiameterError) as caught:
        rx.REQUESTS[request_.command.code](Message.parse(octets(request_)))
    assert caught.value.result_code == 5004


def test_a_third_filter_is_too_many() -> None:
    with pytest.raises(DiameterError) as caught:
        check(Aar.command, Message.parse(octets(Aar((Media(1, (Flow(1, (*RTP, RTP[0])),)),)))))
    assert caught.value.result_code == 5009


def test_values_that_do_not_fit() -> None:
    for media in (Media(-1), Media(1, uplink=1 << 32), Media(1, (Flow(1, ("x" * (1 << 24),)),))):
        with pytest.raises(DiameterError):
            Aar((media,)).avps()
