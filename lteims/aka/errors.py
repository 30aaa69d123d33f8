"""What can go wrong in aka/: octets that a peer sent, or keys that an operator wrote (floor 1).

Everything that leaves the package is one of these two; ims/ turns the first into an answer, app/ shows the second.
"""

from lteims.errors import OperatorError, ProtocolError


class AkaError(ProtocolError):
    """A peer's authentication data cannot be used: bad base64, a wrong length, an unknown digest algorithm or qop."""


class AkaConfigError(OperatorError):
    """A subscriber's K, OP, TOP, res_len or sim_algo do not fit each other; the text names the property."""
