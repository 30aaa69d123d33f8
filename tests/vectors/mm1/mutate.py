"""Spoils MM1's octets: a stream of mutations that depends on nothing but its seed."""

import random
from collections.abc import Iterator, Sequence

INTERESTING = bytes([0, 1, 2, 30, 31, 32, 34, 127, 128, 129, 0x84, 0xA3, 0xB3, 255])


def mutations(corpus: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """One to six changes each: octets set, flipped, cut out, doubled, put in, the end lost, two joined."""
    source = random.Random(seed)
    while True:
        data = bytearray(source.choice(corpus))
        for _ in range(source.randint(1, 6)):
            _change(data, corpus, source)
        yield bytes(data)


def _change(data: bytearray, corpus: Sequence[bytes], source: random.Random) -> None:
    at = source.randrange(len(data) + 1)
    end = min(len(data), at + source.randint(1, 8))
    match source.randrange(7):
        case 0:
            data[at:end] = bytes(source.choice(INTERESTING) for _ in range(end - at))
        case 1 if at < len(data):
            data[at] ^= 1 << source.randrange(8)
        case 2:
            del data[at:end]
        case 3:
            data[at:at] = data[at:end] * source.randint(1, 40)
        case 4:
            data[at:at] = source.randbytes(source.randint(1, 8))
        case 5:
            del data[at:]
        case _:
            other = source.choice(corpus)
            data[at:end] = other[source.randrange(len(other)) :]
