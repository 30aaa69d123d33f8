"""The form of an MM1 vector: octets in hexadecimal with words behind each group, and the value that they stand for."""

from dataclasses import dataclass


def octets(narrated: str) -> bytes:
    """The octets of a narration: `8C 80  what it means`, a line for each group; text in quotes stands for itself."""
    return b"".join(_octets(line.strip().split("  ")[0]) for line in narrated.strip().splitlines())


def _octets(group: str) -> bytes:
    pieces = group.split("'")  # every second one stood in quotes
    return b"".join(piece.encode() if number % 2 else bytes.fromhex(piece) for number, piece in enumerate(pieces))


@dataclass(frozen=True, slots=True)
class Vector:
    """One value and its octets; `canonical` is false where others write so, and this server would not."""

    name: str
    narrated: str
    value: object
    canonical: bool = True

    @property
    def data(self) -> bytes:
        """The octets."""
        return octets(self.narrated)
