"""The torture messages of RFC 4475: every message of its sections 3.1 to 3.4, in the form of vector.py.

Written out from the RFC's text, octet by octet where a section turns on octets. Used by the SIP tests.
"""

from tests.vectors.sip.rfc4475_invalid import VECTORS as INVALID
from tests.vectors.sip.rfc4475_semantic import VECTORS as SEMANTIC
from tests.vectors.sip.rfc4475_valid import VECTORS as VALID
from tests.vectors.sip.vector import Vector

VECTORS: tuple[Vector, ...] = (*VALID, *INVALID, *SEMANTIC)
