"""What a test phone is provisioned with, from both sides: the entry of ue_db, and the card and password of the phone.

Keys are made up, but for each algorithm's own lengths; a test that wants a wrong one says so.
"""

from dataclasses import dataclass

from lteims.aka.algorithm import new_algorithm
from lteims.aka.usim import Usim

DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
K = "000102030405060708090a0b0c0d0e0f"
OTHER_K = "ff" * 16
_OPERATOR = {"xor": "", "milenage": "opc", "tuak": "topc"}
_OPERATOR_KEY = {"xor": "", "milenage": "63bfa50ee6523365ff14c1f45f88737d", "tuak": "5a" * 32}


@dataclass(frozen=True, slots=True)
class Account:
    """One subscriber. `impu` and `extra` go into ue_db as they are; an empty `impi` is left to the server to derive."""

    imsi: str
    authent_type: str = "AKAv1"
    sim_algo: str = "xor"
    res_len: int = 8
    password: str = ""
    domain: str = DOMAIN
    impi: str = ""
    impu: str = ""
    extra: str = ""

    @property
    def username(self) -> str:
        """The private identity, written out."""
        return self.impi or f"{self.imsi}@{self.domain}"

    @property
    def uri(self) -> str:
        """The public identity that stands on the card: derived from the IMSI (TS 23.003 13.4B)."""
        return f"sip:{self.imsi}@{self.domain}"

    def ue_db(self) -> str:
        """The entry in the configuration language."""
        fields = [f'imsi: "{self.imsi}"', f'authent_type: "{self.authent_type}"']
        if self.password:
            fields.append(f'pwd: "{self.password}"')
        if self.authent_type.startswith("AKA") or not self.password:
            fields += [f'sim_algo: "{self.sim_algo}"', f'K: "{K}"', f"res_len: {self.res_len}"]
            if name := _OPERATOR[self.sim_algo]:
                fields.append(f'{name}: "{_OPERATOR_KEY[self.sim_algo]}"')
        if self.impi:
            fields.append(f'impi: "{self.impi}"')
        if self.impu:
            fields.append(f"impu: {self.impu}")
        if self.domain != DOMAIN:
            fields.append(f'domain: "{self.domain}"')
        return "{" + ", ".join([*fields, *([self.extra] if self.extra else [])]) + "}"

    def card(self, *, k: str = K, sqn_ms: int = 0) -> Usim:
        """A card of this subscriber; `sqn_ms` is the highest SQN that it has accepted so far."""
        key = bytes.fromhex(_OPERATOR_KEY[self.sim_algo])
        algorithm = new_algorithm(
            self.sim_algo,
            bytes.fromhex(k),
            opc=key if self.sim_algo == "milenage" else b"",
            topc=key if self.sim_algo == "tuak" else b"",
            res_len=self.res_len,
        )
        return Usim(algorithm, sqn_ms=sqn_ms)


def ue_db(accounts: list[Account]) -> str:
    """The whole of ue_db.cfg."""
    return "ue_db: [\n" + "".join(f"  {account.ue_db()},\n" for account in accounts) + "],\n"
