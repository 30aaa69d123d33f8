"""Two SIPp phones that call each other, straight or through the server: the scenarios of tests/peers/sipp/calls.

A scenario there is SIPp's own XML in which a line that begins with @ stands for what all of them share (fragments.txt).
Straight, a pair proves that its halves agree; through the server, that the server does (tests/net/test_call_pairs.py).
"""

import re
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.net.ports import free_port, free_ports
from tests.net.server import Server
from tests.net.sipp import Outcome, Sipp
from tests.net.wav import pcma_tone
from tests.peers.subscribers import DOMAIN

CALLS = Path(__file__).resolve().parents[1] / "peers" / "sipp" / "calls"
ALICE, BOB = "1", "2"
TONE = pcma_tone(0.24)  # what with_media.caller plays: 12 packets
UE_DB = "ue_db: [\n" + "".join(
    f'  {{imsi: "00101000000000{n}", impi: "{n}@{DOMAIN}", impu: ["{n}", "tel:+49{n}"], authent_type: "none"}},\n'
    for n in (ALICE, BOB)
) + "],\n"  # fmt: skip
_SDP = """\
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 {version} IN IP[local_ip_type] [sdp_ip]
s=-
c=IN IP[media_ip_type] {connection}
t=0 0
m=audio [media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
{attributes}
"""


def _sections(text: str) -> dict[str, str]:
    """fragments.txt; what stands between a blank line and the next "==" is a remark."""
    found = (section.partition("\n") for section in re.split("^== ", text, flags=re.MULTILINE)[1:])
    return {name: re.split(r"\n\n(?=\S)", body)[0].rstrip("\n") for name, _, body in found}


FRAGMENTS = _sections((CALLS / "fragments.txt").read_text(encoding="utf-8"))
FRAGMENTS["none"] += "\n"  # the blank line behind the headers
QOS = {
    # RFC 3312 5, TS 24.229 6.1: nothing reserved yet on either side; all reserved here; all reserved everywhere
    "qos-offer": ["curr:qos local none", "curr:qos remote none", "des:qos mandatory local sendrecv",
                  "des:qos optional remote sendrecv"],
    "qos-answer": ["curr:qos local none", "curr:qos remote none", "des:qos mandatory local sendrecv",
                   "des:qos mandatory remote sendrecv", "conf:qos remote sendrecv"],
    "qos-reserved": ["curr:qos local sendrecv", "curr:qos remote none", "des:qos mandatory local sendrecv",
                     "des:qos mandatory remote sendrecv"],
    "qos-done": ["curr:qos local sendrecv", "curr:qos remote sendrecv", "des:qos mandatory local sendrecv",
                 "des:qos mandatory remote sendrecv"],
}  # fmt: skip


def _sdp(words: Sequence[str]) -> str:
    """`@sdp DIRECTION [VERSION] [hold] [qos-...] [video|no-video]`: a G.711 line, and an H.264 line or one refused."""
    attributes = [f"a={words[0]}"]
    for word in words[1:]:
        attributes += [f"a={line}" for line in QOS.get(word, ())]
    if "video" in words:
        attributes += ["m=video [media_port+2] RTP/AVP 97", "a=rtpmap:97 H264/90000", "a=fmtp:97 packetization-mode=1"]
    if "no-video" in words:
        attributes += ["m=video 0 RTP/AVP 97"]
    version = next((word for word in words if word.isdigit()), "1")
    connection = "0.0.0.0" if "hold" in words else "[sdp_ip]"
    return _SDP.format(version=version, connection=connection, attributes="\n".join(attributes))


def expand(text: str, values: Mapping[str, str]) -> str:
    """A scenario as SIPp wants it; `values` take the place of @{NAME}."""
    for name, value in values.items():
        text = text.replace(f"@{{{name}}}", value)
    whole = _lines(text)
    names = sorted(set(re.findall(r'assign_to="(\w+)"', whole)))
    if names:
        whole = whole.replace("</scenario>", f'<Reference variables="{",".join(names)}"/>\n</scenario>')
    return whole


def _lines(text: str) -> str:
    return "\n".join(_fragment(line) if line.lstrip().startswith("@") else line for line in text.split("\n"))


def _fragment(line: str) -> str:
    name, *words = line.strip()[1:].split()
    if name == "sdp":
        return _sdp(words)
    text = FRAGMENTS[name].replace("{*}", " ".join(words))
    for number, word in enumerate(words):
        text = text.replace(f"{{{number}}}", word)
    return _lines(text)


