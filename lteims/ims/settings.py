"""The properties that change while the server runs (manual 6.5 config_set), checked as the configuration is.

The one place where the ImsConfig of a running server changes: it is frozen for all others, who ask it anew each time.
"""

from collections.abc import Mapping
from typing import Any, Final

from lteims.config import ImsConfig, check_properties
from lteims.errors import OperatorError

CHANGEABLE: Final = (
    "auth_on_register_only",
    "binding_expires",
    "dialog_timeout",
    "p_called_party_id",
    "precondition",
    "sms_expires",
    "sms_forced_cp_cause",
    "sms_forced_rp_cause",
    "sms_message_filter",
    "sms_retry_delay",
    "subscribe_expires",
)
_FILTER: Final = ("cp_data", "cp_ack", "rp_data", "rp_ack")


class Settings:
    """Shows and changes them."""

    def __init__(self, config: ImsConfig) -> None:
        self._config = config

    def shown(self) -> dict[str, Any]:
        """Each with its value as JSON has it."""
        return {name: self._value(name) for name in CHANGEABLE}

    def _value(self, name: str) -> Any:
        value = getattr(self._config, name)
        if name == "sms_message_filter":
            return {message: str(getattr(value, message)) for message in _FILTER}
        return str(value) if isinstance(value, str) else value

    def check(self, changes: Mapping[str, object]) -> dict[str, Any]:
        """The typed values for `apply`. OperatorError names every member that cannot be taken."""
        unknown = [name for name in changes if name not in CHANGEABLE]
        if unknown:
            raise OperatorError(
                f"{', '.join(repr(name[:60]) for name in unknown)} cannot be changed while the server runs; "
                f"{', '.join(CHANGEABLE)} can"
            )
        wanted = dict(changes)
        part = wanted.get("sms_message_filter")
        if isinstance(part, dict):  # the members that are not there stay
            odd = [str(name)[:60] for name in part if name not in _FILTER]
            if odd:
                raise OperatorError(f"sms_message_filter has {', '.join(_FILTER)}, not {', '.join(odd)}")
            wanted["sms_message_filter"] = self._value("sms_message_filter") | part
        return check_properties(wanted, wanted)

    def apply(self, fields: Mapping[str, Any]) -> None:
        """Set what `check` returned; effective with the next request."""
        for name, value in fields.items():
            object.__setattr__(self._config, name, value)
