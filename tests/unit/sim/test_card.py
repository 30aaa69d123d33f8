"""SIM cards of virtual phones: what is derived from an IMSI, what is refused, and the SQN window."""

import pytest

from lteims.aka import usim
from lteims.aka.algorithm import new_algorithm
from lteims.sim.card import Sim
from lteims.sim.errors import SimError

K = "0396eb317b6d1c36f19c1c84cd6ffd16"
OPC = "53c15671c60a4b731c55b4a441c0bde2"
RAND = bytes(range(16))


def test_identities_come_from_the_imsi() -> None:
    sim = Sim("001010000000003")
    assert sim.home == "ims.mnc001.mcc001.3gppnetwork.org"
    assert sim.private == "001010000000003@ims.mnc001.mcc001.3gppnetwork.org"
    assert sim.public == "sip:001010000000003@ims.mnc001.mcc001.3gppnetwork.org"
    assert Sim("310410123456789", mnc_digits=3).home == "ims.mnc410.mcc310.3gppnetwork.org"


def test_an_isim_says_its_own() -> None:
    sim = Sim("001010000000003", impi="alice@example.org", impu="tel:+49301", domain="example.org")
    assert (sim.private, sim.public, sim.home) == ("alice@example.org", "tel:+49301", "example.org")
    assert Sim("001010000000003", impu="0600000003", domain="x.org").public == "sip:0600000003@x.org"
    assert Sim("001010000000003", impu="sip:a@b.org").public == "sip:a@b.org"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"imsi": "12a"}, "imsi"),
        ({"imsi": "001010000000003", "mnc_digits": 4}, "mnc_digits"),
        ({"imsi": "001010000000003", "k": "xyz"}, "hexadecimal"),
        ({"imsi": "001010000000003", "k": "00"}, "001010000000003"),
        ({"imsi": "001010000000003", "k": K, "algorithm": "comp128"}, "comp128"),
        ({"imsi": "001010000000003", "k": K, "opc": "00"}, "001010000000003"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(SimError, match=says):
        Sim(**values)  # type: ignore[arg-type]


def test_without_keys_there_is_no_usim() -> None:
    assert Sim("001010000000003", password="secret").usim() is None


@pytest.mark.parametrize(
    "keys",
    [
        {"algorithm": "milenage", "k": K, "opc": OPC},
        {"algorithm": "milenage", "k": K, "op": "ff53bade17df5d4e793073ce9d7579fa"},
        {"algorithm": "xor", "k": K},
        {"algorithm": "tuak", "k": K, "topc": "5a" * 32},
    ],
)
def test_the_sqn_window(keys: dict[str, str]) -> None:
    """A number that was used gets an AUTS with the card's own, and so does one that is too far ahead."""
    card = Sim("001010000000003", sqn=1000 << 5, delta=1 << 10, **keys).usim()  # type: ignore[arg-type]
    assert card is not None
    octets = {name: bytes.fromhex(text) for name, text in keys.items() if name not in ("algorithm", "k")}
    centre = new_algorithm(keys["algorithm"], bytes.fromhex(keys["k"]), **octets)  # type: ignore[arg-type]
    for sqn, verdict in ((1 << 5, usim.SyncFailure), (1001 << 5 | 1, usim.Accepted), (5000 << 5, usim.SyncFailure)):
        vector = centre.vector(RAND, sqn, b"\x80\0")
        found = card.authenticate(vector.rand, vector.autn)
        assert isinstance(found, verdict), sqn
        if isinstance(found, usim.SyncFailure):
            assert centre.resync(RAND, found.auts) == card.sqn_ms
