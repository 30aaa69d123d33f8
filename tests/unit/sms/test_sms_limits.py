"""What is too long or too large to be written is refused by whoever writes it, not cut (TS 24.011 8, TS 23.040 9)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lteims.sms import cp, rp
from lteims.sms.address import Address
from lteims.sms.cause import CpCause, RpCause, TpFcs, TpStatus, name
from lteims.sms.dcs import Dcs
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction
from lteims.sms.report import SmsDeliverReport, SmsSubmitReport
from lteims.sms.ti import Ti
from lteims.sms.timestamp import Timestamp
from lteims.sms.tpdu import SmsCommand, SmsStatusReport, SmsSubmit

UP, DOWN = Direction
NOW = Timestamp(1_719_835_200)
SUBMIT = SmsSubmit(tp_mr=1, tp_da=Address("12"), tp_udl=1, tp_ud=b"x")
STATUS = SmsStatusReport(tp_mr=1, tp_ra=Address("12"), tp_scts=NOW, tp_dt=NOW, tp_st=0)
COMMAND = SmsCommand(tp_mr=1, tp_ct=0, tp_mn=0, tp_da=Address("12"))
DATA = Dcs(0x04)


@pytest.mark.parametrize(
    "encode",
    [
        rp.RpData(DOWN, 1, None, None, 234 * b"x").encode,
        rp.RpData(DOWN, 256, None, None, b"x").encode,
        rp.RpAck(UP, 1, 233 * b"x").encode,
        rp.RpAck(UP, -1).encode,
        rp.RpError(UP, 1, 256).encode,
        rp.RpError(UP, 1, 1, diagnostic=255 * b"x").encode,
        rp.RpSmma(256).encode,
        cp.CpData(Ti(1), 249 * b"x").encode,
        cp.CpAck(Ti(7)).encode,
        cp.CpAck(Ti(-1)).encode,
        cp.CpError(Ti(1), 256).encode,
        replace(SUBMIT, tp_mr=256).encode,
        replace(SUBMIT, tp_pid=-1).encode,
        replace(SUBMIT, tp_dcs=Dcs(256)).encode,
        replace(SUBMIT, tp_udl=2, tp_ud=b"x").encode,
        replace(SUBMIT, tp_udl=141, tp_ud=141 * b"x", tp_dcs=DATA).encode,
        replace(STATUS, tp_st=256).encode,
        replace(STATUS, tp_udl=144, tp_ud=144 * b"x", tp_dcs=DATA).encode,
        replace(COMMAND, tp_ct=256).encode,
        replace(COMMAND, tp_cd=158 * b"x").encode,
        SmsDeliverReport(tp_fcs=256).encode,
        SmsDeliverReport(tp_fcs=0xFF, tp_dcs=DATA, tp_udl=159, tp_ud=159 * b"x").encode,
        SmsSubmitReport(tp_scts=NOW, tp_pid=256).encode,
        SmsSubmitReport(tp_scts=NOW, tp_fcs=0xFF, tp_dcs=DATA, tp_udl=152, tp_ud=152 * b"x").encode,
    ],
)
def test_what_does_not_fit(encode: Callable[[], bytes]) -> None:
    with pytest.raises(SmsError):
        encode()


@pytest.mark.parametrize(
    ("message", "octets"),
    [
        (SmsDeliverReport(tp_dcs=DATA, tp_udl=159, tp_ud=159 * b"x"), 163),
        (SmsSubmitReport(tp_scts=NOW, tp_dcs=DATA, tp_udl=152, tp_ud=152 * b"x"), 163),
        (replace(COMMAND, tp_cd=157 * b"x"), 166),
    ],
)
def test_the_longest_that_fit(message: SmsDeliverReport | SmsSubmitReport | SmsCommand, octets: int) -> None:
    assert len(message.encode()) == octets


def test_a_cause_that_an_operator_forces() -> None:
    for cause in range(256):
        octets = rp.RpError(DOWN, 5, cause).encode()
        assert octets == bytes((5, 5, 1, cause))
        message = rp.parse(octets, DOWN)
        assert isinstance(message, rp.RpError)
        assert message.rp_cause == cause & 0x7F
        assert cp.parse(cp.CpError(Ti(1), cause).encode()) == cp.CpError(Ti(1), cause)


def test_causes_in_words() -> None:
    assert name(RpCause, 22) == "22 memory capacity exceeded"
    assert name(CpCause, 17) == "17 network failure"
    assert name(TpFcs, 0xC3) == "195 invalid sme address"
    assert name(TpStatus, 0x46) == "70 validity period expired"
    assert name(RpCause, 200) == "200"
