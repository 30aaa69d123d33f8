"""Test subscribers as each side wants them: a ue_db entry, a line of a CSV for SIPp, an account for baresip.

Keys are those of TS 35.208 set 2 (SIPp's parser stumbles over a key with the byte 0x5b, so not set 1).
"""

from collections.abc import Iterable
from dataclasses import dataclass

DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
PASSWORD = "secret"
K = "0396eb317b6d1c36f19c1c84cd6ffd16"
OP = "ff53bade17df5d4e793073ce9d7579fa"
AMF = "9001"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One entry of ue_db; `aka` chooses AKAv1 with Milenage, else MD5 by password."""

    imsi: str
    aka: bool = False

    @property
    def impi(self) -> str:
        """The private identity, in full."""
        return f"{self.imsi}@{DOMAIN}"

    @property
    def number(self) -> str:
        """The telephone number: the IMSI without its network, behind a plus."""
        return f"+{self.imsi[5:]}"

    def ue_db(self) -> str:
        """The entry in the configuration language."""
        secret = f'sim_algo: "milenage", K: "{K}", op: "{OP}", amf: 0x{AMF}, sqn: "000000000000", authent_type: "AKAv1"'
        if not self.aka:
            secret = f'pwd: "{PASSWORD}", authent_type: "MD5"'
        return f'{{imsi: "{self.imsi}", impi: "{self.impi}", impu: ["{self.imsi}", "tel:{self.number}"], {secret}}}'

    def sipp(self) -> str:
        """The CSV line: user; what SIPp answers a challenge with; a header line of the first REGISTER."""
        secret = f"aka_K=0x{K} aka_OP=0x{OP} aka_AMF=0x{AMF}" if self.aka else f"password={PASSWORD}"
        first = (
            f'Authorization: Digest username="{self.impi}", realm="{DOMAIN}", uri="sip:{DOMAIN}", nonce="", response=""'
        )
        return f"{self.imsi};[authentication username={self.impi} {secret}];{first if self.aka else 'Supported: path'}"

    def baresip(self, server: str, transport: str = "udp") -> str:
        """The line of baresip's accounts file; `server` is HOST:PORT."""
        return (
            f"<sip:{self.imsi}@{DOMAIN};transport={transport}>;auth_user={self.impi};auth_pass={PASSWORD}"
            f';outbound="sip:{server};transport={transport}";regint=600;audio_codecs=pcma'
        )


def subscribers(count: int, *, aka: bool = False) -> list[Subscriber]:
    """So many users; those of AKA have 2 where those of MD5 have 1."""
    return [Subscriber(f"00101{2 if aka else 1}{n:09d}", aka) for n in range(1, count + 1)]


def ue_db(users: Iterable[Subscriber]) -> str:
    """The whole of ue_db.cfg."""
    return "ue_db: [\n" + "".join(f"  {user.ue_db()},\n" for user in users) + "],\n"


def csv(users: Iterable[Subscriber]) -> str:
    """The whole of a file for `sipp -inf`."""
    return "SEQUENTIAL\n" + "".join(user.sipp() + "\n" for user in users)
