"""Round trips of whole values: what is written is read as the same, for every message, address, time and period."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lteims.sms import cp, gsm7, rp, tpdu
from lteims.sms.address import Address, TypeOfNumber
from lteims.sms.dcs import Alphabet, Dcs
from lteims.sms.octets import Direction, Reader
from lteims.sms.report import SmsDeliverReport, SmsSubmitReport
from lteims.sms.text import split, split_data
from lteims.sms.ti import Ti
from lteims.sms.timestamp import Timestamp
from lteims.sms.tpdu import Carrier, SmsCommand, SmsDeliver, SmsStatusReport, SmsSubmit
from lteims.sms.udh import Concatenation, Element, Header, Ports
from lteims.sms.userdata import UserData
from lteims.sms.validity import AbsoluteValidity, EnhancedForm, EnhancedValidity, RelativeValidity

UP, DOWN = Direction.MS_TO_SC, Direction.SC_TO_MS
octet = st.integers(0, 255)
flag = st.booleans()
numbers = st.builds(
    Address,
    st.text("0123456789*#abc", max_size=20),
    st.sampled_from([ton for ton in TypeOfNumber if ton is not TypeOfNumber.ALPHANUMERIC]),
    st.integers(0, 15),
)
plain = gsm7.ALPHABET.replace("\x1b", "")
names = st.text(plain + "€[]", min_size=1, max_size=11).filter(lambda text: len(gsm7.encode(text)) <= 11)
addresses = numbers | names.map(Address.alphanumeric)
times = st.builds(Timestamp, st.integers(631_300_000, 3_786_800_000), st.integers(-79, 79))
periods = st.none() | st.one_of(
    st.builds(RelativeValidity, octet),
    st.builds(AbsoluteValidity, times),
    st.builds(EnhancedValidity, st.just(EnhancedForm.NONE), st.just(0), flag),
    st.builds(EnhancedValidity, st.just(EnhancedForm.RELATIVE), octet, flag),
    st.builds(EnhancedValidity, st.just(EnhancedForm.SECONDS), st.integers(1, 255), flag),
    st.builds(EnhancedValidity, st.just(EnhancedForm.HOURS_MINUTES_SECONDS), st.integers(0, 359_999), flag),
)
elements = st.lists(
    st.one_of(
        st.builds(Element, octet, st.binary(max_size=9)),
        st.builds(Ports, st.integers(0, 65535), st.integers(0, 65535)).map(Ports.element),
        st.just(Concatenation(300, 5, 2, wide=True).element()),
    ),
    max_size=3,
)
user_data = st.one_of(
    st.builds(lambda text, header: split(text, elements=header)[0], st.text(plain + "^€", max_size=170), elements),
    st.builds(lambda text, header: split(text, alphabet=Alphabet.UCS2, elements=header)[-1], st.text(), elements),
    st.builds(lambda data, header: split_data(data, elements=header)[-1], st.binary(max_size=300), elements),
)
optional_user_data = st.none() | user_data


@given(addresses)
def test_addresses_of_the_transfer_layer(address: Address) -> None:
    reader = Reader(address.encode() + b"\x55")
    assert Address.parse(reader, "TP-OA") == address
    assert reader.left() == 1
    assert len(address.encode()) <= 12


@given(numbers)
def test_addresses_of_the_relay_layer(address: Address) -> None:
    reader = Reader(address.encode_rp() + b"\x55")
    assert Address.parse_rp(reader, "RP-DA") == address
    assert reader.left() == 1


@given(times)
def test_times(time: Timestamp) -> None:
    assert Timestamp.parse(time.encode()) == time


@given(elements)
def test_headers(found: list[Element]) -> None:
    header = Header(tuple(found))
    octets = header.encode()
    assert octets[0] == len(octets) - 1
    assert Header.parse(octets[1:]) == header


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_submit(data: st.DataObject) -> None:
    ud = data.draw(user_data)
    message = SmsSubmit(
        tp_mr=data.draw(octet), tp_da=data.draw(addresses), tp_udl=ud.tp_udl, tp_ud=ud.tp_ud, tp_dcs=ud.tp_dcs,
        tp_udhi=ud.tp_udhi, tp_pid=data.draw(octet), tp_vp=data.draw(periods), tp_rd=data.draw(flag),
        tp_srr=data.draw(flag), tp_rp=data.draw(flag),
    )  # fmt: skip
    octets = message.encode()
    assert len(octets) <= 164
    assert tpdu.parse(octets, UP) == message
    assert message.user_data == ud
    rpdu = rp.RpData(UP, data.draw(octet), None, data.draw(numbers), octets)
    assert rp.parse(rpdu.encode(), UP) == rpdu
    connected = cp.CpData(Ti(data.draw(st.integers(0, 6)), data.draw(flag)), rpdu.encode())
    assert cp.parse(connected.encode()) == connected


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_deliver(data: st.DataObject) -> None:
    ud = data.draw(user_data)
    message = SmsDeliver(
        tp_oa=data.draw(addresses), tp_scts=data.draw(times), tp_udl=ud.tp_udl, tp_ud=ud.tp_ud, tp_dcs=ud.tp_dcs,
        tp_udhi=ud.tp_udhi, tp_pid=data.draw(octet), tp_mms=data.draw(flag), tp_lp=data.draw(flag),
        tp_sri=data.draw(flag), tp_rp=data.draw(flag),
    )  # fmt: skip
    assert tpdu.parse(message.encode(), DOWN) == message
    rpdu = rp.RpData(DOWN, data.draw(octet), data.draw(numbers), None, message.encode())
    assert rp.parse(rpdu.encode(), DOWN) == rpdu


@given(st.data())
def test_status_report(data: st.DataObject) -> None:
    ud = data.draw(optional_user_data)
    message = SmsStatusReport(
        tp_mr=data.draw(octet), tp_ra=data.draw(addresses), tp_scts=data.draw(times), tp_dt=data.draw(times),
        tp_st=data.draw(octet), tp_mms=data.draw(flag), tp_lp=data.draw(flag), tp_srq=data.draw(flag),
        tp_udhi=ud.tp_udhi if ud else False, tp_pid=data.draw(st.none() | octet), tp_dcs=ud.tp_dcs if ud else None,
        tp_udl=ud.tp_udl if ud else None, tp_ud=ud.tp_ud if ud else b"",
    )  # fmt: skip
    assert tpdu.parse(message.encode(), DOWN) == message
    assert message.user_data == ud


@given(st.data())
def test_command(data: st.DataObject) -> None:
    message = SmsCommand(
        tp_mr=data.draw(octet), tp_ct=data.draw(octet), tp_mn=data.draw(octet), tp_da=data.draw(addresses),
        tp_cd=data.draw(st.binary(max_size=157)), tp_pid=data.draw(octet), tp_srr=data.draw(flag),
        tp_udhi=data.draw(flag),
    )  # fmt: skip
    assert tpdu.parse(message.encode(), UP) == message


@given(octet, optional_user_data, st.none() | octet, st.none() | octet, times)
def test_reports(rp_mr: int, ud: UserData | None, pid: int | None, fcs: int | None, time: Timestamp) -> None:
    udhi, dcs = (ud.tp_udhi, ud.tp_dcs) if ud else (False, Dcs(8))
    udl, octets = (ud.tp_udl, ud.tp_ud) if ud else (None, b"")
    carrier = Carrier.RP_ACK if fcs is None else Carrier.RP_ERROR
    up = SmsDeliverReport(tp_fcs=fcs, tp_udhi=udhi, tp_pid=pid, tp_dcs=dcs, tp_udl=udl, tp_ud=octets)
    assert tpdu.parse(up.encode(), UP, carrier) == up
    down = SmsSubmitReport(tp_scts=time, tp_fcs=fcs, tp_udhi=udhi, tp_pid=pid, tp_dcs=dcs, tp_udl=udl, tp_ud=octets)
    assert tpdu.parse(down.encode(), DOWN, carrier) == down
    for direction, report in ((UP, up), (DOWN, down)):
        ack = rp.RpAck(direction, rp_mr, report.encode())
        assert rp.parse(ack.encode(), direction) == ack
        error = rp.RpError(direction, rp_mr, rp_mr & 0x7F, report.encode(), b"\x01")
        assert rp.parse(error.encode(), direction) == error
