"""The operators of the configuration language (floor 0): manual 5.1 item 2; the parser applies them.

Numbers are 64-bit floats of which whole ones come out as int; a type that an operator does not take is a
TypeError, a result that cannot be is a ValueError, and the parser puts the place to both.
"""

import cmath
from typing import TypeGuard

from lteims.config.values import MAX_STRING, as_text, type_name, whole

PRECEDENCE = {  # as in C
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6,
}  # fmt: skip

Numeric = int | float | complex


def truth(value: object) -> bool:
    """What `!`, `&&`, `||` and `#if` make of a value."""
    if isinstance(value, bool | int | float | complex | str):
        return bool(value)
    raise TypeError(f"{type_name(value)} is neither true nor false")


def negated(value: object) -> object:
    """Unary minus."""
    if not _is_numeric(value):
        raise TypeError(f"'-' needs a number, found {type_name(value)}")
    return -value


def plus(value: object) -> object:
    """Unary plus, which only checks."""
    if not _is_numeric(value):
        raise TypeError(f"'+' needs a number, found {type_name(value)}")
    return +value


def binary(operator: str, left: object, right: object) -> object:
    """Apply an operator with two operands, other than && and ||, whose right side may stay unread."""
    match operator:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<" | "<=" | ">" | ">=":
            return _compared(operator, left, right)
        case "+" if isinstance(left, str) or isinstance(right, str):
            return joined(_part(left), _part(right))
    if not _is_numeric(left) or not _is_numeric(right):
        raise TypeError(f"'{operator}' cannot join {type_name(left)} and {type_name(right)}")
    return _calculated(operator, left, right)


def joined(left: str, right: str) -> str:
    """Concatenation, within the bound that keeps a define that doubles itself from eating the machine."""
    if len(left) + len(right) > MAX_STRING:
        raise ValueError(f"the string is longer than {MAX_STRING} characters")
    return left + right


def _part(value: object) -> str:
    if isinstance(value, dict | list):
        raise TypeError(f"'+' cannot join a string and {type_name(value)}")
    return as_text(value)


def _is_numeric(value: object) -> TypeGuard[Numeric]:
    return isinstance(value, bool | int | float | complex)


def _compared(operator: str, left: object, right: object) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        order = (left > right) - (left < right)
    elif isinstance(left, int | float) and isinstance(right, int | float):
        difference = left - right
        order = (difference > 0) - (difference < 0)
    else:
        raise TypeError(f"'{operator}' cannot compare {type_name(left)} with {type_name(right)}")
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def _calculated(operator: str, left: Numeric, right: Numeric) -> Numeric:
    try:
        match operator:
            case "+":
                result = left + right
            case "-":
                result = left - right
            case "*":
                result = left * right
            case _:
                result = left / right
    except ZeroDivisionError:
        raise ValueError("division by zero") from None
    if isinstance(result, complex):
        if not cmath.isfinite(result):
            raise ValueError("the number is out of range")
        return result
    if isinstance(result, int) and abs(result) < 1 << 64:
        return int(result)
    return whole(float(result))
