"""The error of sgsap/: why a message is refused, with the SGs cause of the answer (floor 1; TS 29.118 7).

Raised by `encode` of message.py and by decoder.py, whose `status_for` turns it into SGsAP-STATUS for net/sgsap.py.
"""

from lteims.errors import ProtocolError
from lteims.sgsap.cause import SgsCause


class SgsapError(ProtocolError):
    """A message cannot be used. Where `sgs_cause` is None it is to be ignored in silence.

    `imsi` is whose message it is, "" where it does not say; `data` the message as it came.
    """

    def __init__(self, why: str, sgs_cause: SgsCause | None = None, *, imsi: str = "", data: bytes = b"") -> None:
        super().__init__(why)
        self.why = why
        self.sgs_cause = sgs_cause
        self.imsi = imsi
        self.data = data
