"""The headers of event subscriptions (RFC 6665 8.2, 8.4): Event, Subscription-State, Allow-Events.

Called by ims/ for SUBSCRIBE and NOTIFY, and by the virtual phone. Values are read tolerantly, as others in headers.py.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self

from lteims.sip.grammar import TOKEN, Params, bad, encode_params, parse_expires, parse_params, split_commas

REG: Final = "reg"  # RFC 3680
_OWN: Final = frozenset({"expires", "reason", "retry-after"})


class SubscriptionStatus(StrEnum):
    """substate-value; another one counts as active (RFC 6665 4.1.3: so long as it is not terminated, it lasts)."""

    ACTIVE = "active"
    PENDING = "pending"
    TERMINATED = "terminated"


class TerminationReason(StrEnum):
    """event-reason-value (RFC 6665 4.1.3): why a subscription ended, and so whether to come again."""

    DEACTIVATED = "deactivated"  # at once
    PROBATION = "probation"  # later, see retry-after
    REJECTED = "rejected"  # never
    TIMEOUT = "timeout"  # it was not refreshed
    GIVEUP = "giveup"
    NORESOURCE = "noresource"  # what was watched is gone
    INVARIANT = "invariant"  # there will be no further change


@dataclass(frozen=True, slots=True)
class Event:
    """An Event value: the package with its templates, and the id that tells subscriptions of a dialog apart."""

    package: str
    id: str = ""
    params: Params = field(default_factory=dict)  # others

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a value; SipError 400 where the package is no token."""
        package, _, rest = text.partition(";")
        package = package.strip(" \t")
        if not TOKEN.fullmatch(package):
            raise bad("Event", text)
        params = parse_params(rest, "Event")
        return cls(package, params.pop("id", None) or "", params)

    def encode(self) -> str:
        """The value as it goes on the wire."""
        own: Params = {"id": self.id} if self.id else {}
        return self.package + encode_params(own | self.params)

    def matches(self, other: "Event") -> bool:
        """Do both mean one subscription (RFC 6665 8.2.1)? Package and id count, byte by byte."""
        return (self.package, self.id) == (other.package, other.id)


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """A Subscription-State value; times are seconds."""

    status: SubscriptionStatus
    expires: int | None = None
    reason: str = ""
    retry_after: int | None = None
    params: Params = field(default_factory=dict)  # others

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a value; SipError 400 where the state is no token or a number none."""
        status, _, rest = text.partition(";")
        status = status.strip(" \t").lower()
        if not TOKEN.fullmatch(status):
            raise bad("Subscription-State", text)
        known = status if status in list(SubscriptionStatus) else SubscriptionStatus.ACTIVE
        params = parse_params(rest, "Subscription-State")
        expires, retry = params.get("expires"), params.get("retry-after")
        return cls(
            SubscriptionStatus(known),
            parse_expires(expires) if expires else None,
            (params.get("reason") or "").lower(),
            parse_expires(retry) if retry else None,
            {name: value for name, value in params.items() if name not in _OWN},
        )

    def encode(self) -> str:
        """The value as it goes on the wire."""
        own: Params = {}
        if self.reason:
            own["reason"] = self.reason
        if self.expires is not None:
            own["expires"] = str(self.expires)
        if self.retry_after is not None:
            own["retry-after"] = str(self.retry_after)
        return self.status + encode_params(own | self.params)


def parse_allow_events(text: str) -> tuple[str, ...]:
    """The packages of an Allow-Events value; SipError 400 where one is no token. Empty members are left out."""
    packages = tuple(package for package in split_commas(text) if package)
    if not all(TOKEN.fullmatch(package) for package in packages):
        raise bad("Allow-Events", text)
    return packages