@dataclass(slots=True)
class Phone:
    """One SIPp phone: who it is, where, and which half of a scenario it plays."""

    scenario: str  # the file's name without .xml
    user: str
    folder: Path
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    media: int = field(default_factory=lambda: free_ports(6))  # for audio and video; SIPp gives up where one is taken
    contact: str = ""  # further parameters of the contact that it registers
    values: Mapping[str, str] = field(default_factory=dict)
    trace: bool = True  # keep every message, for messages()
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))  # of its REGISTERs
    cseq: int = 0

    def sipp(self, to: str, calls: int, rate: int, within: int) -> Sipp:
        """The process, not yet started."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "tone.pcma").write_bytes(TONE)
        name = f"{self.scenario}-{self.port}"
        text = (CALLS / f"{self.scenario}.xml").read_text(encoding="utf-8")
        (self.folder / f"{name}.xml").write_text(expand(text, self.values), encoding="utf-8")
        return Sipp(
            str(self.folder / name), to, self.folder, calls=calls, rate=rate, host=self.host, port=self.port,
            keys={"caller": ALICE, "callee": BOB}, within=within,
            options=(
                "-mp", str(self.media), "-mi", self.host, *(() if to else ("-rtp_echo",)),
                *(("-trace_msg", "-message_file", f"{name}.messages") if self.trace else ()),
            ),
        )  # fmt: skip

    def messages(self) -> str:
        """Every message that it sent and took."""
        path = self.folder / f"{self.scenario}-{self.port}.messages"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def register(self, server: Server, expires: int = 600) -> None:
        """Register its address with the server (the users of UE_DB need no password); 0 seconds take it away."""
        self.cseq += 1
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        at = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        request = (
            f"REGISTER sip:{DOMAIN} SIP/2.0\r\nMax-Forwards: 70\r\n"
            f"Via: SIP/2.0/UDP {at};branch=z9hG4bK-{self.call_id}-{self.cseq}\r\n"
            f"From: <sip:{self.user}@{DOMAIN}>;tag={self.port}\r\nTo: <sip:{self.user}@{DOMAIN}>\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {self.cseq} REGISTER\r\n"
            f"Contact: <sip:{self.user}@{at}>{self.contact}\r\n"
            f"Expires: {expires}\r\nContent-Length: 0\r\n\r\n"
        )
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((self.host, self.port))
            sock.settimeout(20.0)
            sock.sendto(request.encode(), (self.host, server.port))
            # What the server repeats to the SIPp that had this port before may come, too
            while f"\r\ncall-id: {self.call_id}\r\n".encode() not in (answer := sock.recv(65535)).lower():
                pass
        assert answer.startswith(b"SIP/2.0 200 "), answer


@dataclass(slots=True)
class Pair:
    """A caller and one or more callees; run() plays them all."""

    caller: Phone
    callees: list[Phone]
    calls: int = 3
    rate: int = 20  # new calls a second
    within: int = 30

    def run(self, server: Server | None = None) -> None:
        """Play it through the server, or straight without one; AssertionError with all messages if it fails."""
        phones = [self.caller, *self.callees]
        to = server.address(self.caller.host) if server else _address(self.callees[0])
        if server:
            for phone in phones:
                phone.register(server)
        waiting = [callee.sipp("", self.calls, self.rate, self.within) for callee in self.callees]
        try:
            for process in waiting:
                process.start().listening()
            outcome = self.caller.sipp(to, self.calls, self.rate, self.within).run()
            self._expect(self.caller, outcome)
            for callee, process in zip(self.callees, waiting, strict=True):
                self._expect(callee, process.wait())
        finally:
            for process in waiting:
                process.end()
            if server:
                for phone in phones:
                    phone.register(server, 0)

    def _expect(self, phone: Phone, outcome: Outcome) -> None:
        if (outcome.passed, outcome.failed, outcome.code) != (self.calls, 0, 0):
            shown = "\n".join(
                f"=== {p.scenario} {p.port}\n{p.messages()[-9000:]}" for p in [self.caller, *self.callees]
            )
            raise AssertionError(f"{phone.scenario}: {outcome.passed} of {self.calls}\n{outcome.screen}\n{shown}")


def _address(phone: Phone) -> str:
    return f"[{phone.host}]:{phone.port}" if ":" in phone.host else f"{phone.host}:{phone.port}"
