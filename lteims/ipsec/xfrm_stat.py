"""What the kernel counts of packets that its IPsec refused (/proc/net/xfrm_stat), as our counters, with the cause.

Called by net/xfrm_stat.py. The kernel counts for all of a network namespace, other programs' IPsec too.
"""

from collections.abc import Mapping
from typing import Final

# By name in the kernel's table: our counter, and the cause in words.
_MEANING: Final = {
    "XfrmInNoStates": ("esp_unknown_spi", "no SA has their SPI"),
    "XfrmInStateProtoError": ("esp_forged", "their integrity check value is wrong"),
    "XfrmInStateSeqError": ("esp_replayed", "their sequence numbers are seen or too old"),
    "XfrmInStateMismatch": ("esp_wrong_ports", "their addresses or ports are not those of their SA"),
    "XfrmInTmplMismatch": ("esp_wrong_ports", "they came in clear, or by another SA, from where there is one"),
    "XfrmInNoPols": ("esp_wrong_ports", "their addresses or ports are not those of their SA"),
    "XfrmInPolBlock": ("esp_clear", "they were clear text to a protected port"),
    "XfrmInError": ("esp_malformed", "they could not be read"),
    "XfrmInBufferError": ("esp_malformed", "they could not be read"),
    "XfrmInHdrError": ("esp_malformed", "they could not be read"),
    "XfrmOutPolBlock": ("esp_no_sa", "there was no SA to send them by"),
    "XfrmOutNoStates": ("esp_no_sa", "there was no SA to send them by"),
}


def parse(text: str) -> dict[str, int]:
    """The counts of what we know; lines that cannot be read are passed over."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, _, count = line.partition(" ")
        count = count.strip()
        if name in _MEANING and count.isascii() and count.isdigit():
            found[name] = int(count[:20])
    return found


def refusals(before: Mapping[str, int], after: Mapping[str, int]) -> list[tuple[str, int, str]]:
    """What was refused in between: our counter, how many, and why with the kernel's name for it."""
    found: list[tuple[str, int, str]] = []
    for name, (counter, why) in _MEANING.items():
        count = after.get(name, 0) - before.get(name, 0)
        if count > 0:
            found.append((counter, count, f"{why} ({name})"))
    return found
