"""A registered contact (RFC 3261 10.3), as the registrar binds it and the state file keeps it.

Apart from subscribers.py, which is compiled: msgspec reads the annotations here. Made by scscf.py.
"""

import msgspec

from lteims.net.sip_flow import Flow
from lteims.sip.grammar import encode_params
from lteims.sip.uri import Uri, parse_uri


class BindingError(Exception):
    """Octets of a state file that are no binding."""


class Binding(msgspec.Struct, gc=False):
    """A registered contact. Times are seconds since 1970, so that they survive a restart."""

    id: str
    impi: str
    contact: str  # the URI
    params: dict[str, str | None]  # of the Contact, without expires and q
    q: float
    expires_at: float
    call_id: str
    cseq: int
    flow: Flow  # where the phone was seen
    impu_key: str  # the IMPU that was registered by name
    path: list[str] = msgspec.field(default_factory=list)
    instance: str = ""
    imei: str = ""
    sos: bool = False
    user_agent: str = ""
    authenticated: bool = False
    protected: bool = False  # by SAs, which do not outlive the process
    sms_over_ip: bool = False
    volte: bool = False
    video: bool = False
    line: str = ""  # the Contact value of a 200 without expires

    def __post_init__(self) -> None:
        if not self.line:
            q = f";q={self.q:g}" if self.q != 1 else ""
            self.line = f"<{self.contact}>{encode_params(self.params)}{q}"

    @property
    def uri(self) -> Uri:
        """The contact's URI."""
        return parse_uri(self.contact)

    @classmethod
    def parse(cls, data: bytes) -> "Binding":
        """Read what `encode` wrote; BindingError when it is no binding."""
        try:
            return _decoder.decode(data)
        except msgspec.DecodeError as error:
            raise BindingError(str(error)) from None

    def encode(self) -> bytes:
        """The octets for the state file: MessagePack, a map by field names."""
        return _encoder.encode(self)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Binding)
