"""TP-UD with all that says how to read it: TP-UDHI, TP-DCS, TP-UDL (TS 23.040 9.2.3.16, 9.2.3.24).

tpdu.py and report.py take it apart into the fields of a TPDU and give it back by `user_data`; text.py makes it.
"""

from dataclasses import dataclass
from typing import Final

from lteims.sms import gsm7
from lteims.sms.dcs import Alphabet, Dcs
from lteims.sms.errors import SmsError
from lteims.sms.octets import Reader
from lteims.sms.udh import Header

LONGEST: Final = 140  # octets of TP-UD in a SMS-SUBMIT or SMS-DELIVER


@dataclass(frozen=True, slots=True)
class UserData:
    """User data as it travels; `tp_ud` holds the octets with the header, `tp_udl` counts septets or octets."""

    tp_udhi: bool
    tp_dcs: Dcs
    tp_udl: int
    tp_ud: bytes

    def check(self, longest: int = LONGEST) -> None:
        """SmsError if the length and the octets contradict each other, or are more than a TPDU holds."""
        needed = octets(self.tp_dcs, self.tp_udl)
        if needed != len(self.tp_ud) or needed > longest or self.tp_udl < 0:
            raise SmsError(f"TP-UDL {self.tp_udl} is {needed} octets of at most {longest}, TP-UD has {len(self.tp_ud)}")
        if self.tp_udhi:
            _check_header(self.tp_dcs, self.tp_udl, self.tp_ud)

    @property
    def header(self) -> Header | None:
        """The user data header; None without one, and for one that 9.2.3.24 wants ignored as a whole."""
        if not self.tp_udhi or not self.tp_ud:
            return None
        try:
            return Header.parse(self.tp_ud[1 : self.header_octets])
        except SmsError:
            return None

    @property
    def header_octets(self) -> int:
        """How many octets the header takes, with its length."""
        return 1 + self.tp_ud[0] if self.tp_udhi and self.tp_ud else 0

    @property
    def septets(self) -> bytes:
        """The septets of the text behind the header and its fill bits; for GSM 7 bit text only."""
        behind = self.header_octets
        fill = -8 * behind % 7
        return gsm7.unpack(self.tp_ud[behind:], self.tp_udl - (8 * behind + fill) // 7, fill)

    @property
    def body(self) -> bytes:
        """What follows the header: septets for GSM 7 bit text, octets for everything else."""
        return self.septets if self.tp_dcs.septets else self.tp_ud[self.header_octets :]

    @property
    def text(self) -> str | None:
        """The text; None if this is 8 bit data, or compressed."""
        return decode(self.tp_dcs, self.body)


def octets(tp_dcs: Dcs, tp_udl: int) -> int:
    """How many octets TP-UD has for a TP-UDL."""
    return gsm7.octets(tp_udl) if tp_dcs.septets else tp_udl


def decode(tp_dcs: Dcs, body: bytes) -> str | None:
    """The text of a `body`, or of the bodies of all parts behind each other; None for data and compressed text.

    UCS2 is read as UTF-16, as phones write emoji; half a surrogate pair or character becomes U+FFFD.
    """
    if tp_dcs.compressed or tp_dcs.alphabet is Alphabet.EIGHT_BIT:
        return None
    return gsm7.decode(body) if tp_dcs.alphabet is Alphabet.GSM7 else body.decode("utf-16-be", "replace")


def read(reader: Reader, tp_udhi: bool, tp_dcs: Dcs, longest: int) -> UserData:
    """TP-UDL and TP-UD; SmsError if they are cut off, too long, or too short for the header."""
    tp_udl = reader.octet("TP-UDL")
    needed = octets(tp_dcs, tp_udl)
    if needed > longest:
        raise SmsError(f"TP-UDL {tp_udl} is {needed} octets, {longest} are the most")
    tp_ud = reader.take(needed, "TP-UD")
    if tp_udhi:
        _check_header(tp_dcs, tp_udl, tp_ud)
    return UserData(tp_udhi, tp_dcs, tp_udl, tp_ud)


def _check_header(tp_dcs: Dcs, tp_udl: int, tp_ud: bytes) -> None:
    """The length of the header must leave the text no less than nothing."""
    if not tp_ud:
        raise SmsError("TP-UDHI without a user data header")
    behind = 1 + tp_ud[0]
    if behind > len(tp_ud) or (tp_dcs.septets and -(-8 * behind // 7) > tp_udl):
        raise SmsError(f"a user data header of {behind} octets does not fit TP-UDL {tp_udl}")
