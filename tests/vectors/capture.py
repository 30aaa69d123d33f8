"""Writes captures of UDP, and of HTTP and Diameter over TCP, and asks tshark what it sees in them: a second opinion."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from struct import pack
from typing import Any

TSHARK = shutil.which("tshark")
_RAW_IP = 101
MOST = 60_000  # octets of one packet


NOTE = 0x400000  # tshark's severities: chat is below, warning and error are above


def _packet(protocol: int, header: bytes, data: bytes) -> bytes:
    length = 20 + len(header) + len(data)
    ip = pack("!BBHHHBBH4s4s", 0x45, 0, length, 1, 0x4000, 64, protocol, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    packet = ip + header + data
    return pack("<IIII", 0, 0, len(packet), len(packet)) + packet


def udp(port: int, data: bytes) -> bytes:
    """One datagram to a port."""
    return _packet(17, pack("!HHHH", 9200, port, 8 + len(data), 0), data)


def post(port: int, data: bytes) -> bytes:
    """One segment of a TCP connection with a POST of an MMS PDU."""
    head = (
        "POST / HTTP/1.1\r\nHost: 10.0.0.2\r\nContent-Type: application/vnd.wap.mms-message\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    ).encode()
    return _packet(6, pack("!HHIIBBHHH", port, 80, 1, 1, 0x50, 0x18, 65535, 0, 0), head + data)


def diameter(number: int, data: bytes) -> bytes:
    """One message as all that a TCP connection of this number to port 3868 carries."""
    return _packet(6, pack("!HHIIBBHHH", 20_000 + number, 3868, 1, 1, 0x50, 0x18, 65535, 0, 0), data)


def look(path: Path, packets: Sequence[bytes], *options: str) -> list[dict[str, Any]]:
    """What tshark makes of each packet, by layer."""
    assert TSHARK is not None, "tshark is missing: apt-get install tshark"
    path.write_bytes(pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _RAW_IP) + b"".join(packets))
    command = [TSHARK, "-r", str(path), "-T", "json", "--no-duplicate-keys", *options]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60)
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def complaints(layers: dict[str, Any]) -> list[str]:
    """Everything that an expert noted or a dissector could not read, apart from what lies below HTTP and WSP."""
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if int(value.get("_ws.expert.severity", 0)) >= NOTE:
                found.append(value["_ws.expert.message"])
            for key, inner in value.items():
                if "malformed" in key or "invalid" in key:
                    found.append(f"{key}: {inner}")
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk({name: layer for name, layer in layers.items() if name not in ("frame", "ip", "tcp", "udp")})
    return found
