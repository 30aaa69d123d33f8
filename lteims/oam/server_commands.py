"""The operator's commands for the server as a whole (manual 7, 9): t, cevent, license, mme.

Added to the table of commands.py by app.py, which knows what they ask.
"""

from collections.abc import Callable, Sequence
from typing import Final

from lteims import counters
from lteims.counters import DECLARED, Kind
from lteims.oam.command import Answer, Command, CommandError
from lteims.oam.license import LICENSE
from lteims.oam.listing import columns
from lteims.oam.rates import Rates

_PAGE: Final = 20  # lines of `t` below one header
_MOST_LINES: Final = 1_000_000
_TITLES: Final = {Kind.MESSAGE: "Messages", Kind.ERROR: "Errors"}


class ServerCommands:
    """Makes the commands."""

    def __init__(
        self, rates: Rates, settle: Callable[[], None], mmes: Callable[[], Sequence[Sequence[str]] | None]
    ) -> None:
        """`settle` brings the counters up to date; `mmes` gives a row for each connected MME: its name, its address,
        how many of its phones are associated; None where the server takes no MME at all."""
        self._rates = rates
        self._settle = settle
        self._mmes = mmes

    def commands(self) -> tuple[Command, ...]:
        """All of them."""
        return (
            Command(
                "cevent",
                "[PREFIX] | help [PREFIX|msg]",
                "Show what was counted since the start.",
                "`cevent help msg` lists all counters with their meaning. With PREFIX only those whose names begin so\n"
                "are shown. A counter is absent until it is not zero. They are the counters of the remote API's stats.",
                self._cevent,
                lambda word: (name for name in ("help", *DECLARED) if name.startswith(word)),
            ),
            Command(
                "license", "", "Show the licence of the server.", "It is free software and needs no key.", _license
            ),
            Command(
                "mme", "", "List the MMEs that are connected.", "Their phones get short messages by SGs.", self._mme
            ),
            Command(
                "t",
                "[COUNT]",
                "Show rates, a line each second, until a key is pressed.",
                "COUNT ends it after so many lines. REG, CALL, SMS, RTP and ERR are a second: registrations, calls\n"
                "begun, short messages to and from phones, RTP packets, registrations that failed with SIP that could\n"
                "not be read or sent; CALLS are those that there are, API the clients of the remote API, CPU percent\n"
                "of one core.",
                self._t,
            ),
        )

    def _cevent(self, arguments: str) -> str:
        first, _, rest = arguments.partition(" ")
        prefix = rest.strip() if first == "help" else arguments
        wanted = [c for c in DECLARED.values() if c.name.startswith("" if prefix == "msg" else prefix)]
        if not wanted:
            raise CommandError(f"no counter begins with {prefix[:40]!r}; cevent help msg lists them")
        if first == "help":
            return _groups({c.kind: [(d.name, d.help) for d in wanted if d.kind is c.kind] for c in wanted})
        self._settle()
        counted = [c for c in wanted if counters.get(c.name)]
        if not counted:
            return "nothing was counted yet"
        widest = max(len(str(counters.get(c.name))) for c in counted)
        rows = {
            c.kind: [(d.name, f"{counters.get(d.name):>{widest}}") for d in counted if d.kind is c.kind]
            for c in counted
        }
        return _groups(rows)

    def _mme(self, arguments: str) -> str:
        rows = self._mmes()
        if rows is None:
            return "no MME can connect: sctp_addr is not set, or nothing listens there, as the log says"
        if not rows:
            return "no MME is connected"
        return "\n".join(columns([("MME", "address", "phones"), *rows]))

    def _t(self, arguments: str) -> Answer:
        """One step of the view. `again` has the lines that are still to come, 0 for no end, and those shown."""
        left, shown = _numbers(arguments)
        if not shown:
            self._rates.begin()
            return Answer(self._rates.header(), again=f"t {left} 1")
        text = self._rates.line()
        if shown > 1 and shown % _PAGE == 1:
            text = f"{self._rates.header()}\n{text}"
        if left == 1:
            return Answer(text)
        return Answer(text, again=f"t {max(0, left - 1)} {shown + 1}")


def _groups(groups: dict[Kind, list[tuple[str, str]]]) -> str:
    parts = [
        f"{title}:\n" + "\n".join(columns(groups[kind], indent=2)) for kind, title in _TITLES.items() if kind in groups
    ]
    return "\n\n".join(parts)


def _license(arguments: str) -> str:
    return "\n".join(columns([(name, value) for name, value in LICENSE.items()])) + "\nno licence key is needed"


def _numbers(arguments: str) -> tuple[int, int]:
    """COUNT, 0 where there is none; and how many lines are shown already, which only the console says."""
    words = arguments.split()
    numbers = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= 9]
    if len(numbers) == len(words):
        match numbers:
            case []:
                return 0, 0
            case [count] if 0 < count <= _MOST_LINES:
                return count, 0
            case [left, shown]:
                return left, shown
    raise CommandError(f"usage: t [COUNT], COUNT lines from 1 to {_MOST_LINES}")
