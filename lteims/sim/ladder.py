"""What virtual phones sent and heard, as a ladder of arrows with times: the report of a test that failed.

One Ladder serves all phones of a test; the SIP layer of each phone writes to it, errors and JUnit files show it.
"""

from dataclasses import dataclass

from lteims.clock import Clock

WIDTH = 30  # characters between two columns, if nothing else is said
_MOST = 100_000  # arrows that are kept


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message between a phone and the server, or a remark of a phone (`outgoing` None)."""

    at: float
    phone: str
    label: str
    outgoing: bool | None


class Ladder:
    """The arrows in the order in which they happened; times are seconds since the first one."""

    def __init__(self, clock: Clock, width: int = WIDTH) -> None:
        self._clock = clock
        self._width = width
        self.arrows: list[Arrow] = []
        self._phones: list[str] = []

    def sent(self, phone: str, label: str) -> None:
        """A phone sent a message."""
        self._add(phone, label, True)

    def received(self, phone: str, label: str) -> None:
        """A phone heard a message."""
        self._add(phone, label, False)

    def note(self, phone: str, text: str) -> None:
        """Something that is no message: a timer, a wish of the test."""
        self._add(phone, text, None)

    def _add(self, phone: str, label: str, outgoing: bool | None) -> None:
        if phone not in self._phones:
            self._phones.append(phone)
        if len(self.arrows) < _MOST:
            self.arrows.append(Arrow(self._clock(), phone, label, outgoing))

    def render(self, last: int = 200) -> str:
        """The ladder as text; of a long one only the last arrows."""
        if not self.arrows:
            return ""
        columns = [*self._phones[:1], "server", *self._phones[1:]]
        start, lines = self.arrows[0].at, [" " * 10 + "".join(f"{name:<{self._width}}" for name in columns).rstrip()]
        if len(self.arrows) > last:
            lines.append(f"{'':10}... {len(self.arrows) - last} before ...")
        for arrow in self.arrows[-last:]:
            index = self._phones.index(arrow.phone)
            line = _line(arrow, index + 1 if index else 0, len(columns), self._width)
            lines.append(f"{arrow.at - start:8.3f}  {line}")
        return "\n".join(lines)


def _line(arrow: Arrow, at: int, columns: int, width: int, server: int = 1) -> str:
    """One arrow from or to the phone in column `at`."""
    cells = list("|".ljust(width) * (columns - 1) + "|")
    if arrow.outgoing is None:
        text = f"* {arrow.label}"
        cells[at * width + 2 : at * width + 2 + len(text)] = text
        return "".join(cells).rstrip()
    left, right = sorted((at, server))
    room = (right - left) * width - 1
    text = f" {arrow.label[: room - 6]} "
    rightwards = arrow.outgoing == (at < server)
    shaft = text.center(room - 1, "-")
    cells[left * width + 1 : right * width] = f"{shaft}>" if rightwards else f"<{shaft}"
    return "".join(cells).rstrip()
