"""The one small function that everything below oam/ logs through (floor 0), and the levels that it tests.

A layer's level is a plain integer on a shared object, so that a line that nobody wants costs one comparison:
`if SIP.level >= DEBUG: log(SIP, DEBUG, ...)`. oam/log.py is the sink: only it knows files, rotation and the ring.
"""

from typing import Final, Protocol

NONE: Final = 0
ERROR: Final = 1
WARN: Final = 2
INFO: Final = 3
DEBUG: Final = 4
LEVEL_NAMES = ("none", "error", "warn", "info", "debug")


class Layer:
    """One log layer and its options as `log_options` sets them (manual 5.2)."""

    __slots__ = ("crypto", "key", "level", "max_size", "name", "payload")

    def __init__(self, name: str) -> None:
        self.name = name  # upper case, as the file shows it
        self.level = ERROR
        self.max_size = 0  # bytes shown of a dump
        self.payload = False
        self.key = False
        self.crypto = False


IMS: Final = Layer("IMS")
SIP: Final = Layer("SIP")
MEDIA = Layer("MEDIA")
RX = Layer("RX")
CX = Layer("CX")
MME = Layer("MME")
LAYERS: dict[str, Layer] = {layer.name.lower(): layer for layer in (IMS, SIP, MEDIA, RX, CX, MME)}


class Sink(Protocol):
    """Where log lines go; oam/log.py in the server, a list in tests."""

    def write(self, layer: Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        """Take one entry that has passed its layer's level."""


class _Nowhere:
    def write(self, layer: Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        pass


_sink: Sink = _Nowhere()


def set_sink(sink: Sink) -> Sink:
    """Replace the sink; the former one is returned, so that a test can put it back."""
    global _sink
    former, _sink = _sink, sink
    return former


def log(
    layer: Layer, level: int, message: str, *, dir: str = "-", id: str = "-", body: str = "", data: bytes = b""
) -> None:
    """Log one entry if the layer's level admits it.

    `dir` is FROM, TO or "-"; `id` the manual's id or address column; `body` further lines of text (each is
    shown behind 8 spaces); `data` octets for a hex dump, cut at the layer's max_size. A MEDIA message starts
    with its protocol and media ("RTP/audio ...", manual 8.3).
    """
    if layer.level >= level:
        _sink.write(layer, level, dir, id, message, body, data)
