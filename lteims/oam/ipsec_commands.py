"""The operator's command `sa`: which phone has which SAs, what passes them (TS 33.203 7).

Added to the table of commands.py by app.py.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from lteims.ims.sa_sets import SaView
from lteims.oam.command import Command, CommandError
from lteims.oam.listing import columns
from lteims.oam.log_format import one_line
from lteims.sip.grammar import host_port

_HEAD: Final = ("SET", "STATE", "IMPI", "PHONE", "PORTS", "ALGORITHMS", "AGE", "LEFT", "IN", "OUT", "REFUSED")


class IpsecCommands:
    """Makes the command."""

    def __init__(self, views: Callable[[], Iterable[SaView]] | None) -> None:
        """`views` gives all SA sets; None where the server has no IPsec."""
        self._views = views

    def commands(self) -> tuple[Command, ...]:
        """All of them."""
        return (
            Command(
                "sa",
                "[SET|IMPI|ADDRESS]",
                "List the IPsec security associations of phones.",
                "One line for each SA set: our name for it, its state, the phone, its ports uc/us and ours ps/pc,\n"
                "age and time left in seconds, packets in and out, and refused ones (forged, replayed). With the\n"
                "beginning of a set's name, an IMPI or the address of a phone the four SAs of such sets are shown.",
                self._sa,
                self._words,
            ),
        )

    def _sa(self, arguments: str) -> str:
        if self._views is None:
            raise CommandError("this server has no IPsec: see ipsec in the configuration, and the log's first lines")
        views = list(self._views())
        wanted = arguments.strip()
        if not wanted:
            if not views:
                return "no phone has security associations"
            return "\n".join(columns([_HEAD, *map(_row, views)]))
        found = [view for view in views if any(name.startswith(wanted) for name in _names(view))]
        if not found:
            raise CommandError(f"no SA set has {wanted[:40]!r} as its name, IMPI or address")
        return "\n\n".join(map(_block, found))

    def _words(self, word: str) -> Iterable[str]:
        views = [] if self._views is None else list(self._views())
        return sorted({name for view in views for name in _names(view) if name.startswith(word)})


def _names(view: SaView) -> tuple[str, str, str]:
    return f"{view.set.id:08x}", view.set.impi, view.set.host


def _row(view: SaView) -> tuple[str, ...]:
    found, usage = view.set, view.usage
    into, out = usage[0].packets + usage[3].packets, usage[1].packets + usage[2].packets
    refused = sum(each.replayed + each.forged for each in usage)
    ports = f"{found.port_uc}/{found.port_us} {found.port_ps}/{found.port_pc}"
    cells = (
        f"{found.id:08x}", str(found.state), found.impi, found.host, ports, found.algorithms,
        f"{view.age:.0f}", f"{view.left:.0f}", str(into), str(out), str(refused),
    )  # fmt: skip
    return tuple(map(one_line, cells))


def _block(view: SaView) -> str:
    rows: list[Sequence[str]] = [("SPI", "FROM", "TO", "PACKETS", "OCTETS", "REPLAYED", "FORGED")]
    for sa, usage in zip(view.set.sas, view.usage, strict=True):
        counts = (usage.packets, usage.octets, usage.replayed, usage.forged)
        ends = host_port(sa.src, sa.sport), host_port(sa.dst, sa.dport)
        rows.append((f"0x{sa.spi:08x}", *ends, *map(str, counts)))
    return "\n".join(("  ".join(_row(view)), *columns(rows, indent=2)))
