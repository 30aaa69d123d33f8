"""What must, may and may not be in a command or group, in the specifications' own notation (RFC 6733 3.2, 4.4.1).

`Grammar.of("<Session-Id> {Origin-Host} 1*{Host-IP-Address} [Error-Message] *[AVP]")`; command.py checks with it.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from lteims.diameter.avp import BY_NAME, M_BIT, Attribute, Avp, Avps, Group, missing
from lteims.diameter.errors import DiameterError, ResultCode

_RULE: Final = re.compile(r"(\d*)(\*?)(\d*)([<{\[])([A-Za-z0-9-]+)[>}\]]")
_MANY: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Grammar:
    """How often each AVP may be there."""

    least: tuple[tuple[Attribute[Any], int], ...]  # those that must be there
    most: dict[Attribute[Any], int]
    open: bool  # may AVPs be there that it does not name?

    @staticmethod
    @cache
    def of(text: str) -> "Grammar":
        """Read the notation."""
        least: list[tuple[Attribute[Any], int]] = []
        most: dict[Attribute[Any], int] = {}
        is_open = not text
        for low, star, high, bracket, name in _RULE.findall(text):
            if name == "AVP":
                is_open = True
                continue
            attribute = BY_NAME[name]
            at_least = int(low) if low else int(bracket != "[")
            most[attribute] = int(high) if high else _MANY if star else 1
            if at_least:
                least.append((attribute, at_least))
        return Grammar(tuple(least), most, is_open)

    def check(self, avps: Avps, *, strict: bool = True) -> None:
        """DiameterError 5001, 5005, 5008 or 5009 with the AVP at fault, also for what is in groups.

        Without `strict` (answers) unknown AVPs with the M bit are let pass, and missing ones too unless their value is
        asked for: nobody is there to be told of them.
        """
        counts: Counter[Attribute[Any]] = Counter()
        for avp in avps:
            if avp.attribute is None:
                self._unknown(avp, strict)
                continue
            counts[avp.attribute] += 1
            self._known(avp, avp.attribute, counts[avp.attribute], strict)
        for attribute, least in self.least if strict else ():
            if counts[attribute] < least:
                raise missing(attribute)

    def _unknown(self, avp: Avp, strict: bool) -> None:
        if strict and avp.flags & M_BIT:
            raise DiameterError(
                f"unknown AVP {avp.code} of vendor {avp.vendor} with the M bit",
                ResultCode.DIAMETER_AVP_UNSUPPORTED,
                avp.encode(),
            )

    def _known(self, avp: Avp, attribute: Attribute[Any], count: int, strict: bool) -> None:
        most = self.most.get(attribute)
        if most is None and not self.open:
            raise DiameterError(f"{attribute} is not allowed here", ResultCode.DIAMETER_AVP_NOT_ALLOWED, avp.encode())
        if most is not None and count > most:
            code = ResultCode.DIAMETER_AVP_OCCURS_TOO_MANY_TIMES
            raise DiameterError(f"{attribute} more than {most} times", code, avp.encode())
        if isinstance(attribute, Group) and not attribute.opaque:
            try:
                Grammar.of(attribute.grammar).check(avp.value, strict=strict)
            except DiameterError as error:
                error.failed = attribute.encode(error.failed)
                raise


def names(text: str) -> Iterable[str]:
    """The names in a grammar, for tests."""
    return (found[4] for found in _RULE.findall(text) if found[4] != "AVP")
