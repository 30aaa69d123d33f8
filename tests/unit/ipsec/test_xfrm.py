"""NETLINK_XFRM messages: every field where linux/xfrm.h has it, and no octets of a kernel that break the reader.

tests/kernel/test_xfrm.py shows that a kernel understands them.
"""

import contextlib
import errno
import itertools
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.ipsec import xfrm
from lteims.ipsec.algorithms import ENCRYPTION, INTEGRITY, legal
from lteims.ipsec.errors import IpsecError
from lteims.ipsec.sa import Aalg, Ealg, Sa, Usage

SA = Sa(
    0x01020304, "10.0.0.1", 5060, "10.0.0.2", 40000, False, Aalg.HMAC_SHA1_96, Ealg.AES_CBC, b"a" * 20, b"e" * 16
)  # fmt: skip
SA6 = replace(SA, src="fd00::1", dst="fd00::2", inbound=True)


def attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    at = 0
    while at < len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        found[kind] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    assert at == len(data)
    return found


@pytest.mark.parametrize("sa", [SA, SA6], ids=["IPv4", "IPv6"])
def test_an_sa(sa: Sa) -> None:
    message = xfrm.new_sa(sa)
    family, prefix = (2, 32) if sa is SA else (10, 128)
    dst = bytes([10, 0, 0, 2]) + bytes(12) if sa is SA else b"\xfd" + bytes(14) + b"\x02"
    src = bytes([10, 0, 0, 1]) + bytes(12) if sa is SA else b"\xfd" + bytes(14) + b"\x01"
    # xfrm_selector: addresses, ports with masks, family, prefixes, any upper protocol
    assert message[:32] == dst + src
    assert message[32:34] + message[36:38] == (40000).to_bytes(2, "big") + (5060).to_bytes(2, "big")
    assert message[34:36] + message[38:40] == b"\xff" * 4
    assert message[40:45] == family.to_bytes(2, "little") + bytes([prefix, prefix, 0])
    # xfrm_usersa_info: identity, source, no limits, reqid, family, transport mode, no window in the old place
    assert message[56:77] == dst + b"\1\2\3\4" + b"\x32"
    assert message[80:96] == src
    assert message[96:128] == b"\xff" * 32
    assert message[128:208] == bytes(80)
    assert message[208:220] == struct.pack("=IHBBB3x", xfrm.REQID, family, 0, 0, 0)
    assert xfrm.parse_sa(message) == xfrm.State(sa.src, sa.dst, sa.spi, xfrm.REQID, Usage())
    assert xfrm.parse_sa(message).ours


def test_its_algorithms_and_window() -> None:
    found = attributes(xfrm.new_sa(SA)[224:])
    assert found[20] == b"hmac(sha1)".ljust(64, b"\0") + struct.pack("=II", 160, 96) + b"a" * 20
    assert found[2] == b"cbc(aes)".ljust(64, b"\0") + struct.pack("=I", 128) + b"e" * 16
    assert found[23] == struct.pack("=6I", 2, 0, 0, 0, 0, 64) + bytes(8)


@pytest.mark.parametrize(("aalg", "ealg"), list(itertools.product(Aalg, Ealg)))
def test_every_pair_of_algorithms(aalg: Aalg, ealg: Ealg) -> None:
    sa = replace(
        SA, aalg=aalg, ealg=ealg, auth_key=bytes(INTEGRITY[aalg].key_len), enc_key=bytes(ENCRYPTION[ealg].key_len)
    )  # fmt: skip
    if not legal(aalg, ealg):
        with pytest.raises(IpsecError, match=f"{aalg}|{ealg}"):
            xfrm.new_sa(sa)
        return
    found = attributes(xfrm.new_sa(sa)[224:])
    if ealg is Ealg.AES_GCM or aalg is Aalg.AES_GMAC:
        name = b"rfc4106(gcm(aes))" if ealg is Ealg.AES_GCM else b"rfc4543(gcm(aes))"
        assert found[18] == name.ljust(64, b"\0") + struct.pack("=II", 160, 128) + bytes(20)
        assert set(found) == {18, 23}
    else:
        assert set(found) == {20, 2, 23}
        assert struct.unpack_from("=I", found[20], 68)[0] == 8 * INTEGRITY[aalg].icv_len


@pytest.mark.parametrize("sa", [SA, SA6], ids=["out", "in"])
def test_a_policy(sa: Sa) -> None:
    message = xfrm.new_policy(sa)
    assert message[:56] == xfrm.new_sa(sa)[:56]
    assert message[56:88] == b"\xff" * 32
    assert struct.unpack_from("=IIBBBB", message, 152) == (xfrm.PRIORITY, 0, 0 if sa.inbound else 1, 0, 0, 0)
    template = attributes(message[168:])[5]
    assert len(template) == 64
    # Out: by this SA. In: by any of ours, whose own selectors see to the ports
    assert template[16:21] == (bytes(4) if sa.inbound else b"\1\2\3\4") + b"\x32"
    assert struct.unpack_from("=IBBB", template, 44) == (xfrm.REQID, 0, 0, 0)
    assert template[52:] == b"\xff" * 12
    found = xfrm.parse_policy(message)
    assert found == xfrm.Policy(sa.src, sa.dst, xfrm.PRIORITY, sa.inbound, xfrm.policy_id(sa))
    assert found.ours


