"""All vectors of short messages in two tuples; tests/unit/sms and tests/unit/ims read them from here."""

from tests.vectors.sms.layers import CONNECTION_INVALID, CONNECTION_VALID, RELAY_INVALID, RELAY_VALID
from tests.vectors.sms.transfer_invalid import TRANSFER_INVALID
from tests.vectors.sms.transfer_valid import TRANSFER_VALID
from tests.vectors.sms.vector import Invalid, Valid

VALID: tuple[Valid, ...] = TRANSFER_VALID + RELAY_VALID + CONNECTION_VALID
INVALID: tuple[Invalid, ...] = TRANSFER_INVALID + RELAY_INVALID + CONNECTION_INVALID
