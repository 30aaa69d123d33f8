"""What one SIP message costs to read and to write: CPU microseconds, a phone's REGISTER and a phone's INVITE with SDP.

`python -m bench.parse [COUNT]`. "split" is what every message pays; "checked" is what the server does with each request
before anyone acts on it. The floor only decodes the octets, splits the lines and puts names and values in a dict.
"""

import sys
import time
from collections.abc import Callable

from bench import figure
from lteims.media.sdp import Sdp
from lteims.sip.message import Request, Response, parse
from lteims.sip.valid import check_request

COUNT = 10_000
ROUNDS = 5

SDP = "\r\n".join(
    [
        "v=0", "o=- 1732327200 1 IN IP6 2001:468:3000:1::2", "s=-", "c=IN IP6 2001:468:3000:1::2", "b=AS:41", "t=0 0",
        "m=audio 50010 RTP/AVP 107 106 105 104 101 102", "b=AS:41", "b=RS:600", "b=RR:2000",
        "a=rtpmap:107 AMR-WB/16000", "a=fmtp:107 octet-align=1; mode-change-capability=2; max-red=0",
        "a=rtpmap:106 AMR-WB/16000", "a=fmtp:106 mode-change-capability=2; max-red=0",
        "a=rtpmap:105 AMR/8000", "a=fmtp:105 octet-align=1; mode-change-capability=2; max-red=0",
        "a=rtpmap:104 AMR/8000", "a=fmtp:104 mode-change-capability=2; max-red=0",
        "a=rtpmap:101 telephone-event/16000", "a=fmtp:101 0-15", "a=rtpmap:102 telephone-event/8000", "a=fmtp:102 0-15",
        "a=curr:qos local none", "a=curr:qos remote none", "a=des:qos mandatory local sendrecv",
        "a=des:qos optional remote sendrecv", "a=sendrecv", "a=ptime:20", "a=maxptime:240", "",
    ]
)  # fmt: skip
HOME = "ims.mnc001.mcc001.3gppnetwork.org"
USER = f"001010123456789@{HOME}"
COMMON = [
    "Via: SIP/2.0/UDP [2001:468:3000:1::2]:5060;branch=z9hG4bK-524287-1---4c1b2a3d;rport",
    "Max-Forwards: 70",
    f"From: <sip:{USER}>;tag=7c3a1b2e",
]
FEATURES = '+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel";+g.3gpp.smsip;audio;video'
CONTACT = (
    f'<sip:001010123456789@[2001:468:3000:1::2]:5060>;+sip.instance="<urn:gsma:imei:35209900-176148-1>";{FEATURES}'
)
ACCESS = "P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=0010100010019B01"
REGISTER = "\r\n".join(
    [
        f"REGISTER sip:{HOME} SIP/2.0", *COMMON, f"To: <sip:{USER}>",
        "Call-ID: 5f3a7c9e1b2d4f60a8c2@2001:468:3000:1::2", "CSeq: 2 REGISTER", f"Contact: {CONTACT};expires=600000",
        f'Authorization: Digest username="{USER}",realm="{HOME}",nonce="ySUihNLXZkGLkNVYQNi3VYX2QwAAAAECAwQFBgc=",'
        f'uri="sip:{HOME}",response="c76c2c281a21c0d6131e667d61a6bdf5",algorithm=AKAv1-MD5,qop=auth,nc=00000001,cnonce="1"',
        "Expires: 600000", "Supported: path,gruu,sec-agree", "Require: sec-agree", "Proxy-Require: sec-agree",
        "Security-Client: ipsec-3gpp;alg=hmac-md5-96;ealg=aes-cbc;spi-c=4096;spi-s=4097;port-c=5062;port-s=5063,"
        "ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-cbc;spi-c=4096;spi-s=4097;port-c=5062;port-s=5063",
        "Allow: INVITE,BYE,CANCEL,ACK,NOTIFY,UPDATE,PRACK,INFO,MESSAGE,OPTIONS", ACCESS,
        "User-Agent: a phone", "Content-Length: 0", "", "",
    ]
).encode()  # fmt: skip
INVITE = "\r\n".join(
    [
        f"INVITE tel:0600000001;phone-context={HOME} SIP/2.0", *COMMON, f"To: <tel:0600000001;phone-context={HOME}>",
        "Call-ID: 9b2d4f60a8c25f3a7c9e1@2001:468:3000:1::2", "CSeq: 1 INVITE", f"Contact: {CONTACT}",
        "Route: <sip:[2001:468:3000:1::1]:5060;lr>,<sip:orig@[2001:468:3000:1::1]:5060;lr>",
        f"P-Preferred-Identity: <sip:{USER}>", "P-Preferred-Service: urn:urn-7:3gpp-service.ims.icsi.mmtel",
        'Accept-Contact: *;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"',
        "Supported: 100rel,precondition,timer,gruu", "Session-Expires: 1800", "Min-SE: 90", "Accept: application/sdp",
        "Allow: INVITE,BYE,CANCEL,ACK,NOTIFY,UPDATE,PRACK,INFO,MESSAGE,OPTIONS", ACCESS, "P-Early-Media: supported",
        "User-Agent: a phone", "Content-Type: application/sdp", f"Content-Length: {len(SDP)}", "", SDP,
    ]
).encode()  # fmt: skip


def floor(data: bytes) -> dict[str, list[str]]:
    """The least that reading a message can be."""
    headers: dict[str, list[str]] = {}
    for line in data.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    return headers


def request(data: bytes) -> Request:
    """A message that is known to be a request."""
    message = parse(data)
    if not isinstance(message, Request):
        raise SystemExit("the benchmark's own message is not read as a request")
    return message


def checked(data: bytes) -> None:
    """A request read and checked, as for each one that comes in."""
    check_request(request(data))


def answer(source: Request) -> bytes:
    """A response made from a request, as octets."""
    return Response.to_request(source, 200, to_tag="1234").encode()


def best(call: Callable[[], object], count: int) -> float:
    """CPU microseconds of one call, the best of some rounds."""
    costs = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(count):
            call()
        costs.append(time.process_time() - start)
    return 1e6 * min(costs) / count


def main() -> None:
    """Print one line for each message."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    print(f"{'SIP: CPU us of one message':32}{'floor':>8}{'split':>8}{'checked':>8}{'answer':>8}")
    for name, data in ((f"REGISTER, {len(REGISTER)} octets", REGISTER), (f"INVITE, {len(INVITE)} octets", INVITE)):
        source = request(data)
        calls = (lambda: floor(data), lambda: parse(data), lambda: checked(data), lambda: answer(source))  # noqa: B023
        least, split, read, written = (best(call, count) for call in calls)
        print(f"{name:32}{least:8.1f}{split:8.1f}{read:8.1f}{written:8.1f}", flush=True)
        figure(f"{name}, read and checked", read, beside=f"floor {least:.1f}")
    text = SDP.encode()
    figure(f"SDP, {len(text)} octets, read", best(lambda: Sdp.parse(text), count))


if __name__ == "__main__":
    main()
