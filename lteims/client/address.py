"""Addresses of remote APIs as people write them: HOST, HOST:PORT, [IPV6]:PORT, behind ws:// or wss:// or nothing."""

from typing import Final

HOST: Final = "127.0.0.1"
PORT: Final = 9003


def parse_address(text: str) -> tuple[str, str, int]:
    """Scheme ("" where none is named), host and port of an address; ValueError for what is none."""
    scheme, separator, rest = text.strip().rpartition("://")
    if separator and scheme not in ("ws", "wss"):
        raise ValueError(f"{text!r}: the scheme must be ws or wss")
    rest = rest.removesuffix("/")
    if rest.startswith("["):
        host, bracket, port = rest[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ValueError(f"{text!r}: expected [IPV6]:PORT")
        port = port[1:]
    elif rest.count(":") > 1:
        host, port = rest, ""
    else:
        host, _, port = rest.partition(":")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r}: {port!r} is no port")
    if any(c in host for c in "/@?# "):
        raise ValueError(f"{text!r}: {host!r} is no host")
    return scheme, host or HOST, int(port or PORT)
