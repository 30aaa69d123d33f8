"""Sequence numbers of the authentication centre: TS 33.102 annex C, SQN = SEQ (43 bits) || IND (5 bits).

SEQ is a counter of each subscriber (annex C.1.1.2, not time-based) and IND goes round the 32 slots of the USIM's
array. Called by ims/hss.py, which stores the SQN before the vector leaves it.
"""

IND_BITS = 5
IND_MASK = (1 << IND_BITS) - 1
SEQ_MAX = (1 << (48 - IND_BITS)) - 1
DELTA = 1 << 28  # annex C.3: the largest jump of SEQ that a USIM of these profiles accepts


def split(sqn: int) -> tuple[int, int]:
    """(SEQ, IND) of a SQN."""
    return sqn >> IND_BITS, sqn & IND_MASK


def join(seq: int, ind: int) -> int:
    """The SQN of a SEQ and an IND."""
    return (seq << IND_BITS) | ind


def next_sqn(sqn: int) -> int:
    """The SQN after this one: SEQ and IND one further each, so that the number as a whole grows too.

    Behind the last SEQ follows SEQ 1 (a USIM never takes 0): annex C.2.1 makes sure that no card lives so long,
    and a test card that was provisioned near the end has to be told its new SQN, or checks none.
    """
    seq, ind = split(sqn)
    return join(seq + 1 if seq < SEQ_MAX else 1, (ind + 1) & IND_MASK)


def resynchronised(sqn_he: int, sqn_ms: int, delta: int = DELTA) -> int:
    """The SQN_HE to go on from after an AUTS with the right MAC-S; the next vector takes next_sqn() of it (6.3.5).

    When the next SEQ is already ahead of SEQ_MS and within `delta`, nothing changes: an old AUTS never turns the
    counter back. Otherwise SEQ_MS counts, and IND stays in its round. A USIM that refuses the next vector again has
    a smaller limit than `delta`: call with delta=0, and SEQ_MS counts in any case.
    """
    seq_he, ind = split(sqn_he)
    seq_ms = sqn_ms >> IND_BITS
    if 0 < seq_he + 1 - seq_ms <= delta and seq_he < SEQ_MAX:
        return sqn_he
    return join(seq_ms, ind)
