"""Messages in the form of each profile: another form of the same message, as the server's reader finds it."""

import pytest

from lteims.ipsec.sec_agree import client_lines
from lteims.ipsec.sec_agree import parse as parse_offers
from lteims.sim.dialect import write
from lteims.sim.errors import SimError
from lteims.sim.profiles import HUAWEI, LG, PROFILES, SAMSUNG, SPREADTRUM, profile_of
from lteims.sip.message import Request, parse
from lteims.sip.valid import check_request

HEADERS = {
    "via": ["SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport"],
    "max-forwards": ["70"],
    "from": ['"0600000123" <tel:+491>;tag=1'],
    "to": ["<tel:+492>"],
    "call-id": ["c1"],
    "cseq": ["1 INVITE"],
    "contact": ['<sip:a@192.0.2.1:5060>;+sip.instance="<urn:x, y>";audio'],
    "supported": ["100rel, precondition, timer"],
    "content-type": ["application/sdp"],
}


def invite() -> Request:
    return Request("INVITE", "tel:+492", {name: list(lines) for name, lines in HEADERS.items()}, b"v=0\r\n")


@pytest.mark.parametrize("name", PROFILES)
def test_the_same_message_in_another_form(name: str) -> None:
    read = parse(write(invite(), PROFILES[name]))
    assert isinstance(read, Request)
    check_request(read)
    assert read.from_.encode() == '"0600000123" <tel:+491>;tag=1'
    assert read.contacts[0].params["+sip.instance"] == "<urn:x, y>"
    assert read.tokens("supported") == ["100rel", "precondition", "timer"]
    assert (read.body, read.cseq.number, read.call_id) == (b"v=0\r\n", 1, "c1")


def names(data: bytes) -> list[str]:
    return [line.partition(":")[0] for line in data.decode().split("\r\n\r\n")[0].split("\r\n")[1:]]


def test_huawei_writes_from_before_via_and_no_blanks() -> None:
    data = write(invite(), HUAWEI)
    assert names(data)[:2] == ["From", "Via"]
    assert b'From:"0600000123"<tel:+491>;tag=1\r\n' in data
    assert b"Supported:100rel,precondition,timer\r\n" in data
    assert b'"<urn:x, y>"' in data  # inside quotes nothing is touched


def test_spreadtrum_writes_compact_names() -> None:
    assert {"v", "f", "t", "i", "m", "k", "c", "l"} <= set(names(write(invite(), SPREADTRUM)))


def test_samsung_has_its_order() -> None:
    assert names(write(invite(), SAMSUNG))[:4] == ["From", "To", "CSeq", "Call-ID"]


def test_offers_are_read_as_they_were_meant() -> None:
    for name, profile in PROFILES.items():
        if profile.security is None:
            assert name in ("softphone", "lg")
            continue
        offered = parse_offers(client_lines(profile.security, 1001, 1002, 40000, 40001))
        assert tuple(offer.pair for offer in offered.offers) == profile.security.pairs
        assert not offered.skipped


def test_what_the_profiles_differ_in() -> None:
    assert SPREADTRUM.security is not None
    assert SPREADTRUM.security.split
    assert HUAWEI.security is not None
    assert HUAWEI.security.null_left_out
    assert LG.security is None
    assert LG.tail == b"\r\n"
    assert not HUAWEI.prack_contact
    assert SAMSUNG.prack_refresher
    assert (SAMSUNG.timings.t1, SAMSUNG.timings.t2, SAMSUNG.timings.t4) == (2.0, 16.0, 17.0)


def test_an_unknown_profile_lists_the_known_ones() -> None:
    with pytest.raises(SimError, match="samsung"):
        profile_of("nokia")
