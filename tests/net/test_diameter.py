"""Diameter before others' eyes: Debian's freeDiameterd relays between two of our ends; tshark reads what we send."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from pathlib import Path
from typing import Any

from lteims.config.endpoint import Endpoint
from lteims.diameter import attributes as a
from lteims.diameter.attributes import DisconnectCause, TerminationCause
from lteims.diameter.capabilities import Local
from lteims.diameter.command import (
    CER,
    COMMANDS,
    CX,
    DPR,
    DWR,
    RX,
    SUCCESS,
    Node,
    Plain,
    Result,
    answer_body,
    name_of,
    request_body,
)
from lteims.diameter.cx import CxResult, Lir, Maa, Mar, Ppr, Rta, Rtr, Saa, Sar, Server, ServerCapabilities, Uar
from lteims.diameter.cx_attributes import ReasonCode, ServerAssignmentType
from lteims.diameter.cx_auth import AkaVector, AuthRequest, DigestVector, Scheme
from lteims.diameter.errors import DiameterError, ResultCode
from lteims.diameter.message import Header
from lteims.diameter.peer import Peer
from lteims.diameter.peer_events import Connected, Deliver, Received, Reply, Send
from lteims.diameter.requests import Outbox
from lteims.diameter.rx import ACTIONS, Aaa, Aar, Affected, Asr, Rar, RxResult, Str
from lteims.diameter.rx_attributes import (
    AbortCause,
    FlowStatus,
    FlowUsage,
    MediaType,
    RxRequestType,
    ServiceInfoStatus,
    SpecificAction,
)
from lteims.diameter.rx_media import End, Flow, Media, codec_data, filters
from lteims.trace import CX as CX_LAYER
from lteims.trace import RX as RX_LAYER
from tests.net.ports import free_port
from tests.peers.freediameter import through_the_relay
from tests.vectors.capture import complaints, diameter, look

US, THEM = Node("ims.example", "example"), Node("hss.example", "example")
IMPU = "sip:001010123456789@ims.example"
VECTOR = AkaVector(bytes(16), bytes(16), bytes(8), bytes(16), bytes(16))
SERVER, UE = IPv4Address("192.0.2.1"), IPv4Address("10.0.0.2")
AUDIO = Media(
    1,
    (
        Flow(1, filters(End(SERVER, 10000), End(UE, 20000))),
        Flow(2, filters(End(SERVER, 10001), End(UE, 20001)), FlowUsage.RTCP, FlowStatus.ENABLED, 2000, 2000),
    ),
    uplink=41000,
    downlink=41000,
    rr=2000,
    rs=600,
    codecs=(codec_data(True, "offer", "m=audio 1 RTP/AVP 96"), codec_data(False, "answer", "m=audio 1 RTP/AVP 96")),
)
UE6, SERVER6 = IPv6Address("2001:db8::2"), IPv6Address("2001:db8::1")
AUDIO6 = Media(1, (Flow(1, filters(End(SERVER6, 10000), End(UE6, None), 6)),), codecs=AUDIO.codecs[:1])
UNKNOWN = Plain(Result(ResultCode.DIAMETER_UNKNOWN_SESSION_ID))
EXCHANGES: list[tuple[Any, list[Any]]] = [
    (
        Uar("u@ims", IMPU, b"example", emergency=True),
        [
            Server(name="sip:s"),
            Server(CxResult.FIRST_REGISTRATION.result, "", ServerCapabilities((1,), (2,), ("sip:s",))),
            Server(CxResult.ERROR_USER_UNKNOWN.result),
        ],
    ),
    (Mar("u@ims", IMPU, AuthRequest(Scheme.AKAV1_MD5, bytes(30)), "sip:s", 2), [Maa(vectors=(VECTOR, VECTOR))]),
    (Mar("u@ims", IMPU, AuthRequest(Scheme.DIGEST), "sip:s"), [Maa(vectors=(DigestVector("ims", "00" * 16),))]),
    (
        Sar("u@ims", (IMPU, "tel:1"), "sip:s", ServerAssignmentType.REGISTRATION),
        [Saa(impi="u@ims", user_data=b"<IMSSubscription></IMSSubscription>", associated=("v@ims",))],
    ),
    (Lir(IMPU, originating=True), [Server(name="sip:s", wildcard="sip:!.*!@ims")]),
    (
        Rtr("u@ims", ReasonCode.REMOVE_S_CSCF, (IMPU,), "moved", ("v@ims",)),
        [Rta(), Rta(Result(2002), (("u@ims", IMPU),))],
    ),
    (Ppr("u@ims", b"<IMSSubscription></IMSSubscription>"), [Plain()]),
    (
        Aar((AUDIO,), UE, "001010123456789", service_urn="urn:service:sos.police"),
        [
            Aaa(ip_can_type=5, rat_type=1004, classes=(b"of the PCRF",)),
            Aaa(RxResult.IP_CAN_SESSION_NOT_AVAILABLE.result),
            Aaa(RxResult.REQUESTED_SERVICE_NOT_AUTHORIZED.result, acceptable=(Media(1), AUDIO)),
        ],
    ),
    (
        Aar(
            (AUDIO6, Media(2, type=MediaType.OTHER, status=FlowStatus.REMOVED, application=b"IMS")),
            UE6,
            request_type=RxRequestType.UPDATE_REQUEST,
            status=ServiceInfoStatus.PRELIMINARY_SERVICE_INFORMATION,
            classes=(b"of the PCRF",),
        ),
        [Aaa()],
    ),
    *(
        (Aar((Media(1, AUDIO.flows[:1], kind, status),), UE), [Aaa()])
        for kind, status in zip(MediaType, (*FlowStatus, *FlowStatus), strict=False)
    ),
    (Str(TerminationCause.DIAMETER_LOGOUT), [Plain(), UNKNOWN]),
    (Str(TerminationCause.DIAMETER_LOGOUT, (b"of the PCRF", b"and more")), [Plain()]),
    *((Asr(cause), [Plain(), UNKNOWN]) for cause in AbortCause),
    (Rar(ACTIONS), [Plain(), UNKNOWN]),
    *((Rar((action,), (Affected(1), Affected(2, (1, 2)))), [Plain()]) for action in SpecificAction),
    (Rar((SpecificAction.INDICATION_OF_RELEASE_OF_BEARER,), (Affected(1, (1, 2)),), AbortCause(2)), [Plain()]),
]


def neighbours() -> Iterator[bytes]:
    """CER, DWR, DPR and their answers."""
    local = Local(US, (CX, RX))
    capabilities = local.capabilities([SERVER, IPv6Address("2001:db8::1")])
    bodies = {CER: capabilities, DWR: US.avps(), DPR: local.disconnect(DisconnectCause.REBOOTING)}
    for command, body in bodies.items():
        yield Header(0x80, command.code, 0, 1, 1).encode(body)
        yield Header(0, command.code, 0, 1, 1).encode(SUCCESS.encode() + (body if command is CER else US.avps()))


def commands() -> Iterator[bytes]:
    """Every request and answer of Cx and Rx."""
    for request, answers in EXCHANGES:
        command = request.command
        body = request_body(request, "ims.example;1;1", US, "example", "hss.example")
        yield Header(0xC0, command.code, command.application, 1, 1).encode(body)
        for answer in answers:
            body = answer_body(command, answer, "ims.example;1;1", THEM)
            yield Header(0x40, command.code, command.application, 1, 1).encode(body)


def errors() -> Iterator[bytes]:
    """What we answer to requests that are wrong, but for what would itself be wrong in Failed-AVP."""
    yield from _refusals()
    peer = Peer(Local(US, (CX,)), CX_LAYER, name="peer", random=lambda: 0.5, outbox=Outbox(1, count(1)))
    peer.handle(Connected((SERVER,), accepted=True), 0)
    cer = Header(0x80, 257, 0, 1, 1).encode(Local(THEM, (CX,)).capabilities([SERVER]))
    peer.handle(Received(cer), 0)
    whole = request_body(Lir(IMPU), "hss.example;1;1", THEM, "example")
    for header, body in (
        (Header(0xC0, 302, RX, 2, 2), whole),
        (Header(0xC0, 302, CX, 2, 2), whole + a.ORIGIN_HOST("x")),
        (Header(0xC0, 302, CX, 2, 2), whole.replace(a.DESTINATION_REALM("example"), b"")),
        (Header(0xC0, 302, CX, 2, 2), whole.replace(b"example", b"ex mple")),
    ):
        yield from (each.data for each in peer.handle(Received(header.encode(body)), 0) if isinstance(each, Send))


def _refusals() -> Iterator[bytes]:
    """Of a session that nobody knows, as whoever serves a request says it."""
    peer = Peer(Local(US, (RX,)), RX_LAYER, name="peer", random=lambda: 0.5, outbox=Outbox(1, count(1)))
    peer.handle(Connected((SERVER,), accepted=True), 0)
    peer.handle(Received(Header(0x80, 257, 0, 1, 1).encode(Local(THEM, (RX,)).capabilities([SERVER]))), 0)
    requests: tuple[Any, ...] = (Rar(ACTIONS), Asr(AbortCause.BEARER_RELEASED))
    for number, request in enumerate(requests):
        body = request_body(request, "ims.example;1;1", THEM, "example", "ims.example")
        header = Header(0xC0, request.command.code, RX, number, number)
        (told,) = peer.handle(Received(header.encode(body)), 0)
        assert isinstance(told, Deliver)
        refusal = DiameterError("no Rx session ims.example;1;1", ResultCode.DIAMETER_UNKNOWN_SESSION_ID)
        yield from (each.data for each in peer.handle(Reply(told.incoming, refusal), 0) if isinstance(each, Send))


async def test_a_relay_of_somebody_else_over_tcp(tmp_path: Path) -> None:
    await through_the_relay(tmp_path, Endpoint("127.0.0.1", free_port(("127.0.0.1",)), "tcp"))


def test_tshark_has_nothing_to_say(tmp_path: Path) -> None:
    messages = [*neighbours(), *commands(), *errors()]
    assert len(messages) == 6 + len(EXCHANGES) + sum(len(answers) for _, answers in EXCHANGES) + 6
    assert {name_of(Header.parse(each)) for each in messages} >= {
        f"{command.name}-{end}" for command in COMMANDS.values() for end in ("Request", "Answer")
    }
    packets = [diameter(number, each) for number, each in enumerate(messages)]
    seen = look(tmp_path / "diameter.pcap", packets)
    assert len(seen) == len(messages)
    for layers, message in zip(seen, messages, strict=True):
        assert layers["diameter"]["diameter.length"] == str(len(message))
        assert complaints(layers) == [], layers["diameter"]
