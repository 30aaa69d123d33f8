"""What `help` of the remote API says of one message (manual 6.5): its parameters as a JSON schema.

Of messages that api_schema.py reads it is msgspec's; of those that take properties of the configuration it is made
here, of config/descriptions.py. api_messages.py and reference_api.py ask.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lteims.config import descriptions
from lteims.config.descriptions import About
from lteims.ims.settings import CHANGEABLE
from lteims.oam.api_schema import SCHEMAS, LogsChange

_FIXED: Final = "What impu_add gave it; it cannot be changed."
# Messages that take properties of the configuration: what they are for, what they must have, which properties.
OF_CONFIGURATION: Final[Mapping[str, tuple[str, tuple[str, ...], Mapping[str, About]]]] = {
    "config_set": (
        "Change the configuration; of what is wrong nothing is taken.",
        (),
        {name: descriptions.PROPERTIES[name] for name in CHANGEABLE},
    ),
    "impu_add": ("Give a user an identity more.", ("impi", "impu"), descriptions.IMPU),
    "impu_set": (
        "Change options of an identity.",
        ("impu",),
        {**descriptions.IMPU, "domain": descriptions.IMPU["domain"]._replace(text=_FIXED)},
    ),
}


def schema_of(name: str) -> dict[str, Any]:
    """The JSON schema of a message's parameters. ValueError where there is no such message."""
    if name not in SCHEMAS:
        raise ValueError(f"Unknown message: {name[:60]}")
    if name not in OF_CONFIGURATION:
        return msgspec.json.schema(SCHEMAS[name])
    text, required, told = OF_CONFIGURATION[name]
    members: dict[str, Any] = {option: {"description": about.text} for option, about in told.items()}
    if name == "config_set":
        members = {"logs": msgspec.json.schema(LogsChange)} | members
    if name == "impu_add":
        members = {"impi": {"description": "the user", "type": "string"}} | members
    return {"title": name, "description": text, "type": "object", "properties": members, "required": list(required)}
