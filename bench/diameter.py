"""CPU of Diameter: what one MAR with its MAA and one AAR with its AAA cost our end, codec and peer machine.

The answer is made beforehand, so that only our own side is in the figures; sockets are not.
"""

from collections.abc import Callable
from ipaddress import IPv4Address
from itertools import count
from time import process_time
from typing import Any

from bench import figure
from lteims.diameter.capabilities import Local
from lteims.diameter.command import CX, RX, SUCCESS, Answer, Node, Request, answer_body, check, request_body
from lteims.diameter.cx import Maa, Mar
from lteims.diameter.cx_auth import AkaVector, AuthRequest, Scheme
from lteims.diameter.message import Header, Message
from lteims.diameter.peer import Peer
from lteims.diameter.peer_events import Ask, Connected, Received, Send, Start
from lteims.diameter.requests import Outbox
from lteims.diameter.rx import Aaa, Aar
from lteims.diameter.rx_attributes import FlowUsage
from lteims.diameter.rx_media import End, Flow, Media, codec_data, filters
from lteims.trace import CX as LAYER

NUMBER, BEST_OF = 5000, 3
US, THEM = Node("ims.example", "example"), Node("hss.example", "example")
VECTOR = AkaVector(bytes(16), bytes(16), bytes(8), bytes(16), bytes(16))
SERVER, UE = IPv4Address("192.0.2.1"), IPv4Address("10.0.0.2")
MAR = Mar("001010123456789@ims", "sip:001010123456789@ims", AuthRequest(Scheme.AKAV1_MD5), "sip:scscf.ims:5060")
MAA = Maa(vectors=(VECTOR,), impi=MAR.impi, impu=MAR.impu)
AUDIO = Media(
    1,
    (
        Flow(1, filters(End(SERVER, 10000), End(UE, 20000))),
        Flow(2, filters(End(SERVER, 10001), End(UE, 20001)), FlowUsage.RTCP),
    ),
    uplink=41000,
    downlink=41000,
    codecs=(codec_data(True, "offer", "m=audio 20000 RTP/AVP 96\na=rtpmap:96 AMR/8000"),),
)
AAR = Aar((AUDIO,), UE, "001010123456789")


def microseconds(work: Callable[[], object]) -> float:
    """The best of a few runs, per call."""
    best = 1e9
    for _ in range(BEST_OF):
        start = process_time()
        for _ in range(NUMBER):
            work()
        best = min(best, process_time() - start)
    return best / NUMBER * 1e6


def codec(request: Request[Any], answer: Answer) -> float:
    """Encode the request, decode and check the answer."""
    command = request.command
    body = answer_body(command, answer, "ims.example;1;1", THEM)
    received = Header(0x40, command.code, command.application, 1, 1).encode(body)

    def exchange() -> None:
        whole = request_body(request, "ims.example;1;1", US, "example")
        Header(0xC0, command.code, command.application, 1, 1).encode(whole)
        message = Message.parse(received)
        check(command, message)
        request.parse_answer(message)

    return microseconds(exchange)


def machine(request: Request[Any], answer: Answer) -> float:
    """The same through the peer machine, with identifiers, timers and tables."""
    command = request.command
    peer = Peer(Local(US, (CX, RX)), LAYER, name="peer", random=lambda: 0.5, outbox=Outbox(1, count(1)))
    peer.handle(Start(), 0)
    (send,) = (each for each in peer.handle(Connected((SERVER,)), 0) if isinstance(each, Send))
    cea = SUCCESS.encode() + Local(THEM, (CX, RX)).capabilities([SERVER])
    peer.handle(Received(Header.parse(send.data).answer().encode(cea)), 0)
    body = answer_body(command, answer, "ims.example;1;1", THEM)

    def exchange() -> None:
        sent = peer.handle(Ask(1, request, "ims.example;1;1"), 0)[0]
        assert isinstance(sent, Send)
        received = Header.parse(sent.data).answer().encode(body)
        (_, answered) = peer.handle(Received(received), 0)
        request.parse_answer(answered.message)  # type: ignore[union-attr]

    return microseconds(exchange)


def main() -> None:
    """Print the table's lines."""
    beside = "python-diameter 0.9.0 on a like machine: 96 for MAR/MAA alone"
    figure("Cx: MAR encoded, MAA decoded", codec(MAR, MAA), "us", beside)
    figure("Cx: MAR/MAA through the peer machine", machine(MAR, MAA), "us")
    figure("Rx: AAR encoded, AAA decoded", codec(AAR, Aaa()), "us")
    figure("Rx: AAR/AAA through the peer machine", machine(AAR, Aaa()), "us")


if __name__ == "__main__":
    main()
