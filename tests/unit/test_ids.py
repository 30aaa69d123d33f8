"""Tokens: unique branches, unguessable tags, few questions to the source of randomness."""

from lteims.ids import MAGIC_COOKIE, Tokens


def source() -> tuple[list[int], Tokens]:
    asked: list[int] = []

    def octets(n: int) -> bytes:
        asked.append(n)
        return bytes((len(asked) * 7 + i) % 256 for i in range(n))

    return asked, Tokens(octets)


def test_branches_differ_and_carry_the_cookie() -> None:
    _, tokens = source()
    branches = [tokens.branch() for _ in range(1000)]
    assert len(set(branches)) == 1000
    assert all(branch.startswith(MAGIC_COOKIE) for branch in branches)


def test_octets_are_used_once() -> None:
    asked, tokens = source()
    drawn = b"".join(tokens.octets(16) for _ in range(64))
    assert len(drawn) == 1024
    assert sum(asked[1:]) == 1024  # nothing given out twice, nothing thrown away
    assert len(asked) <= 4
    assert len(tokens.octets(5000)) == 5000


def test_lengths() -> None:
    _, tokens = source()
    assert (len(tokens.tag()), len(tokens.call_id())) == (16, 32)
