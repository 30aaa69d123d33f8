"""Who sends and who receives: the address that a phone was seen at, From, and all forms of a number."""

import pytest

from lteims.mm1.errors import MmsError
from tests.unit.ims.mms_lab import ALICE, BOB, HOSTS, Lab
from tests.unit.ims.registry import user


@pytest.fixture
async def lab() -> Lab:
    made = Lab()
    for imsi in ("001", "002", "003"):
        await made.register(imsi)
    return made


@pytest.mark.parametrize(
    ("peer", "given", "shown", "impi"),
    [
        (HOSTS["001"], "", f"{ALICE}/TYPE=PLMN", "001"),
        ("::ffff:192.0.2.1", "", f"{ALICE}/TYPE=PLMN", "001"),
        (HOSTS["001"], ALICE, f"{ALICE}/TYPE=PLMN", "001"),
        (HOSTS["001"], f"{BOB}/TYPE=PLMN", f"{ALICE}/TYPE=PLMN", "001"),  # nobody speaks for another one
        (HOSTS["002"], "", f"{BOB}/TYPE=PLMN", "002"),  # the number before the name
        (HOSTS["002"], "bob@ims.example.org", "bob@ims.example.org", "002"),
        (HOSTS["003"], "", "carol@ims.example.org", "003"),
        ("2001:db8:1:2:ffff::1", "", "carol@ims.example.org", "003"),  # a phone has a whole prefix
        ("2001:db8:1:3::3", "", "", ""),
        ("203.0.113.5", "", "", ""),
        ("203.0.113.5", ALICE, f"{ALICE}/TYPE=PLMN", "001"),
        ("203.0.113.5", "+4412345", "+4412345/TYPE=PLMN", ""),
        ("", "Shop", "Shop", ""),
        ("nonsense", "", "", ""),
    ],
)
async def test_senders(lab: Lab, peer: str, given: str, shown: str, impi: str) -> None:
    party = lab.mms.directory.sender(peer, given)
    assert party.shown == shown
    assert (party.subscriber.user.imsi if party.subscriber else "") == impi


async def test_from_chooses_among_users_behind_one_address(lab: Lab) -> None:
    await lab.register("002", HOSTS["001"])
    sender = lab.mms.directory.sender
    assert sender(HOSTS["001"], BOB).shown == f"{BOB}/TYPE=PLMN"
    assert sender(HOSTS["001"], ALICE).shown == f"{ALICE}/TYPE=PLMN"
    assert sender(HOSTS["001"], "").shown == ""
    assert sender(HOSTS["001"], "+4412345").shown == "+4412345/TYPE=PLMN"


@pytest.mark.parametrize(
    ("text", "impi"),
    [
        (BOB, "002"),
        (f"{BOB}/TYPE=PLMN", "002"),
        ("+33 6.00-00(00)02/TYPE=PLMN", "002"),
        (f'"Bob B." <{BOB}/TYPE=PLMN>', "002"),
        ("carol@ims.example.org", "003"),
        ("carol", "003"),
        ("*21#5", "004"),
    ],
)
async def test_receivers(text: str, impi: str) -> None:
    lab = Lab(
        user("002", impu=(f"tel:{BOB}",)), user("003", impu=("carol",)), user("004", impu=("tel:*21%235",))
    )  # fmt: skip
    assert lab.mms.directory.receiver(text)[0].user.imsi == impi


@pytest.mark.parametrize("text", ["", "+1", "a@b", "\x00", "x" * 5000, "::1/TYPE=IPv6", "<>", "sip:carol@nowhere"])
async def test_nobody(lab: Lab, text: str) -> None:
    with pytest.raises(MmsError):
        lab.mms.directory.receiver(text)
