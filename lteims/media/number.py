"""Decimal numbers of an SDP: ASCII digits only and bounded, where int() would take "1_0", "+1" or any script's digits.

RFC 8866 9 (integer, port); called by the other modules of media/.
"""


def decimal(text: str, most: int) -> int | None:
    """The number, or None if `text` is not plain digits or says more than `most`."""
    if not text.isascii() or not text.isdigit() or len(text) > 40:
        return None
    number = int(text)
    return number if number <= most else None
