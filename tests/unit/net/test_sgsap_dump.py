"""SGsAP messages as the log shows them."""

import pytest

from lteims.net.sgsap_dump import describe
from lteims.sgsap import message as m
from lteims.sgsap.cause import SgsCause
from lteims.sgsap.decoder import parse
from lteims.sgsap.elements import Lai, MobileIdentity, Plmn, Tai

IMSI = "001010000000001"
HERE = Plmn("001", "01")


def test_places_and_identities_as_people_write_them() -> None:
    request = m.LocationUpdateRequest(IMSI, "mme.example", 1, Lai(HERE, 1), tai=Tai(HERE, 7))
    assert describe(request).splitlines() == [
        f"imsi: {IMSI}",
        "mme name: mme.example",
        "eps location update type: 1 (IMSI_ATTACH)",
        "new lai: 001-01, LAC 1",
        "tai: 001-01, TAC 7",
    ]
    accept = m.LocationUpdateAccept(IMSI, Lai(HERE, 1), MobileIdentity(tmsi=0x3160))
    assert describe(accept).splitlines()[-1] == "mobile identity: TMSI 0x00003160"


@pytest.mark.parametrize(("cause", "text"), [(SgsCause.IMSI_UNKNOWN, "3 (IMSI_UNKNOWN)"), (200, "200")])
def test_a_cause_has_its_name_where_it_has_one(cause: int, text: str) -> None:
    read = parse(m.PagingReject(IMSI, cause).encode())
    assert describe(read).splitlines()[-1] == f"sgs cause: {text}"


@pytest.mark.parametrize(
    ("data", "uplink", "text"),
    [
        ("1904", True, "CP-ACK 1904"),
        ("190106020201", True, "190106020201"),  # cut off
        ("9901020201", True, "CP-DATA RP-ACK 9901020201"),
        ("9901020201", False, "CP-DATA 9901020201"),  # none that goes this way
        ("05", True, "05"),
    ],
)
def test_a_nas_message_has_the_names_of_its_layers(data: str, uplink: bool, text: str) -> None:
    kind = m.UplinkUnitdata if uplink else m.DownlinkUnitdata
    assert describe(kind(IMSI, bytes.fromhex(data))).splitlines()[-1] == f"nas message container: {text}"


def test_each_detach_has_its_own_types() -> None:
    assert describe(m.EpsDetachIndication(IMSI, "mme.example", 3)).endswith("detach type: 3 (EPS_SERVICES_NOT_ALLOWED)")
    assert describe(m.ImsiDetachIndication(IMSI, "mme.example", 3)).endswith("3 (IMPLICIT_NETWORK_INITIATED)")
