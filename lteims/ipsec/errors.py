"""What can go wrong in ipsec/: what a peer sent (IpsecError), what this machine cannot do (NoIpsec) (floor 1)."""

from lteims.errors import LteimsError, ProtocolError


class IpsecError(ProtocolError):
    """A peer's security header or packet cannot be used; the text says why."""


class NoIpsec(LteimsError):
    """A security association cannot be installed on this machine: the kernel refuses, or lacks an algorithm."""
