"""What tshark reads in our octets: PDUs in HTTP and pushes in UDP, without an expert's complaint."""

from itertools import product
from pathlib import Path

import pytest

from lteims.mm1.compose import File, compose
from lteims.mm1.fields import FIELDS, When
from lteims.mm1.pdu import MNotificationInd, MSendReq
from lteims.mm1.push import PORT, Push
from tests.vectors.capture import complaints, look, post, udp
from tests.vectors.mm1.pdus import VECTORS

NAMES = {
    "transaction_id": "mmse.transaction_id",
    "sender": "mmse.from",
    "content_location": "mmse.content_location",
    "message_id": "mmse.message_id",
    "message_size": "mmse.message_size",
    "status": "mmse.status",
    "response_status": "mmse.response_status",
    "retrieve_status": "mmse.retrieve_status",
    "read_status": "mmse.read_status",
    "priority": "mmse.priority",
}


def shown(value: object) -> str:
    return f"0x{value:02x}" if isinstance(value, int) and 0x80 <= value <= 0xFF else str(value)


def test_every_pdu(tmp_path: Path) -> None:
    ours = [vector.value.encode() for vector in VECTORS]  # type: ignore[attr-defined]
    seen = look(tmp_path / "pdus.pcap", [post(2000 + number, data) for number, data in enumerate(ours)])
    for vector, layers in zip(VECTORS, seen, strict=True):
        assert complaints(layers) == [], vector.name
        fields = layers["mmse"]
        assert fields["mmse.message_type"] == shown(int(vector.value.message_type))  # type: ignore[attr-defined]
        for name, theirs in NAMES.items():
            value = getattr(vector.value, name, None)
            if value not in (None, ""):
                assert fields[theirs] == shown(value), (vector.name, FIELDS[name].name)


def test_pushes(tmp_path: Path) -> None:
    sizes, expiries = (1, 127, 128, 255, 65536, 2**31), (1, 86400, 2**24)
    grid = [
        MNotificationInd(
            transaction_id=f"t{size}.{expiry}",
            sender="+4915112345678/TYPE=PLMN",
            message_class="personal",
            message_size=size,
            expiry=When(expiry),
            content_location="http://192.168.3.1:1111/" + "m" * (expiry % 200),
        )
        for size, expiry in product(sizes, expiries)
    ]
    seen = look(tmp_path / "push.pcap", [udp(PORT, Push.of(n, pdu).encode()) for n, pdu in enumerate(grid)])
    for number, (pdu, layers) in enumerate(zip(grid, seen, strict=True)):
        assert complaints(layers) == []
        assert layers["wsp"]["wsp.TID"] == f"0x{number:02x}"
        assert layers["wsp"]["wsp.headers"]["wsp.header.x_wap_application_id"] == "x-wap-application:mms.ua"
        assert layers["mmse"]["mmse.content_location"] == pdu.content_location
        assert int(layers["mmse"]["mmse.message_size"]) & 0xFFFFFFFF == pdu.message_size
        assert layers["mmse"]["mmse.expiry.rel"] == f"{pdu.expiry.seconds}.000000000"


@pytest.mark.parametrize("size", [1, 100, 127, 128, 16383, 16384, 50000])
def test_composed_messages(tmp_path: Path, size: int) -> None:
    content = compose(
        [File("a.jpg", bytes(size)), File("ü.txt", "Grüße\n".encode()), File("b.bin", bytes(1 + size // 9))]
    )
    pdu = MSendReq(transaction_id="1", sender="", to=("1234",), content_type=content.content_type, body=content.body)
    (layers,) = look(tmp_path / "composed.pcap", [post(3000, pdu.encode())])
    assert complaints(layers) == []
    parts = layers["mmse"]["wsp.post.data"]["Multipart body"]["wsp.multipart_tree"]
    kinds = [part["wsp.header.content_type"] for part in parts]
    assert kinds == ["application/smil", "image/jpeg", "text/plain", "application/octet-stream"]
    assert [part["wsp.headers"]["wsp.header.content_location"] for part in parts] == [
        "smil.xml", "a.jpg", "file.txt", "b.bin",
    ]  # fmt: skip
