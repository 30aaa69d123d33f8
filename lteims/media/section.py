"""The ordered lines of one section of an SDP, each "x=value" (RFC 8866 5), and how to look at and change them.

Called by media/sdp.py for the session and for each m= section. Every function returns a new tuple; lines that
nobody asked about, unknown ones included, keep their place and their bytes.
"""

Lines = tuple[str, ...]

ORDER = "vosiuepcbtrzka"  # RFC 8866 9; an m= section has i, c, b, k, a in the same order
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


def value(lines: Lines, kind: str) -> str | None:
    """The value of the first line of this one-letter type."""
    for line in lines:  # asked some thirty times a call: cheaper than a generator
        if line[0] == kind:
            return line[2:]
    return None


def attributes(lines: Lines) -> list[tuple[str, str]]:
    """All a= lines as (name, value), in their order; a flag such as a=sendrecv has the value ""."""
    found = []
    for line in lines:
        if line[0] == "a":
            name, _, text = line[2:].partition(":")
            found.append((name, text))
    return found


def attribute(lines: Lines, name: str) -> str | None:
    """The value of the first attribute of this name; "" for a flag, None if it is absent."""
    flag, start = f"a={name}", f"a={name}:"
    for line in lines:
        if line.startswith(start):
            return line[len(start) :]
        if line == flag:
            return ""
    return None


def attribute_values(lines: Lines, name: str) -> list[str]:
    """The values of all attributes of this name, in their order."""
    return [text for found, text in attributes(lines) if found == name]


def direction(lines: Lines) -> str | None:
    """The last direction attribute of this section, or None (then the session's counts, or sendrecv)."""
    found = None
    for line in lines:
        if line[0] == "a" and line[2:] in DIRECTIONS:
            found = line[2:]
    return found


def with_line(lines: Lines, new: str) -> Lines:
    """The section with `new` as the only line of its type, in the old one's place or where the grammar wants it."""
    kind = new[0]
    place = next((n for n, line in enumerate(lines) if line[0] == kind), -1)
    if place < 0:
        rank = ORDER.index(kind)
        place = next((n for n, line in enumerate(lines) if ORDER.find(line[0]) > rank), len(lines))
    rest = [line for line in lines if line[0] != kind]
    return (*rest[:place], new, *rest[place:])


def without_attributes(lines: Lines, names: frozenset[str]) -> Lines:
    """The section without the attributes of these names."""
    return tuple(line for line in lines if line[0] != "a" or line[2:].partition(":")[0] not in names)


def with_attribute(lines: Lines, name: str, text: str = "") -> Lines:
    """The section with one attribute of this name, in the place of the first old one or at the end."""
    new = f"a={name}:{text}" if text else f"a={name}"
    old = [n for n, line in enumerate(lines) if line[0] == "a" and line[2:].partition(":")[0] == name]
    if not old:
        return (*lines, new)
    changed = [new if n == old[0] else line for n, line in enumerate(lines) if n not in old[1:]]
    return tuple(changed)


def with_direction(lines: Lines, word: str) -> Lines:
    """The section with this direction alone, where the first old one was or at the end."""
    old = [n for n, line in enumerate(lines) if line[0] == "a" and line[2:] in DIRECTIONS]
    if not old:
        return (*lines, f"a={word}")
    return tuple(f"a={word}" if n == old[0] else line for n, line in enumerate(lines) if n not in old[1:])
