"""Short messages spoilt as faults and attackers spoil them; the same again for the same source of chance."""

import random

from tests.vectors.sms.every import INVALID, VALID
from tests.vectors.sms.vector import Invalid, Layer, Valid

VECTORS: tuple[Valid | Invalid, ...] = (*VALID, *INVALID)
CORPUS: tuple[tuple[Layer, bytes], ...] = tuple((vector.layer, vector.data) for vector in VECTORS)
LAYERS: tuple[Layer, ...] = tuple(Layer)
_TELLING = (0x00, 0x01, 0x05, 0x07, 0x0B, 0x0C, 0x14, 0x15, 0x1B, 0x40, 0x41, 0x7F, 0x80, 0x8C, 0xA0, 0xA1, 0xF9, 0xFF)


def spoilt(rng: random.Random) -> tuple[Layer, bytes]:
    """One message with one to four faults: bits, octets, lengths, cuts, doublings, two messages in one.

    One in eight is to be read as something that it never was.
    """
    layer, whole = rng.choice(CORPUS)
    data = bytearray(whole)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(data):
                data[at] = rng.choice(_TELLING)
            case 2:
                del data[at:]
            case 3:
                data[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 4:
                del data[at : at + rng.randrange(1, 9)]
            case 5:
                data[at:] = rng.choice(CORPUS)[1][at:]
            case 6 if at < len(data):
                data[at] = (data[at] + rng.choice((-1, 1))) & 0xFF
    return (layer if rng.randrange(8) else rng.choice(LAYERS)), bytes(data)
