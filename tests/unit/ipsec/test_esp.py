"""ESP packets: every vector sealed, opened, cut and spoiled; round trips of all pairs of algorithms (RFC 4303)."""

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lteims.ipsec.algorithms import ENCRYPTION, INTEGRITY, protects
from lteims.ipsec.errors import IpsecError
from lteims.ipsec.esp import MAX_SEQUENCE, Esp, Forged, peek
from lteims.ipsec.sa import Aalg, Ealg
from tests.vectors.ipsec.esp import HEADER, IV, OWN, PAYLOAD, PUBLISHED, SPI, Packet

CODECS = {packet.name: Esp(packet.sa) for packet in OWN + PUBLISHED}
BY_PAIR = {(packet.sa.aalg, packet.sa.ealg): packet for packet in OWN}
SHA1_AES = BY_PAIR[Aalg.HMAC_SHA1_96, Ealg.AES_CBC]
NULLS = BY_PAIR[Aalg.NULL, Ealg.NULL]

every_packet = pytest.mark.parametrize("packet", OWN + PUBLISHED, ids=lambda packet: packet.name)
protected_packet = pytest.mark.parametrize(
    "packet",
    [packet for packet in OWN + PUBLISHED if protects(packet.sa.aalg, packet.sa.ealg)],
    ids=lambda packet: packet.name,
)


@every_packet
def test_a_vector_is_sealed(packet: Packet) -> None:
    sealed = CODECS[packet.name].seal(
        packet.sequence, packet.next_header, packet.payload, lambda size: packet.iv[:size]
    )
    assert sealed == packet.octets


@every_packet
def test_a_vector_is_opened(packet: Packet) -> None:
    opened = CODECS[packet.name].open(packet.octets)
    assert opened == (packet.sequence, packet.next_header, packet.payload)
    assert peek(packet.octets) == (packet.sa.spi, packet.sequence)


@protected_packet
def test_every_bit_of_a_protected_packet_counts(packet: Packet) -> None:
    for bit in range(len(packet.octets) * 8):
        spoilt = bytearray(packet.octets)
        spoilt[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IpsecError) as caught:
            CODECS[packet.name].open(bytes(spoilt))
        assert isinstance(caught.value, Forged) == (bit >= 32)  # before that it is another SPI


@protected_packet
def test_every_beginning_of_a_protected_packet_is_refused(packet: Packet) -> None:
    for length in range(len(packet.octets)):
        with pytest.raises(IpsecError):
            CODECS[packet.name].open(packet.octets[:length])
    with pytest.raises(IpsecError):
        CODECS[packet.name].open(packet.octets + b"\0")


@every_packet
def test_whatever_is_cut_or_longer_raises_nothing_else(packet: Packet) -> None:
    for length in range(len(packet.octets) + 1):
        for data in (packet.octets[:length], packet.octets[:length] + bytes(16)):
            try:
                CODECS[packet.name].open(data)
            except IpsecError:
                continue
            assert not protects(packet.sa.aalg, packet.sa.ealg) or data == packet.octets


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(CODECS)),
    st.integers(1, MAX_SEQUENCE),
    st.integers(0, 255),
    st.binary(max_size=100),
    st.binary(min_size=16, max_size=16),
)
def test_what_is_sealed_is_opened(name: str, sequence: int, next_header: int, payload: bytes, iv: bytes) -> None:
    codec = CODECS[name]
    packet = codec.seal(sequence, next_header, payload, lambda size: iv[:size])
    assert codec.open(packet) == (sequence, next_header, payload)
    integrity, encryption = INTEGRITY[codec.sa.aalg], ENCRYPTION[codec.sa.ealg]
    around = 8 + integrity.iv_len + encryption.iv_len + integrity.icv_len + encryption.icv_len
    assert (len(packet) - around) % encryption.block == 0


@given(st.sampled_from(sorted(CODECS)), st.binary(max_size=120))
def test_noise_is_refused_or_carries_no_integrity(name: str, noise: bytes) -> None:
    codec = CODECS[name]
    try:
        codec.open(codec.sa.spi.to_bytes(4, "big") + noise)
    except IpsecError:
        return
    assert not protects(codec.sa.aalg, codec.sa.ealg)


def test_the_code_is_asked_before_anything_is_decrypted() -> None:
    # The last block is spoilt, so that the padding would be wrong as well.
    with pytest.raises(Forged):
        CODECS[SHA1_AES.name].open(SHA1_AES.octets[:-20] + bytes(20))


@pytest.mark.parametrize(
    "trailer",
    [
        "01 03 02 11",  # padding does not count 1, 2
        "00 00 02 11",
        "01 02 ff 11",  # more padding than packet
    ],
)
def test_wrong_padding_is_refused(trailer: str) -> None:
    with pytest.raises(IpsecError, match="padding"):
        CODECS[NULLS.name].open(HEADER + PAYLOAD + bytes.fromhex(trailer))


def test_padding_may_be_longer_than_it_need() -> None:
    longer = HEADER + PAYLOAD + bytes.fromhex("01 02 03 04 05 06 06 11")  # RFC 4303 2.4: up to 255
    assert CODECS[NULLS.name].open(longer) == (1, 17, PAYLOAD)


def test_a_packet_of_another_spi_is_refused() -> None:
    with pytest.raises(IpsecError, match=f"for SPI {SPI + 1} came to SPI {SPI}"):
        CODECS[SHA1_AES.name].open((SPI + 1).to_bytes(4, "big") + SHA1_AES.octets[4:])


def test_a_header_that_is_cut_has_no_spi() -> None:
    with pytest.raises(IpsecError, match="7 octets"):
        peek(bytes(7))


@pytest.mark.parametrize("sequence", [0, -1, MAX_SEQUENCE + 1])
def test_numbers_outside_the_range_are_not_sent(sequence: int) -> None:
    with pytest.raises(IpsecError, match="used up"):
        CODECS[SHA1_AES.name].seal(sequence, 17, PAYLOAD, lambda size: IV[:size])


def test_keys_of_a_wrong_length_are_refused() -> None:
    for packet in OWN:
        for wrong in (
            replace(packet.sa, auth_key=packet.sa.auth_key + b"\0"),
            replace(packet.sa, enc_key=packet.sa.enc_key + b"\0"),
        ):
            with pytest.raises(IpsecError, match="octets, not"):
                Esp(wrong)


def test_an_illegal_pair_is_refused() -> None:
    with pytest.raises(IpsecError, match="cannot go together"):
        Esp(replace(SHA1_AES.sa, ealg=Ealg.AES_GCM))


def test_a_message_of_1000_octets_costs_under_30_microseconds() -> None:
    codec, payload = CODECS[SHA1_AES.name], bytes(1000)
    best = 1.0
    for _ in range(20):  # the best of several: other work on the machine must not count
        start = time.process_time()
        for sequence in range(1, 101):
            codec.seal(sequence, 17, payload, lambda size: IV[:size])
        best = min(best, (time.process_time() - start) / 100)
    print(f"sealed with hmac-sha-1-96 and aes-cbc: {best * 1e6:.1f} us")
    assert best < 30e-6
