"""A message as the log shows it (manual 5.2, layers cx and rx): header, then each AVP by name, groups indented.

Called by net/diameter.py where the layer's options ask for it; whatever can be read of a broken message is shown.
"""

from collections.abc import Iterator
from enum import IntEnum

from lteims.diameter import avp
from lteims.diameter.avp import M_BIT, V_BIT, Avp, Avps, Enumerated, Group, Octets
from lteims.diameter.command import APPLICATION_NAMES, name_of
from lteims.diameter.errors import DiameterError, ResultCode
from lteims.diameter.message import E_BIT, HEADER_SIZE, P_BIT, R_BIT, T_BIT, Header

_HEADER_FLAGS = ((R_BIT, "Request"), (P_BIT, "Proxyable"), (E_BIT, "Error"), (T_BIT, "Retransmitted"))
_RESULTS = frozenset(map(int, ResultCode))
_AVP_FLAGS = ((V_BIT, "V"), (M_BIT, "M"), (0x20, "P"))


def dump(data: bytes) -> str:
    """The lines of a message."""
    try:
        header = Header.parse(data)
    except DiameterError as error:
        return error.why
    application = APPLICATION_NAMES.get(header.application)
    lines = [
        f"Length: {int.from_bytes(data[1:4], 'big')}",
        f"Flags: {_flags(header.flags, _HEADER_FLAGS)}",
        f"Command code: {header.code} ({name_of(header)})",
        f"Application-id: {header.application}" + (f" ({application})" if application else ""),
        f"Hop-by-hop identifier: {header.hop_by_hop:#010x}",
        f"End-to-end identifier: {header.end_to_end:#010x}",
    ]
    try:
        lines += _avps(avp.parse(data, HEADER_SIZE), "")
    except DiameterError as error:
        lines.append(f"Malformed: {error.why}")
    return "\n".join(lines)


def _flags(flags: int, names: tuple[tuple[int, str], ...]) -> str:
    words = ", ".join(name for bit, name in names if flags & bit)
    return f"{flags:#04x} ({words})" if words else f"{flags:#04x}"


def _avps(avps: Avps, indent: str) -> Iterator[str]:
    for each in avps:
        attribute = each.attribute
        vendor = f" (vendor {each.vendor})" if each.flags & V_BIT else ""
        yield f"{indent}{attribute or 'Unknown AVP'}:"
        yield f"{indent}  Code: {each.code}{vendor}"
        yield f"{indent}  Flags: {_flags(each.flags, _AVP_FLAGS)}"
        yield f"{indent}  Length: {len(each.data) + (12 if each.flags & V_BIT else 8)}"
        if isinstance(attribute, Group):
            yield from _group(attribute, each, indent + "  ")
        else:
            yield f"{indent}  Value: {_value(each)}"


def _group(attribute: Group, found: Avp, indent: str) -> Iterator[str]:
    if not attribute.opaque:
        yield from _avps(found.value, indent)
        return
    try:
        yield from _avps(avp.parse(found.data), indent)
    except DiameterError:  # Failed-AVP with what was wrong
        yield f"{indent}Value: 0x{found.data.hex()}"


def _value(found: Avp) -> str:
    value, attribute = found.value, found.attribute
    if isinstance(attribute, Enumerated):
        return f"{int(value)} ({value.name})" if isinstance(value, IntEnum) else str(value)
    if attribute is not None and attribute.name == "Result-Code" and value in _RESULTS:
        return f"{value} ({ResultCode(value).name})"
    if attribute is None or isinstance(attribute, Octets):
        text = found.data.decode("ascii", "replace")
        if found.data and all(char.isprintable() or char in "\r\n\t" for char in text) and text.isascii():
            return _quoted(text)
        return f"0x{found.data.hex()}"
    if isinstance(value, tuple):
        return f"{value[0]}/{value[1]}"
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    """On one line, so that no value looks like another AVP."""
    return "'" + text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n") + "'"
