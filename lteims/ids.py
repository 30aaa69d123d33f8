"""Tokens that must be unique or unguessable (floor 0), from a source of random bytes that is handed in.

RFC 3261 8.1.1.7 (branch), 19.3 (tags need 32 bits of randomness), 8.1.1.4 (Call-ID); used by net/ and ims/.
"""

from collections.abc import Callable
from itertools import count
from typing import Final

RandomBytes = Callable[[int], bytes]

MAGIC_COOKIE: Final = "z9hG4bK"
_PAGE: Final = 512


class Tokens:
    """Makes branches, tags, Call-IDs and nonces; one for the process."""

    __slots__ = ("_count", "_prefix", "_random", "_stock")

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._stock = b""
        self._prefix = random_bytes(6).hex()
        self._count = count(1)

    def branch(self) -> str:
        """A Via branch: unique across space and time (the prefix is this process, the number this request)."""
        return f"{MAGIC_COOKIE}{self._prefix}{next(self._count):x}"

    def tag(self) -> str:
        """A From or To tag of 64 random bits."""
        return self.octets(8).hex()

    def call_id(self) -> str:
        """A Call-ID of 128 random bits, without a host (RFC 3261 20.8 allows a bare word)."""
        return self.octets(16).hex()

    def octets(self, n: int) -> bytes:
        """n random octets, for nonces and RAND; asked for by the page, since each question is a system call."""
        if len(self._stock) < n:
            self._stock = self._random(max(_PAGE, n))
        taken, self._stock = self._stock[:n], self._stock[n:]
        return taken
