"""The SIM card of a virtual phone: identities (TS 23.003 13), keys, and the USIM with its SQN window (TS 33.102).

Sim is the plain description, as a scenario or a test writes it; phone.py asks it for identities and for a USIM.
"""

from dataclasses import dataclass

from lteims.aka.algorithm import SimAlgo, new_algorithm
from lteims.aka.errors import AkaError
from lteims.aka.sqn import DELTA, split
from lteims.aka.usim import Usim
from lteims.errors import OperatorError
from lteims.sim.errors import SimError


@dataclass(frozen=True, slots=True)
class Sim:
    """One card, or a softphone's account where there is a password in place of keys.

    `impi`, `impu` and `domain` are those of an ISIM; what is empty is derived from the IMSI, whose network code has
    `mnc_digits`. `sqn` is the highest sequence number that the card has accepted, `delta` the largest jump of it.
    """

    imsi: str
    algorithm: str = SimAlgo.MILENAGE
    k: str = ""
    op: str = ""
    opc: str = ""
    top: str = ""
    topc: str = ""
    res_len: int = 8
    sqn: int = 0
    delta: int = DELTA
    password: str = ""
    impi: str = ""
    impu: str = ""
    domain: str = ""
    mnc_digits: int = 2
    imei: str = "35209900-176148-1"
    centre: str = "+491710760000"  # the service centre for short messages

    def __post_init__(self) -> None:
        if not (self.imsi.isascii() and self.imsi.isdigit() and 6 <= len(self.imsi) <= 15):
            raise SimError(f"imsi {self.imsi!r} is not 6 to 15 digits")
        if self.mnc_digits not in (2, 3):
            raise SimError(f"mnc_digits {self.mnc_digits} is neither 2 nor 3")
        if self.k:
            self.usim()

    @property
    def home(self) -> str:
        """The home network's domain (TS 23.003 13.2)."""
        if self.domain:
            return self.domain
        mcc, mnc = self.imsi[:3], self.imsi[3 : 3 + self.mnc_digits]
        return f"ims.mnc{mnc:0>3}.mcc{mcc}.3gppnetwork.org"

    @property
    def private(self) -> str:
        """The IMPI (13.3)."""
        return self.impi or f"{self.imsi}@{self.home}"

    @property
    def public(self) -> str:
        """The IMPU to register with, a URI (13.4); of one without scheme or domain these are added."""
        uri = self.impu or self.imsi
        if uri.startswith("tel:"):
            return uri
        uri = uri if uri.startswith(("sip:", "sips:")) else f"sip:{uri}"
        return uri if "@" in uri else f"{uri}@{self.home}"

    @property
    def instance(self) -> str:
        """The IMEI as +sip.instance carries it (TS 24.229 5.1.1.2.1)."""
        return f"urn:gsma:imei:{self.imei}"

    def usim(self) -> Usim | None:
        """The card that answers challenges, None for one without K; SimError for keys that cannot be."""
        if not self.k:
            return None
        try:
            algorithm = new_algorithm(
                self.algorithm,
                _octets("k", self.k),
                op=_octets("op", self.op),
                opc=_octets("opc", self.opc),
                top=_octets("top", self.top),
                topc=_octets("topc", self.topc),
                res_len=self.res_len,
            )
        except (AkaError, OperatorError) as error:
            raise SimError(f"the card of {self.imsi}: {error}") from None
        card = Usim(algorithm, sqn_ms=self.sqn, delta=self.delta)
        card.seq_ms = [split(self.sqn)[0]] * len(card.seq_ms)  # as of a card that has been in use
        return card


def _octets(name: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise SimError(f"{name} {text[:70]!r} is not hexadecimal") from None
