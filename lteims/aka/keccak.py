"""The permutation Keccak-f[1600] (FIPS 202 clause 3), for TUAK with more than one iteration; called by tuak.py.

One iteration is SHAKE256, which hashlib does in half a microsecond; this one takes about a millisecond.
"""

_MASK = (1 << 64) - 1


def _round_constants() -> tuple[int, ...]:
    """The 24 constants of iota from their shift register (FIPS 202 algorithm 5)."""
    constants = []
    register = 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            constant |= (register & 1) << ((1 << j) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return tuple(constants)


def _moves() -> tuple[tuple[int, int, int], ...]:
    """(from, to, rotation) of each lane in rho and pi together (FIPS 202 algorithms 2 and 3); lane = x + 5 * y."""
    moves = [(0, 0, 0)]
    x, y = 1, 0
    for t in range(24):
        x_to, y_to = y, (2 * x + 3 * y) % 5
        moves.append((x + 5 * y, x_to + 5 * y_to, (t + 1) * (t + 2) // 2 % 64))
        x, y = x_to, y_to
    return tuple(moves)


_ROUNDS = _round_constants()
_MOVES = _moves()


def keccak_f1600(state: bytes) -> bytes:
    """One application of Keccak-f[1600] to a state of 200 octets."""
    lanes = [int.from_bytes(state[i : i + 8], "little") for i in range(0, 200, 8)]
    for constant in _ROUNDS:
        lanes = _round(lanes, constant)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes)


def _round(lanes: list[int], constant: int) -> list[int]:
    parity = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
    theta = [parity[x - 1] ^ _rotated(parity[(x + 1) % 5], 1) for x in range(5)]
    moved = [0] * 25
    for source, target, bits in _MOVES:
        moved[target] = _rotated(lanes[source] ^ theta[source % 5], bits)
    mixed = [0] * 25
    for row in range(0, 25, 5):
        for x in range(5):
            mixed[row + x] = moved[row + x] ^ (~moved[row + (x + 1) % 5] & moved[row + (x + 2) % 5] & _MASK)
    mixed[0] ^= constant
    return mixed


def _rotated(lane: int, bits: int) -> int:
    return ((lane << bits) | (lane >> (64 - bits))) & _MASK
