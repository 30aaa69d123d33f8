"""Everything at once over SGs: phones and MMEs that do what they like, and then behave; nothing may be left over."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lteims import counters
from lteims.sgsap import message as m
from lteims.sim.mme import NAME, Mme
from lteims.sim.mme_phone import Paging
from lteims.sms.cause import RpCause
from tests.unit.ims.sgs_lab import NUMBER_A, NUMBER_B, STRANGER, A, B, SgsLab
from tests.unit.sgsap.test_second_opinion import packet
from tests.unit.sgsap.test_sgsap_vectors import SIMPLE, VECTORS
from tests.vectors.capture import complaints, look

OTHER = "mmec02.mmegi0001.mme.epc.mnc001.mcc001.3gppnetwork.org"
NUMBERS = {A: NUMBER_A, B: NUMBER_B}
ODD = [bytes.fromhex(text) for text in ("0904", "0901", "8904", "091060", "890160", "0901020300", "190407", "7901")]
ODD += [bytes.fromhex("0901 04 00 05 00 00".replace(" ", "")), bytes.fromhex("8901020205")]
MESSAGES = [v[2] for v in VECTORS] + [v[1] for v in SIMPLE]


class Chaos:
    """Two MMEs, two phones, and somebody who throws dice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.lab = SgsLab(network_name="Лаборатория")
        self.mmes = [self.lab.connect(name=NAME)]
        self.wires = [self.lab.wire]
        self.mmes.append(self.lab.connect(host="192.0.2.62", name=OTHER))
        self.wires.append(self.lab.wire)
        self.count = 0

    def step(self) -> None:
        dice, lab = self.dice, self.lab
        which = dice.randrange(2)
        mme, imsi = self.mmes[which], dice.choice((A, B))
        phone = mme.phone(imsi)
        match dice.randrange(16):
            case 0 | 1:
                mme.attach(imsi)
            case 2:
                dice.choice((mme.detach_eps, mme.detach_imsi))(imsi)
            case 3 | 4 | 5:
                self.count += 1
                lab.submit(NUMBERS[imsi], f"{self.count}")
            case 6 | 7:
                if phone.attached:
                    phone.submit(f"by {imsi}", NUMBERS[dice.choice((A, B))])
            case 8:
                phone.paging = dice.choice(list(Paging))
            case 9:
                phone.silent = dice.random() < 0.3
            case 10:
                mme.seen(imsi)
            case 11:
                phone.rp_cause = dice.choice((None, RpCause.MEMORY_CAPACITY_EXCEEDED, RpCause.TEMPORARY_FAILURE))
            case 12:
                mme.say(m.UplinkUnitdata(dice.choice((A, B, STRANGER)), dice.choice(ODD)))
            case 13:
                message: Any = dice.choice(MESSAGES)
                whose = {"imsi": imsi} if getattr(message, "imsi", None) else {}
                mme.say(replace(message, **whose))
            case 14:
                self.again(which)
            case 15:
                mme.acknowledges = dice.random() < 0.7
        lab.run(dice.choice((0.0, 0.0, 0.05, 1.0, 15.0)))

    def again(self, which: int) -> None:
        """An MME restarts, with its SCTP association or without."""
        mme = self.mmes[which]
        if self.dice.random() < 0.5:
            self.wires[which].on_lost("aborted")
            for phone in mme.phones.values():
                phone.lost()
            self.lab.connect(mme, host=self.wires[which].host, quiet=False)
            self.wires[which] = self.lab.wire
        if self.dice.random() < 0.5:
            mme.restart()

    def behave(self) -> Mme:
        """From now on all is well: both phones are at the first MME."""
        for mme in self.mmes:
            mme.acknowledges = True
            for phone in mme.phones.values():
                phone.paging, phone.silent, phone.rp_cause = Paging.ANSWERED, False, None
        self.lab.run(200.0)
        for imsi in (A, B):
            self.mmes[0].attach(imsi)
        self.lab.run(400.0)
        for imsi in (A, B):
            self.mmes[0].phone(imsi).memory_available()
        self.lab.run(400.0)
        return self.mmes[0]


@pytest.mark.parametrize("seed", range(25))
def test_after_all_of_it_every_message_arrives(seed: int) -> None:
    faults = counters.get("ims_internal_error")
    chaos = Chaos(seed)
    for _ in range(150):
        chaos.step()
    mme = chaos.behave()
    lab = chaos.lab
    assert counters.get("ims_internal_error") == faults
    assert lab.waiting(A) == lab.waiting(B) == 0
    lab.nothing_left()
    assert not any(phone.busy for phone in mme.phones.values())
    arrived = {text for each in chaos.mmes for phone in each.phones.values() for text in phone.inbox}
    assert {f"{n + 1}" for n in range(chaos.count)} <= arrived


def test_tshark_reads_all_that_is_said(tmp_path: Path) -> None:
    lab = SgsLab(network_name="Laboratory")
    mme = lab.connect()
    a, b = lab.attached(mme, A), lab.attached(mme, B)
    a.submit("From phone to phone, with an answer", NUMBER_B)
    b.submit("Both at once", NUMBER_A)
    b.paging = Paging.UNREACHABLE
    lab.run(5.0)
    mme.seen(B)
    mme.attach(STRANGER)
    mme.detach_eps(A)
    mme.restart()
    lab.run(5.0)
    said = lab.wire.octets
    assert len(said) > 17
    for octets, layers in zip(
        said, look(tmp_path / "x.pcap", [packet(n, each) for n, each in enumerate(said)]), strict=True
    ):
        found = {name: layer for name, layer in layers.items() if name != "sctp"}
        assert "sgsap" in found
        assert not complaints(found), f"{octets.hex()}: {complaints(found)}"
