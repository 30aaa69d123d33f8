"""Security agreement: RFC 3329, TS 33.203 annex H and 7.1; both ends of it against one another."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.ipsec import sec_agree
from lteims.ipsec.algorithms import DEFAULT_AALGS, DEFAULT_EALGS, expand, pairs
from lteims.ipsec.errors import IpsecError
from lteims.ipsec.sa import Aalg, Ealg
from lteims.ipsec.sec_agree import ClientProfile, Layout, Offer, Offered
from tests.vectors.ipsec.esp import CK, IK
from tests.vectors.ipsec.security_client import AES, DES3, HEADERS, MD5, NONE, NULL, SHA1, Header

every_header = pytest.mark.parametrize("header", HEADERS, ids=lambda header: header.name)
PHONE = Offer(SHA1, AES, 1236, 1237, 7004, 7005)
SERVER = sec_agree.answer(PHONE, 1000000001, 1000000002, 7100, 7101)
SERVER_VALUE = (
    "ipsec-3gpp;q=0.1;prot=esp;mod=trans;spi-c=1000000001;spi-s=1000000002;port-c=7100;port-s=7101"
    ";alg=hmac-sha-1-96;ealg=aes-cbc"
)

ports = st.integers(1, 65535)
spis = st.integers(0, 2**32 - 1)
offers = st.builds(
    Offer,
    st.sampled_from(Aalg),
    st.sampled_from(Ealg),
    spis,
    spis,
    ports,
    ports,
    q=st.none() | st.integers(0, 1000),
    prot=st.sampled_from(["esp", "ah"]),
    mod=st.sampled_from(["trans", "tun"]),
    other=st.sampled_from([(), (("x", None),), (("x", "1"), ("y", "a, b;c"))]),
)
layouts = st.builds(
    Layout,
    st.permutations(Layout().order).map(tuple),
    st.sampled_from([";", "; ", " ;\t"]),
    st.sampled_from(["=", " = "]),
    st.sampled_from([1, 10]),
    st.frozensets(st.sampled_from(Layout().order)),
)


@every_header
def test_a_header_is_read_offer_by_offer(header: Header) -> None:
    offered = sec_agree.parse(header.lines)
    assert tuple(offer.pair for offer in offered.offers) == header.pairs
    assert offered.mechanisms == header.mechanisms
    assert len(offered.skipped) == len(header.skipped)
    assert all(piece in reason for piece, reason in zip(header.skipped, offered.skipped, strict=True))


@every_header
def test_one_is_chosen_by_our_order(header: Header) -> None:
    offered = sec_agree.parse(header.lines)
    if header.chosen is None:
        with pytest.raises(IpsecError, match="none is among ours"):
            sec_agree.choose(offered)
        return
    choice = sec_agree.choose(offered)
    assert choice.offer.pair == header.chosen
    assert "; chosen {}/{}, place ".format(*header.chosen) in choice.text
    assert all(reason in choice.text for reason in offered.skipped)


def test_all_of_an_offer_is_read() -> None:
    (offer,) = sec_agree.parse(
        ['ipsec-3gpp;q=0.25;prot=AH;mod=Tun;alg=hmac-md5-96;spi-c=0256;spi-s=257;port-c=1;port-s=2;x="a, b";Flag']
    ).offers
    assert offer == Offer(MD5, NULL, 256, 257, 1, 2, 250, "ah", "tun", (("x", "a, b"), ("flag", None)))


def test_each_refusal_has_its_reason() -> None:
    (bad,) = [header for header in HEADERS if header.name == "readable, but not to be taken"]
    with pytest.raises(IpsecError) as caught:
        sec_agree.choose(sec_agree.parse(bad.lines))
    for reason in (
        "hmac-sha-1-96/aes-gcm: the two cannot go together",
        "'ah' in mode 'trans' is not supported",
        "'esp' in mode 'udp-enc-tun' is not supported",
        "spi-c and spi-s are both 1236",
        "SPI 255 is reserved",
        "port-c and port-s are both 7004",
        "port 5060 cannot be a protected port",
        "port 0 cannot be a protected port",
    ):
        assert reason in str(caught.value)


def test_the_log_line_says_offered_chosen_and_why() -> None:
    offered = sec_agree.parse(
        [
            "ipsec-3gpp;alg=hmac-md5-96;spi-c=300;spi-s=301;port-c=7004;port-s=7005",
            "ipsec-3gpp;alg=x;spi-c=300;spi-s=301;port-c=7004;port-s=7005, tls",
            "ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-cbc;spi-c=300;spi-s=301;port-c=7004;port-s=7005",
        ]
    )
    assert sec_agree.choose(offered, [SHA1, MD5], [AES, NULL]).text == (
        "offered hmac-md5-96/null, hmac-sha-1-96/aes-cbc, tls; chosen hmac-sha-1-96/aes-cbc, place 1 of our 4"
        "; refused offer 2: alg 'x' is unknown"
    )
    with pytest.raises(IpsecError) as caught:
        sec_agree.choose(offered, [SHA1], [DES3])
    assert str(caught.value) == (
        "offered hmac-md5-96/null, hmac-sha-1-96/aes-cbc, tls; none is among ours (hmac-sha-1-96/des-ede3-cbc)"
        "; refused offer 2: alg 'x' is unknown"
    )


def test_null_integrity_is_taken_only_where_the_operator_lists_it() -> None:
    offered = Offered((replace(PHONE, aalg=NONE),))
    with pytest.raises(IpsecError):
        sec_agree.choose(offered)
    assert sec_agree.choose(offered, [NONE], [AES]).offer.pair == (NONE, AES)


def test_of_two_alike_the_higher_q_and_then_the_first_is_taken() -> None:
    low, high, later = replace(PHONE, q=100), replace(PHONE, q=900, port_c=7006), replace(PHONE, q=900, port_c=7008)
    assert sec_agree.choose(Offered((low, high, later))).offer == high


def test_a_flood_of_offers_is_cut() -> None:
    value = ",".join(["ipsec-3gpp;alg=hmac-md5-96;spi-c=300;spi-s=301;port-c=7004;port-s=7005"] * 1000)
    offered = sec_agree.parse([value])
    assert len(offered.offers) == sec_agree.MAX_OFFERS
    assert offered.skipped == (f"more than {sec_agree.MAX_OFFERS} mechanisms",)
    assert len(sec_agree.choose(offered).text) < 300


def test_the_answer_has_all_parameters() -> None:
    assert sec_agree.encode(SERVER) == SERVER_VALUE


def test_a_refusal_lists_all_that_we_take() -> None:
    assert sec_agree.supported([SHA1], [AES, NULL]) == (
        "ipsec-3gpp;q=1;alg=hmac-sha-1-96;ealg=aes-cbc, ipsec-3gpp;q=0.99;alg=hmac-sha-1-96;ealg=null"
    )
    assert sec_agree.supported().count("ipsec-3gpp;") == len(pairs(DEFAULT_AALGS, DEFAULT_EALGS))


@given(offers, layouts)
def test_what_is_written_is_read_again(offer: Offer, layout: Layout) -> None:
    assert sec_agree.parse([sec_agree.encode(offer, layout)]) == Offered((offer,))


@given(offers, layouts)
def test_the_way_it_is_written_makes_no_difference(offer: Offer, layout: Layout) -> None:
    value = sec_agree.encode(offer)
    assert sec_agree.verify_matches([sec_agree.encode(offer, layout)], value)
    assert sec_agree.verify_matches([value.upper()], value)


@given(offers, st.data())
def test_every_other_value_makes_one(offer: Offer, data: st.DataObject) -> None:
    other = data.draw(offers.filter(lambda drawn: drawn != offer))
    assert not sec_agree.verify_matches([sec_agree.encode(other)], sec_agree.encode(offer))


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "it is absent"),
        (["  "], "it is absent"),
        ([SERVER_VALUE, SERVER_VALUE], "it has 2 mechanisms, not 1"),
        (["tls"], "it names other mechanisms"),
        ([SERVER_VALUE.replace("7101", "7103")], "it differs in port-s"),
        ([SERVER_VALUE.replace("aes-cbc", "null").replace("1000000001", "1")], "it differs in ealg, spi-c"),
        ([SERVER_VALUE + ";x=1"], "it differs in x"),
        ([SERVER_VALUE.replace(";port-s=7101", "")], "it differs in port-s"),
        ([SERVER_VALUE.replace("7101", "71o1")], "port-s '71o1' is no number up to 65535"),
        ([SERVER_VALUE + ";alg=null"], "'alg' comes twice"),
    ],
)
def test_a_difference_is_named(lines: list[str], why: str) -> None:
    assert sec_agree.difference(lines, SERVER_VALUE) == why
    assert not sec_agree.verify_matches(lines, SERVER_VALUE)


def test_several_mechanisms_may_change_places_but_not_double() -> None:
    other = sec_agree.encode(replace(SERVER, ealg=NULL))
    both = f"{SERVER_VALUE}, {other}"
    assert sec_agree.verify_matches([other, SERVER_VALUE], both)
    assert sec_agree.difference([other, other], both) == "it differs in ealg"
    assert sec_agree.difference([SERVER_VALUE, other], f"{other},{other}") == "it differs in ealg"


def test_defaults_may_be_left_out() -> None:
    value = sec_agree.encode(replace(SERVER, ealg=NULL))
    short = value.replace(";prot=esp;mod=trans", "").replace(";ealg=null", "")
    assert sec_agree.verify_matches([short], value)


def test_a_phone_writes_its_offers_in_one_header() -> None:
    profile = ClientProfile(
        ((MD5, NULL), (SHA1, AES)), Layout(("alg", "ealg", "spi-c", "spi-s", "port-c", "port-s"), "; "), comma=", "
    )
    assert sec_agree.client_lines(profile, 300, 301, 7004, 7005) == [
        "ipsec-3gpp; alg=hmac-md5-96; ealg=null; spi-c=300; spi-s=301; port-c=7004; port-s=7005, "
        "ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc; spi-c=300; spi-s=301; port-c=7004; port-s=7005"
    ]


def test_a_phone_writes_a_header_for_each_offer() -> None:
    profile = ClientProfile(((MD5, NULL), (SHA1, AES)), Layout(spi_digits=10), split=True, null_left_out=True)
    assert sec_agree.client_lines(profile, 300, 301, 7004, 7005) == [
        "ipsec-3gpp;prot=esp;mod=trans;spi-c=0000000300;spi-s=0000000301;port-c=7004;port-s=7005;alg=hmac-md5-96",
        "ipsec-3gpp;prot=esp;mod=trans;spi-c=0000000300;spi-s=0000000301;port-c=7004;port-s=7005;alg=hmac-sha-1-96"
        ";ealg=aes-cbc",
    ]


def test_a_phone_picks_the_highest_q_of_what_it_offered() -> None:
    lines = [sec_agree.encode(replace(SERVER, ealg=ealg, q=q)) for ealg, q in ((NULL, 100), (AES, 500), (DES3, 900))]
    assert sec_agree.pick(lines, [(SHA1, NULL), (SHA1, AES)]) == replace(SERVER, q=500)


def test_a_phone_says_why_it_picks_nothing() -> None:
    with pytest.raises(IpsecError, match="it is empty"):
        sec_agree.pick([], [PHONE.pair])
    with pytest.raises(IpsecError, match="hmac-sha-1-96/aes-cbc: not offered"):
        sec_agree.pick([SERVER_VALUE], [(MD5, NULL)])
    with pytest.raises(IpsecError, match="port 5060 cannot be"):
        sec_agree.pick([SERVER_VALUE.replace("7101", "5060")], [PHONE.pair])


def test_four_associations_as_the_p_cscf_sees_them() -> None:
    sas = sec_agree.four(PHONE, SERVER, "10.0.0.9", "10.0.0.1", CK, IK)
    assert [(sa.spi, sa.src, sa.sport, sa.dst, sa.dport, sa.inbound) for sa in sas] == [
        (1000000002, "10.0.0.9", 7004, "10.0.0.1", 7101, True),  # uc -> ps, spi-s of the P-CSCF
        (1236, "10.0.0.1", 7101, "10.0.0.9", 7004, False),  # ps -> uc, spi-c of the phone
        (1237, "10.0.0.1", 7100, "10.0.0.9", 7005, False),  # pc -> us, spi-s of the phone
        (1000000001, "10.0.0.9", 7005, "10.0.0.1", 7100, True),  # us -> pc, spi-c of the P-CSCF
    ]
    assert {(sa.aalg, sa.ealg, sa.auth_key, sa.enc_key) for sa in sas} == {(SHA1, AES, *expand(SHA1, AES, CK, IK))}


def test_the_phone_sees_the_same_four_from_the_other_side() -> None:
    here = sec_agree.four(PHONE, SERVER, "2001:db8::9", "2001:db8::1", CK, IK)
    there = sec_agree.four(PHONE, SERVER, "2001:db8::9", "2001:db8::1", CK, IK, at_phone=True)
    assert there == tuple(replace(sa, inbound=not sa.inbound) for sa in here)


@pytest.mark.parametrize("pair", pairs(DEFAULT_AALGS, DEFAULT_EALGS))
def test_both_ends_agree(pair: sec_agree.Pair) -> None:
    profile = ClientProfile((pair, (MD5, NULL)))
    choice = sec_agree.choose(sec_agree.parse(sec_agree.client_lines(profile, 300, 301, 7004, 7005)))
    server_value = sec_agree.encode(sec_agree.answer(choice.offer, 400, 401, 7100, 7101))
    picked = sec_agree.pick([server_value], profile.pairs)
    assert picked.pair == choice.offer.pair == pair
    assert sec_agree.verify_matches([server_value], server_value)
    phone = Offer(*pair, 300, 301, 7004, 7005)
    ends = [
        sec_agree.four(phone, picked, "10.0.0.9", "10.0.0.1", CK, IK, at_phone=True),
        sec_agree.four(choice.offer, picked, "10.0.0.9", "10.0.0.1", CK, IK),
    ]
    assert [sa.spi for sa in ends[0]] == [sa.spi for sa in ends[1]] == [401, 300, 301, 400]


@given(st.lists(st.text(alphabet=st.sampled_from('ipsec-3gpp;=," \talgspt019é')), max_size=4))
def test_noise_is_skipped(lines: list[str]) -> None:
    offered = sec_agree.parse(lines)
    assert not offered.offers
    assert isinstance(sec_agree.difference(lines, SERVER_VALUE), str)