@pytest.mark.parametrize("host", ["10.0.0.1", "fd00::1"])
def test_blocks_are_of_one_port_and_any_peer(host: str) -> None:
    incoming, outgoing = xfrm.new_blocks(host, 5062)
    packed = xfrm.Address.parse(host).packed
    assert incoming[:40] == packed + bytes(16) + struct.pack("!HHHH", 5062, 0xFFFF, 0, 0)
    assert outgoing[:40] == bytes(16) + packed + struct.pack("!HHHH", 0, 0, 5062, 0xFFFF)
    full = 128 if ":" in host else 32
    assert (incoming[42:44], outgoing[42:44]) == (bytes([full, 0]), bytes([0, full]))
    for message, identity, direction in zip((incoming, outgoing), xfrm.block_ids(host, 5062), (0, 1), strict=True):
        assert struct.unpack_from("=IIBB", message, 152) == (xfrm.BLOCK_PRIORITY, 0, direction, 1)
        found = xfrm.parse_policy(message)
        assert found.ours
        assert found.identity == identity
        assert host in (found.dst if found.inbound else found.src)


def test_any_own_address() -> None:
    incoming, _ = xfrm.new_blocks("0.0.0.0", 5062)
    assert incoming[42:44] == bytes(2)


def test_an_identity() -> None:
    assert xfrm.sa_id("10.0.0.2", 0x01020304) == bytes([10, 0, 0, 2]) + bytes(12) + b"\1\2\3\4\2\0\x32\0"


@pytest.mark.parametrize("host", ["", "a.name", "10.1", "10.0.0.256", "fd00::1::2"])
def test_what_is_no_address(host: str) -> None:
    with pytest.raises(IpsecError, match="no numeric address"):
        xfrm.sa_id(host, 1)


def test_usage_counts_late_and_repeated_packets_as_one() -> None:
    message = bytearray(xfrm.new_sa(SA))
    message[160:192] = struct.pack("=4Q", 1000, 10, 0, 0)
    message[192:204] = struct.pack("=3I", 3, 4, 5)
    assert xfrm.parse_sa(bytes(message)).usage == Usage(10, 1000, 7, 5)


def test_messages_of_one_datagram() -> None:
    data = xfrm.request(xfrm.NEWSA, b"12345", 7) + bytes(3) + xfrm.request(xfrm.DONE, b"", 7, 2)
    assert list(xfrm.messages(data)) == [(xfrm.NEWSA, xfrm.REQUEST | xfrm.ACK, 7, b"12345"), (xfrm.DONE, 2, 7, b"")]


def test_an_error_with_the_kernels_words() -> None:
    words = struct.pack("=HH", 4 + 10, 1) + b"No such x\0" + bytes(2)
    payload = struct.pack("=i", -errno.ENOSYS) + bytes(16)
    assert xfrm.error_of(payload + words, 0x200) == (errno.ENOSYS, "No such x")
    assert xfrm.error_of(payload + words, 0) == (errno.ENOSYS, "")
    assert xfrm.error_of(payload + b"\3\0\1\0", 0x200) == (errno.ENOSYS, "")
    assert xfrm.error_of(bytes(20), 0) == (0, "")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EEXIST, "already"),
        (errno.EPROTONOSUPPORT, "no ESP"),
        (errno.ENOSYS, "lacks the algorithm"),
        (errno.EPERM, "NET_ADMIN"),
        (errno.EXDEV, "EXDEV"),
        (9999, "9999"),
    ],
)
def test_causes_are_words(code: int, words: str) -> None:
    assert words in xfrm.cause(code)
    assert xfrm.cause(code, "as it says").endswith("(as it says)")


READERS: list[Callable[[bytes], object]] = [
    xfrm.parse_sa,
    xfrm.parse_policy,
    lambda data: list(xfrm.messages(data)),
    lambda data: xfrm.error_of(data, 0x200),
]


@pytest.mark.parametrize("reader", READERS)
@given(data=st.binary(max_size=300))
def test_no_octets_break_the_reader(reader: Callable[[bytes], object], data: bytes) -> None:
    with contextlib.suppress(IpsecError):
        reader(data)


@pytest.mark.parametrize("whole", [xfrm.new_sa(SA)[:224], xfrm.new_policy(SA)[:168]])
def test_a_payload_cut_short(whole: bytes) -> None:
    reader = xfrm.parse_sa if len(whole) == 224 else xfrm.parse_policy
    for length in range(len(whole)):
        with pytest.raises(IpsecError, match="cut short"):
            reader(whole[:length])
