"""How a test reads a parsed message by the paths that vectors use: words with blanks between them.

`from tag`, `uri host`, `vias 1 branch`, `contacts 0 params q`, `header subject 0`, `values supported count`,
`addrs route 0 uri host`, `number max-forwards`, `auth authorization nonce`, `media 0`, `body count`.
"""

from collections.abc import Mapping, Sequence

from lteims.sip.headers import AuthValue, Via, parse_media_type
from lteims.sip.message import Message


def look(message: Message, path: str) -> object:
    """The value at a path; LookupError or AttributeError where there is none, SipError where it does not parse."""
    first, *rest = path.split(" ")
    thing: object
    match first, rest:
        case "from", _:
            thing = message.from_
        case "vias", _:
            thing = [Via.parse(value) for value in message.values("via")]
        case "media", _:
            thing = parse_media_type(message.get("content-type"))
        case "header", [name, *rest]:
            thing = message.headers[name]
        case "values", [name, *rest]:
            thing = message.values(name)
        case "addrs", [name, *rest]:
            thing = message.name_addrs(name)
        case "number", [name, *rest]:
            thing = message.number(name)
        case "auth", [name, *rest]:
            thing = AuthValue.parse(message.get(name)).params
        case _:
            thing = getattr(message, first)
    for word in rest:
        thing = _step(thing, word)
    return thing


def _step(thing: object, word: str) -> object:
    if isinstance(thing, Mapping):
        return thing[word]
    if isinstance(thing, Sequence) and not hasattr(thing, "_fields"):  # a NamedTuple is read by name
        return len(thing) if word == "count" else thing[int(word)]
    return getattr(thing, word)
