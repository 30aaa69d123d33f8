"""A virtual phone that hears nonsense: it answers, notes a fault or passes over it, and goes on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from lteims.sim.card import Sim
from lteims.sim.errors import PhoneError
from lteims.sim.phone import Phone
from lteims.sim.profiles import PLAIN
from lteims.sip.message import Request, Response, parse

SIM = Sim("001010000000003", algorithm="xor", k="00" * 16)
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 102\r\na=rtpmap:102 AMR/8000\r\n"
)


class Network:
    """A server that says what it is told; `answer` makes the responses to a request."""

    def __init__(self) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._sock.getsockname()[1]}"
        self.heard: list[Request | Response] = []
        self.answer: Callable[[Request], list[Response]] = lambda request: [Response.to_request(request, 200, "", "t")]
        self.peer = ("127.0.0.1", 0)

    def on_readable(self) -> None:
        data, self.peer = self._sock.recvfrom(65535)
        message = parse(data)
        self.heard.append(message)
        if isinstance(message, Request) and message.method != "ACK":
            for response in self.answer(message):
                self._sock.sendto(response.encode(), self.peer)

    def say(self, data: bytes) -> None:
        self._sock.sendto(data, self.peer)

    def request(self, method: str, headers: str = "", body: bytes = b"", branch: str = "1") -> None:
        head = (
            f"{method} sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {self.address};branch=z9hG4bK{branch}\r\n"
            f"From: <sip:b@x>;tag=b\r\nTo: <sip:a@x>\r\nCall-ID: c{branch}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:b@{self.address}>\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        )
        self.say(head.encode() + body)

    async def codes(self, count: int) -> list[int]:
        """The final codes that the phone has answered, once there are so many."""
        for _ in range(200):
            found = [each.code for each in self.heard if isinstance(each, Response) and each.code >= 200]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"{found} are not {count} answers")


@asynccontextmanager
async def lab() -> AsyncIterator[tuple[Phone, Network]]:
    """A phone that is registered; nothing may be raised inside the event loop."""
    network, loop, raised = Network(), asyncio.get_running_loop(), []
    loop.add_reader(network._sock, network.on_readable)
    loop.set_exception_handler(lambda _, context: raised.append(context))
    try:
        async with Phone(SIM, network.address, profile=PLAIN) as phone:
            await phone.register()
            yield phone, network
        await asyncio.sleep(0)
    finally:
        loop.remove_reader(network._sock)
        network._sock.close()
    assert not raised


@pytest.mark.parametrize(
    "data",
    [b"\0" * 50, b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", b"SIP/2.0 99999\r\n",
     b"INVITE sip:a SIP/2.0\r\n\r\n", b"\xff" * 200, b"\r\n\r\n",
     b"SIP/2.0 200 OK\r\nVia: nonsense\r\nCSeq: x\r\nFrom: <\r\nTo: <\r\nCall-ID: 1\r\n\r\n"],
)  # fmt: skip
async def test_what_is_no_message(data: bytes) -> None:
    async with lab() as (phone, network):
        network.say(data)
        network.request("OPTIONS")
        assert await network.codes(1) == [200]
        assert bool(phone.faults) is bool(data.strip(b"\r\n\0"))


async def test_requests_that_fit_nothing() -> None:
    async with lab() as (phone, network):
        network.request("NOTIFY", branch="1")
        network.request("BYE", branch="2")
        network.request("PUBLISH", branch="3")
        network.request("MESSAGE", "Content-Type: image/png\r\n", b"x", "4")
        network.request("MESSAGE", "Content-Type: text/plain;charset=klingon\r\n", b"x", "5")
        network.request("MESSAGE", "Content-Type: nonsense\r\n", b"x", "6")
        network.request("CANCEL", branch="7")
        assert sorted(await network.codes(7)) == [400, 405, 415, 415, 481, 481, 481]
        assert not phone.messages.inbox


@pytest.mark.parametrize(
    "body", [b"", b"\x01", b"\x01\x07\x00", b"\x01\x07\x00\x00\x02\x00\xff", b"\x03\x09", b"\xff" * 99]
)
async def test_short_messages_that_are_none(body: bytes) -> None:
    async with lab() as (phone, network):
        network.request("MESSAGE", "Content-Type: application/vnd.3gpp.sms\r\n", body)
        await network.codes(1)
        assert len(phone.faults) == 1
        assert not phone.messages.inbox


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ("Content-Type: application/sdp\r\n", b"nonsense", 400),
        ("Content-Type: application/sdp\r\n", SDP.replace(b"AMR", b"FOO"), 488),
        ("Content-Type: application/sdp\r\nSession-Expires: x\r\n", SDP, 400),
        ("Content-Type: application/sdp\r\nSupported: timer\r\nSession-Expires: 5\r\n", SDP, 422),
        ("Content-Type: multipart/mixed\r\n", b"x", 400),
    ],
)
async def test_calls_that_cannot_be(headers: str, body: bytes, code: int) -> None:
    async with lab() as (phone, network):
        network.request("INVITE", headers, body)
        assert await network.codes(1) == [code]
        assert not phone.calls
        assert not phone.incoming


async def test_a_call_that_is_cancelled_and_a_prack_for_nothing() -> None:
    async with lab() as (phone, network):
        network.request("INVITE", "Content-Type: application/sdp\r\n", SDP)
        call = await phone.next_call()
        await call.ring()
        network.request("CANCEL")
        assert sorted(await network.codes(2)) == [200, 487]
        assert await call.ended() == 487


@pytest.mark.parametrize(
    ("header", "value"),
    [("contact", "<sip:x"), ("p-associated-uri", "<<>>"), ("service-route", '"')],
)
async def test_a_200_to_register_that_cannot_be_read(header: str, value: str) -> None:
    async with lab() as (phone, network):

        def answer(request: Request) -> list[Response]:
            response = Response.to_request(request, 200, "", "t")
            response.set(header, value)
            return [response]

        network.answer = answer
        with pytest.raises(PhoneError, match="cannot be read"):
            await phone.register()


@pytest.mark.parametrize(
    "challenge",
    ["", "Digest", "Basic realm=x", 'Digest nonce="AAAA", algorithm=AKAv1-MD5', "Digest algorithm=rot13", 'Digest a="'],
)
async def test_a_challenge_that_nobody_could_answer(challenge: str) -> None:
    async with lab() as (phone, network):

        def answer(request: Request) -> list[Response]:
            response = Response.to_request(request, 401, "", "t")
            response.set("www-authenticate", challenge)
            return [response]

        network.answer = answer
        with pytest.raises(PhoneError) as refused:
            await phone.register()
        assert refused.value.code == 401


async def test_a_call_whose_answers_are_odd() -> None:
    """SDP that is none, a RSeq out of order, a 200 again: the call stands all the same."""
    async with lab() as (phone, network):

        def answer(request: Request) -> list[Response]:
            if request.method != "INVITE":
                return [Response.to_request(request, 200, "", "t")]
            found = []
            for code, rseq, body in (
                (183, "5", b"v=1"),
                (183, "9", SDP),
                (180, "x", b""),
                (200, "", SDP),
                (200, "", SDP),
            ):
                response = Response.to_request(request, code, "", "t")
                response.set("contact", f"<sip:b@{network.address}>")
                if rseq:
                    response.set("require", "100rel")
                    response.set("rseq", rseq)
                if body:
                    response.set("content-type", "application/sdp")
                    response.body = body
                found.append(response)
            return found

        network.answer = answer
        call = await phone.call("tel:+1")
        await call.answered()
        await call.hangup()
        acks = [each for each in network.heard if isinstance(each, Request) and each.method == "ACK"]
        assert len(acks) == 2
        assert any("bad SDP" in fault for fault in phone.faults)


async def test_who_waits_for_a_call_that_the_phone_has_refused_hears_why() -> None:
    offer = "Content-Type: application/sdp\r\n"
    async with lab() as (phone, network):
        network.request("INVITE", offer, SDP.replace(b"AMR/8000", b"QCELP/8000"))
        assert await network.codes(1) == [488]
        why = "one came, and this phone answered it 488: no audio with a codec of this phone"
        with pytest.raises(PhoneError, match=f"waiting for a call, not within 0 s; {why}"):
            await phone.next_call(0.0)
        network.request("INVITE", offer, SDP, branch="2")
        await phone.next_call()
        with pytest.raises(PhoneError) as waited:
            await phone.next_call(0.0)
        assert waited.value.summary.endswith("waiting for a call, not within 0 s")
