"""What is wrong with a lab or its files, in one line for the terminal; raised and worded by all of netns."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path


class LabError(Exception):
    """What is wrong, where, and what to do, in one line for the terminal."""


def meant(name: str, known: Iterable[str]) -> str:
    """The proposal for a name that was mistyped; "" where none is near."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""


def located(error: LabError, path: Path, lines: Mapping[str, int]) -> LabError:
    """The error "PLACE: reason" with FILE:LINE before it, if the place, or what it is a part of, has a line."""
    place = str(error).partition(": ")[0]
    while place and place not in lines:
        place = place.rpartition(".")[0]
    return LabError(f"{path}:{lines[place]}: {error}" if place else f"{path}: {error}")
