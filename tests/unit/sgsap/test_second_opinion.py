"""tshark reads what we send: every message, with every element, without a complaint."""

from pathlib import Path
from struct import pack

from lteims.sgsap import message as m
from lteims.sgsap.cause import MessageType
from lteims.sgsap.message import Message
from tests.unit.sgsap.test_sgsap_vectors import IMSI, SIMPLE, VECTORS
from tests.vectors.capture import complaints, look

_SCTP = 132
SINCE_RELEASE_12 = {"sm_delivery_timer", "sm_delivery_start_time", "maximum_retransmission_time",
                    "maximum_ue_availability_time", "requested_retransmission_time",
                    "additional_ue_unreachable_indicators"}  # fmt: skip


def packet(number: int, data: bytes) -> bytes:
    """A DATA chunk of this number to the port of SGsAP (RFC 9260 3.3.1)."""
    chunk = pack("!BBHIHHI", 0, 3, 16 + len(data), number, 0, number, 0) + data + bytes(-len(data) % 4)
    sctp = pack("!HHII", 29118, 29118, 1, 0) + chunk
    ip = pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(sctp), 1, 0x4000, 64, _SCTP, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    return pack("<IIII", 0, 0, 20 + len(sctp), 20 + len(sctp)) + ip + sctp


def is_known(message: Message) -> bool:
    """Does tshark know all elements? It stops at Release 12's extended coverage, as of version 4."""
    return not any(getattr(message, name, None) is not None for name in SINCE_RELEASE_12)


def test_tshark_reads_every_message(tmp_path: Path) -> None:
    # the erroneous messages of the vectors are not what tshark calls whole
    messages = [each for each in (*[v[2] for v in VECTORS], *[v[1] for v in SIMPLE]) if is_known(each)]
    messages = [each for each in messages if not isinstance(each, m.Status)]
    messages.append(m.UeUnreachable(IMSI, 6))
    messages.append(m.Status(IMSI, 12, m.AlertAck(IMSI).encode()))
    seen = look(tmp_path / "sgsap.pcap", [packet(n, message.encode()) for n, message in enumerate(messages)])
    assert {message.TYPE for message in messages} == set(MessageType)
    for message, layers in zip(messages, seen, strict=True):
        read = layers["sgsap"]
        assert int(read["sgsap.msg_type"], 16) == message.TYPE
        assert not complaints({"sgsap": read}), f"{message}: {complaints({'sgsap': read})}"
        if getattr(message, "imsi", None):
            assert IMSI in str(read)
