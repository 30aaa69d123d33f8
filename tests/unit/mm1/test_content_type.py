"""Content types: numbers, texts, parameters of every type."""

import pytest

from lteims.mm1.content_type import MAX_PARAMETERS, MEDIA, RELATED, ContentType
from lteims.mm1.errors import MmsError
from tests.vectors.mm1.vector import octets


def test_the_table_has_its_known_places() -> None:
    known = {0x03: "text/plain", 0x1E: "image/jpeg", 0x20: "image/png", 0x23: "application/vnd.wap.multipart.mixed"}
    known |= {0x33: RELATED, 0x3E: "application/vnd.wap.mms-message", 0x4F: "audio/*", 0x54: "application/vnd.oma.dcdc"}
    assert {number: MEDIA[number] for number in known} == known
    assert len(MEDIA) == 0x55


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (ContentType("image/jpeg"), "9E"),
        (ContentType("application/smil"), "'application/smil' 00"),
        (ContentType("application/vnd.oma.drm.content"), "'application/vnd.oma.drm.content' 00"),  # 0x49 is too new
        (ContentType("text/plain", (("charset", "utf-8"),)), "03 83 81 EA"),
        (ContentType("text/plain", (("charset", "iso-10646-ucs-2"),)), "05 83 81 02 03 E8"),
        (ContentType("text/plain", (("charset", "x-own"),)), "0F 83 'charset' 00 'x-own' 00"),
        (ContentType("image/gif", (("name", "a.gif"),)), "08 9D 85 'a.gif' 00"),
        (ContentType(RELATED, (("start", "<s>"), ("type", "text/plain"))), "08 B3 8A '<s>' 00 89 83"),
        (ContentType("audio/amr", (("flag", ""), ("x", "1"))), "14 'audio/amr' 00 'flag' 00 00 'x' 00 '1' 00"),
    ],
)
def test_both_ways(value: ContentType, data: str) -> None:
    assert value.encode() == octets(data)
    assert ContentType.parse(octets(data)) == value


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (ContentType("image/jpeg"), "02 01 1E"),  # a long integer
        (ContentType("image/jpeg"), "01 9E"),
        (ContentType("application/x-wsp-127"), "FF"),
        (ContentType("image/jpeg"), "'Image/JPEG' 00"),
        (ContentType("text/plain", (("charset", "utf-8"),)), "08 83 81 'UTF-8' 00"),
        (ContentType(RELATED, (("type", "image/gif"),)), "03 B3 83 9D"),  # the other number for type
        (ContentType("text/plain", (("charset", "*"),)), "03 83 81 80"),
        (ContentType("text/plain", (("charset", "2999"),)), "05 83 81 02 0B B7"),
        (ContentType("image/gif", (("name", "a b"),)), "07 9D 97 22 'a b' 00"),  # name as a quoted text-value
        (ContentType("image/gif", (("q", "0.5"), ("size", "300"))), "07 9D 80 33 96 02 01 2C"),
        (ContentType("image/gif", (("q", "0.333"),)), "04 9D 80 83 31"),
        (ContentType("image/gif", (("secure", ""),)), "03 9D 90 00"),
        (ContentType("text/plain", (("charset", "utf-8"), ("a", "b"))), "'text/plain; Charset=utf-8;a=\"b\"' 00"),
    ],
)
def test_as_others_write_it(value: ContentType, data: str) -> None:
    assert ContentType.parse(octets(data)) == value


@pytest.mark.parametrize("data", ["", "00", "9E 00", "03 83", "03 83 81", "02 83 81", "02 83 'n'", "1F", "'text'"])
def test_refused(data: str) -> None:
    with pytest.raises(MmsError):
        ContentType.parse(octets(data))


def test_too_many_parameters() -> None:
    many = ContentType("image/gif", tuple((f"p{n}", "v") for n in range(MAX_PARAMETERS + 1)))
    with pytest.raises(MmsError, match="parameters"):
        ContentType.parse(many.encode())


def test_in_words() -> None:
    shown = str(ContentType("text/plain", (("charset", "utf-8"), ("flag", ""))))
    assert shown == 'text/plain; charset="utf-8"; flag'
