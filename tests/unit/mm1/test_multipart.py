"""Multipart bodies: parts, their headers and names, nesting, limits."""

from time import process_time

import pytest

from lteims.mm1 import multipart, wsp
from lteims.mm1.content_type import MIXED, RELATED, ContentType
from lteims.mm1.errors import MmsError, ResponseStatus
from lteims.mm1.multipart import Limits, Part, leaves
from tests.vectors.mm1.vector import octets

TEXT = Part(ContentType("text/plain", (("charset", "utf-8"),)), b"hi", "t1", "t.txt")
PICTURE = Part(ContentType("image/gif"), b"GIF89a", disposition="attachment", filename="a.gif")


def test_what_is_written_is_read() -> None:
    odd = Part(ContentType("audio/amr"), b"", disposition="x-own", headers=(("Content-Transfer-Encoding", "binary"),))
    assert multipart.parse(multipart.encode([TEXT, PICTURE, odd])) == (TEXT, PICTURE, odd)


def test_headers_of_others() -> None:
    (part,) = multipart.parse(
        octets("""
        01                     one part
        2C 01                    44 octets of headers, one of data
        9D                       image/gif
        92 04 65 53 F1 00        Date, which nobody needs
        C5 09                    Content-Disposition with its later number, 9 octets:
        81                         attachment
        98 22 'a.gif' 00           filename, quoted
        C0 22 '<a@b>' 22 00      Content-ID, with a quotation mark at its end too
        7F 01                    a shift to another code page
        03                       and in short
        8E 'a' 00 8E 'b' 00      Content-Location, twice: the first counts
        'X' 00 'y' 00            a name in text
        'Z' 00 85                another, with a number
        AF                       a header without its value
        'd'                      data
    """)
    )
    assert part.content_id == "a@b"
    assert (part.disposition, part.filename, part.name) == ("attachment", "a.gif", "a.gif")
    assert part.content_location == "a"
    assert part.headers == (("X", "y"), ("Z", "85"))
    assert part.data == b"d"


def test_the_name_is_the_first_that_is_there() -> None:
    kind = ContentType("image/gif")
    assert Part(ContentType("image/gif", (("name", "n"),)), b"", "i", "l", "attachment", "f").name == "n"
    assert Part(ContentType("image/gif", (("filename", "m"),)), b"", "i", "l", "attachment", "f").name == "m"
    assert Part(kind, b"", "i", "l", "attachment", "f").name == "f"
    assert Part(kind, b"", "i", "l").name == "l"
    assert Part(kind, b"", "i").name == "i"


def nested(depth: int) -> Part:
    part = TEXT
    for _ in range(depth):
        part = Part(ContentType(MIXED), multipart.encode([part, PICTURE]))
    return part


def test_leaves_of_nested_parts() -> None:
    part = nested(3)
    assert leaves(part.content_type, part.data) == (TEXT, PICTURE, PICTURE, PICTURE)
    assert leaves(TEXT.content_type, b"x") == (Part(TEXT.content_type, b"x"),)


@pytest.mark.parametrize(
    ("part", "limits"),
    [(nested(5), Limits()), (nested(2), Limits(depth=1)), (nested(1), Limits(parts=1)), (nested(3), Limits(parts=5))],
)
def test_too_many_or_too_deep(part: Part, limits: Limits) -> None:
    with pytest.raises(MmsError) as caught:
        leaves(part.content_type, part.data, limits)
    assert caught.value.status is ResponseStatus.ERROR_PERMANENT_CONTENT_NOT_ACCEPTED


def test_a_bomb_of_empty_parts_costs_little() -> None:
    empty = wsp.uintvar(1) + wsp.uintvar(1) + b"\xa3" + b"\0"  # multipart.mixed without parts
    level = wsp.uintvar(250) + empty * 250
    for _ in range(2):
        level = wsp.uintvar(250) + (wsp.uintvar(1) + wsp.uintvar(len(level)) + b"\xa3" + level) * 250
        if len(level) > 8 << 20:
            break
    started = process_time()
    with pytest.raises(MmsError):
        leaves(ContentType(RELATED), level)
    assert process_time() - started < 0.5


@pytest.mark.parametrize("data", ["", "01", "01 01", "01 01 00", "01 00 00", "01 02 05 83", "8F FF FF FF 7F"])
def test_cut_off(data: str) -> None:
    with pytest.raises(MmsError):
        multipart.parse(octets(data))
