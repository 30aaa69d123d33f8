"""An address with its port as the operator writes it (floor 0): manual 5.2; for every property of that kind.

IPv6 may stand bare, in brackets, or in brackets with a port: a bare one never has a port.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_BRACKETS = re.compile(r"\[([^\[\]]*)\](?::(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen, bind or connect. A port of 0 is any free one."""

    host: str  # an IP address in its canonical form, without brackets, or a host name
    port: int
    transport: str = ""  # "tcp" where a Diameter address chose it by its prefix, else ""

    @classmethod
    def parse(cls, text: str, default_port: int, *, names: bool = False, diameter: bool = False) -> "Endpoint":
        """Read `ADDRESS[:PORT]`. Raises ValueError that says what is wrong.

        With `names` a host name will do; with `diameter` the address may start with `tcp:` or `sctp:`.
        """
        transport = ""
        if diameter and text.startswith(("tcp:", "sctp:")):
            transport, _, text = text.partition(":")
        host, port = _split(text)
        return cls(_host(host, names), _port(port) if port is not None else default_port, transport)

    @property
    def is_ipv6(self) -> bool:
        """Is the host an IPv6 address?"""
        return ":" in self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if self.is_ipv6 else self.host
        return f"{self.transport}:{host}:{self.port}" if self.transport else f"{host}:{self.port}"


def _split(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        match = _BRACKETS.fullmatch(text)
        if match is None or ":" not in match[1]:
            raise ValueError(f"expected [IPV6] or [IPV6]:PORT, found '{text}'")
        return match[1], match[2]
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, None


def _host(host: str, names: bool) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    labels = host.split(".")
    if names and len(host) <= 253 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit():
        return host
    expected = "an IP address or a host name" if names else "an IP address"
    raise ValueError(f"expected {expected}, with an optional port, found '{host}'")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise ValueError(f"expected a port from 0 to 65535, found '{text}'")
    return int(text)
