"""Texts and data as the user data of one message or of several, and back (TS 23.040 9.2.3.24.1, 9.2.3.24.8).

ims/ipsmgw.py splits what the remote API, the monitor and softphones send, and joins what a phone sends in parts for
those who read text; WAP push sends its data with ports.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lteims.sms import gsm7, userdata
from lteims.sms.dcs import Alphabet, Dcs, choose
from lteims.sms.errors import SmsError
from lteims.sms.octets import one_octet
from lteims.sms.udh import Concatenation, Element, Header, Ports
from lteims.sms.userdata import LONGEST, UserData

_HIGH_SURROGATES: Final = range(0xD8, 0xDC)
_MOST_PARTS: Final = 255
_DATA: Final = Dcs.text(Alphabet.EIGHT_BIT)


def split(
    text: str,
    *,
    reference: int = 0,
    wide: bool = False,
    alphabet: Alphabet | None = None,
    message_class: int | None = None,
    best_fit: bool = False,
    elements: Sequence[Element] = (),
) -> list[UserData]:
    """A text as one message, or as the parts of a concatenated one, none of which ends within a character.

    Without an alphabet the shorter one that has all characters is taken. `best_fit` asks for GSM 7 bit with
    look-alikes; otherwise Unencodable tells what that alphabet lacks. `wide` is a 16-bit reference; `elements` stand
    in the header of every part. SmsError for more than 255 parts.
    """
    if best_fit:
        text, alphabet = gsm7.best_fit(text), Alphabet.GSM7
    alphabet = alphabet or choose(text)
    if alphabet is Alphabet.EIGHT_BIT:
        raise SmsError("a text is GSM 7 bit or UCS2")
    tp_dcs = Dcs.text(alphabet, message_class)
    body = gsm7.encode(text) if alphabet is Alphabet.GSM7 else text.encode("utf-16-be", "replace")
    return _split(body, tp_dcs, reference, wide, elements)


def split_data(
    data: bytes, *, reference: int = 0, wide: bool = False, tp_dcs: Dcs = _DATA, elements: Sequence[Element] = ()
) -> list[UserData]:
    """Octets as one message or several; WAP push gives `[Ports(WAP_PUSH, source).element()]`. SmsError as `split`."""
    if tp_dcs.septets:
        raise SmsError("septets cannot be split as octets")
    return _split(data, tp_dcs, reference, wide, elements)


def binary(data: bytes, tp_udl: int | None = None, *, tp_dcs: Dcs = _DATA, tp_udhi: bool = False) -> UserData:
    """Octets of TP-UD as they are, header and packing included.

    Without `tp_udl` all of them count, as many septets as they hold if TP-DCS counts those. SmsError if they are too
    long, or have no sound header. A `tp_udl` stands as it is told, be it a lie: that is what a test is after.
    """
    if tp_udl is not None:
        if len(data) > LONGEST:
            raise SmsError(f"TP-UD has {len(data)} octets, {LONGEST} are the most")
        return UserData(tp_udhi, tp_dcs, one_octet(tp_udl, "TP-UDL"), data)
    made = UserData(tp_udhi, tp_dcs, 8 * len(data) // 7 if tp_dcs.septets else len(data), data)
    made.check()
    return made


def _split(body: bytes, tp_dcs: Dcs, reference: int, wide: bool, elements: Sequence[Element]) -> list[UserData]:
    if len(body) <= _room(tp_dcs, elements):
        return [_part(body, tp_dcs, elements)]
    # the numbers do not change the length of the header
    pieces = _pieces(body, _room(tp_dcs, [Concatenation(0, 1, 1, wide).element(), *elements]), tp_dcs)
    if len(pieces) > _MOST_PARTS:
        raise SmsError(f"a message of {len(pieces)} parts, {_MOST_PARTS} are the most")
    return [
        _part(piece, tp_dcs, [Concatenation(reference, len(pieces), number, wide).element(), *elements])
        for number, piece in enumerate(pieces, 1)
    ]


def _room(tp_dcs: Dcs, elements: Sequence[Element]) -> int:
    """How many septets or octets a message has room for behind a header of these elements."""
    behind = LONGEST - (len(Header(tuple(elements)).encode()) if elements else 0)
    return 8 * behind // 7 if tp_dcs.septets else behind


def _pieces(body: bytes, size: int, tp_dcs: Dcs) -> list[bytes]:
    if size < 4:
        raise SmsError("the user data header leaves no room")
    if tp_dcs.septets:
        return gsm7.split_points(body, size)
    if tp_dcs.alphabet is Alphabet.UCS2 and not tp_dcs.compressed:
        return _utf16_pieces(body, size & ~1)
    return [body[start : start + size] for start in range(0, len(body), size)]


def _utf16_pieces(body: bytes, size: int) -> list[bytes]:
    pieces = []
    start = 0
    while start < len(body):
        end = start + size
        if end < len(body) and body[end - 2] in _HIGH_SURROGATES:
            end -= 2
        pieces.append(body[start:end])
        start = end
    return pieces


def _part(body: bytes, tp_dcs: Dcs, elements: Sequence[Element]) -> UserData:
    header = Header(tuple(elements)).encode() if elements else b""
    if not tp_dcs.septets:
        return UserData(bool(header), tp_dcs, len(header) + len(body), header + body)
    fill = -8 * len(header) % 7
    tp_udl = (8 * len(header) + fill) // 7 + len(body)
    return UserData(bool(header), tp_dcs, tp_udl, header + gsm7.pack(body, fill))


@dataclass(frozen=True, slots=True)
class Message:
    """What one message, or all parts of one, say: the text, or None for data; the octets or septets; the ports."""

    text: str | None
    data: bytes
    ports: Ports | None = None


def join(parts: Iterable[UserData]) -> Message:
    """The message of these parts, in any order; SmsError if they are not all parts of one, each once."""
    listed = list(parts)
    if len(listed) != 1 or _concatenation(listed[0]):
        listed = _in_order(listed)
    data = b"".join([part.body for part in listed])
    if len({part.tp_dcs.octet for part in listed}) == 1:
        # together, in case their sender has cut a character in two
        text = userdata.decode(listed[0].tp_dcs, data)
    else:
        texts = [part.text for part in listed]
        text = None if None in texts else "".join(map(str, texts))
    header = listed[0].header
    return Message(text, data, header.ports if header else None)


def _concatenation(part: UserData) -> Concatenation | None:
    return part.header.concatenation if part.header else None


def _in_order(parts: list[UserData]) -> list[UserData]:
    by_number = {}
    kinds = set()
    for part in parts:
        concatenation = _concatenation(part)
        if concatenation is None:
            raise SmsError("a part that is not concatenated")
        by_number[concatenation.number] = part
        kinds.add((concatenation.wide, concatenation.reference, concatenation.total))
    if len(kinds) != 1 or any(total != len(parts) for _, _, total in kinds) or len(by_number) != len(parts):
        raise SmsError("parts are missing, or belong to several messages")
    return [by_number[number] for number in sorted(by_number)]


@dataclass(slots=True)
class _Pending:
    since: float
    parts: dict[int, UserData]


class Joiner:
    """Collects parts of several senders and messages until one is complete.

    A message that is not complete `lifetime` seconds after its first part is forgotten, and so is the oldest when
    more than `most` are waited for.
    """

    __slots__ = ("_lifetime", "_most", "_pending")

    def __init__(self, lifetime: float = 3600.0, most: int = 1000) -> None:
        self._lifetime = lifetime
        self._most = most
        self._pending: dict[Hashable, _Pending] = {}

    def __len__(self) -> int:
        """How many messages are waited for."""
        return len(self._pending)

    def add(self, between: Hashable, part: UserData, now: float) -> Message | None:
        """The message that this part completes, or that it is by itself; else None.

        `between` tells apart who sends to whom. A part that comes again changes nothing; another one with its number
        begins a new message, as references come round.
        """
        concatenation = _concatenation(part)
        if concatenation is None or concatenation.total == 1:
            return join([part])
        self.expire(now)
        key = (between, concatenation.wide, concatenation.reference, concatenation.total)
        pending = self._pending.get(key)
        if pending is None or pending.parts.get(concatenation.number, part) != part:
            self._pending.pop(key, None)
            pending = self._pending[key] = _Pending(now, {})
        pending.parts[concatenation.number] = part
        if len(pending.parts) == concatenation.total:
            del self._pending[key]
            return join(pending.parts.values())
        if len(self._pending) > self._most:
            del self._pending[next(iter(self._pending))]
        return None

    def expire(self, now: float) -> None:
        """Forget what has waited too long; `add` does it as well."""
        while self._pending:
            key, oldest = next(iter(self._pending.items()))
            if now - oldest.since < self._lifetime:
                return
            del self._pending[key]
