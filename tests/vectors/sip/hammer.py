"""Everything that lteims.sip can do with octets from a peer, done with one message: for fuzzing in one process or more.

Anything but the package's own errors gets out of `exercise`, and ends `hammer` with the message that caused it.
"""

import gc
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lteims.sip.dialog import Dialog
from lteims.sip.errors import NotSip, SipError
from lteims.sip.framing import Framer, FramingError
from lteims.sip.headers import AuthValue, NameAddr, Via, parse_media_type
from lteims.sip.message import Request, Response, parse
from lteims.sip.multipart import parts
from lteims.sip.valid import check_request, check_response
from tests.vectors.sip import phones, rfc4475, rfc5118
from tests.vectors.sip.mutate import mutations

CORPUS: tuple[bytes, ...] = tuple(v.data for v in (*rfc4475.VECTORS, *rfc5118.VECTORS, *phones.VECTORS))
ADDRESSES = (
    "from", "to", "contact", "route", "record-route", "path", "service-route", "p-asserted-identity",
    "p-preferred-identity", "refer-to",
)  # fmt: skip
NUMBERS = ("max-forwards", "expires", "min-expires", "min-se", "rseq", "session-expires", "content-length")
LISTS = ("require", "proxy-require", "supported", "allow", "accept", "security-client", "via")
CREDENTIALS = ("authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate")
WARM_UP = 0.3  # share of the messages after which caches are full


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one process saw."""

    served: int  # messages that were accepted
    refused: int
    no_sip: int
    slowest: float  # CPU seconds for one message
    slowest_octets: int
    growth: int  # octets of resident memory since the warm-up


def exercise(data: bytes, again: bool = True) -> str:
    """Parse, check, read and answer one message: "served", "refused" or "no_sip"; `again`: read what was written."""
    if again:
        with suppress(FramingError):
            for _ in Framer().feed(data):
                pass
    try:
        message = parse(data)
    except NotSip:
        return "no_sip"
    verdict = "served"
    try:
        check_request(message) if isinstance(message, Request) else check_response(message)
    except SipError:
        verdict = "refused"
    for read in (_ends, _addresses, _lists, _credentials, _body):
        with suppress(SipError):
            read(message)
    for name in NUMBERS:
        with suppress(SipError):
            message.number(name)
    if isinstance(message, Request):
        with suppress(SipError):
            _answer(message)
    if again:
        with suppress(NotSip):
            parse(message.encode())
        if isinstance(message, Request):
            with suppress(SipError):
                _dialog(message)
    return verdict


def _ends(message: Request | Response) -> None:
    message.cseq.encode()
    for value in message.values("via"):
        via = Via.parse(value)
        via.encode()
        via.with_source(via.sent_by, 1).reply_address()
        via.reply_address()


def _addresses(message: Request | Response) -> None:
    for name in ADDRESSES:
        if name in message.headers:
            for address in message.name_addrs(name):
                _ = address.uri.number
                address.uri.equals(address.uri)
                address.encode()
    for contact in message.contacts:
        NameAddr.parse(contact.encode())


def _lists(message: Request | Response) -> None:
    for name in LISTS:
        message.tokens(name)


def _credentials(message: Request | Response) -> None:
    for name in CREDENTIALS:
        for line in message.headers.get(name, ()):
            AuthValue.parse(line).get("nonce")


def _body(message: Request | Response) -> None:
    if "content-type" in message.headers:
        parse_media_type(message.get("content-type"))
    parts(message)


def _answer(request: Request) -> None:
    try:
        Response.to_request(request, 486, to_tag="t")
        request.replace_top_via(request.via.with_source("192.0.2.1", 5060))
    finally:
        Response.to_request(request, 400).encode()


def _dialog(request: Request) -> None:
    dialog = Dialog.of_request(request, "t")
    dialog.accept(request)
    dialog.request("BYE").encode()
    dialog.next_hop()


def resident() -> int:
    """Octets of this process's resident memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def hammer(seed: int, count: int, corpus: Sequence[bytes] = CORPUS) -> Outcome:
    """Exercise so many mutations of the corpus; AssertionError shows the message that is not got over."""
    seen = {"served": 0, "refused": 0, "no_sip": 0}
    slowest, slowest_octets, warm = 0.0, 0, 0
    clock = time.thread_time
    gc.freeze()  # the collector's own pauses would count as slow messages
    for index, data in enumerate(islice(mutations(seed, corpus), count)):
        begin = clock()
        try:
            seen[exercise(data, index % 8 == 0)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}, message {index}: {error!r} from {data[:3000]!r}") from error
        spent = clock() - begin
        if spent > slowest:
            slowest, slowest_octets = spent, len(data)
        if index == int(count * WARM_UP):
            warm = resident()
    return Outcome(seen["served"], seen["refused"], seen["no_sip"], slowest, slowest_octets, resident() - warm)
