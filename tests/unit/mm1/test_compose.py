"""Messages out of files: types, names, references that phones resolve, SMIL."""

from xml.etree import ElementTree

import pytest

from lteims.mm1.compose import File, compose, media_type
from lteims.mm1.content_type import MIXED, RELATED
from lteims.mm1.multipart import parse

JPEG = b"\xff\xd8\xff\xe0"


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("a.jpg", "image/jpeg"),
        ("a.JPEG", "image/jpeg"),
        ("b.png", "image/png"),
        ("c.gif", "image/gif"),
        ("d.txt", "text/plain"),
        ("e.pdf", "application/octet-stream"),
        ("jpg", "application/octet-stream"),
    ],
)
def test_media_types(name: str, media: str) -> None:
    assert media_type(name) == media


def test_a_picture_and_a_text_are_one_page() -> None:
    content = compose([File("/tmp/my cat.jpg", JPEG), File("hello.txt", "Grüße".encode()), File("x.bin", b"\0")])
    smil, picture, text, other = parse(content.body)
    assert content.content_type.media == RELATED
    assert content.content_type.get("start") == f"<{smil.content_id}>"
    assert content.content_type.get("type") == smil.content_type.media == "application/smil"
    assert (picture.content_type.media, picture.data) == ("image/jpeg", JPEG)
    assert (text.content_type.get("charset"), text.data) == ("utf-8", "Grüße".encode())
    assert other.content_type.media == "application/octet-stream"
    root = ElementTree.fromstring(smil.data)
    pages = [[(item.tag, item.get("src")) for item in page] for page in root.iter("par")]
    assert pages == [[("img", picture.content_location), ("text", text.content_location)]]
    regions = {region.get("id") for region in root.iter("region")}
    assert {item.get("region") for page in root.iter("par") for item in page} <= regions
    for part in (smil, picture, text, other):
        assert part.name == part.content_location == part.content_type.get("name")
        assert part.content_location.isascii()
        assert part.content_id
    assert picture.content_location == "my_cat.jpg"


def test_pages() -> None:
    files = [File("1.txt", b"a"), File("2.gif", b"b"), File("3.gif", b"c"), File("4.txt", b"d"), File("5.txt", b"e")]
    root = ElementTree.fromstring(parse(compose(files).body)[0].data)
    assert [[item.tag for item in page] for page in root.iter("par")] == [
        ["text"], ["img"], ["img", "text"], ["text"],
    ]  # fmt: skip


def test_nothing_to_show_is_mixed() -> None:
    content = compose([File("a.pdf", b"%PDF")])
    assert content.content_type.media == MIXED
    assert [part.name for part in parse(content.body)] == ["a.pdf"]
    assert parse(compose([]).body) == ()


def test_names_are_unlike_and_plain() -> None:
    names = ("a.jpg", "b/a.jpg", "C:\\x\\a.jpg", "smil.xml", "smil", "日本.jpg", "", "..", "x" * 90 + ".jpg", "q.<b>")
    parts = parse(compose([File(name, b"") for name in names]).body)
    locations = [part.content_location for part in parts]
    assert len(set(locations)) == len({part.content_id for part in parts}) == len(names) + 1
    assert locations[:6] == ["smil.xml", "a.jpg", "a_2.jpg", "a_3.jpg", "smil_2.xml", "smil_2"]
    assert locations[6:9] == ["file.jpg", "file", "file_2"]
    assert all(name.replace(".", "").replace("_", "").isalnum() for name in locations)


@pytest.mark.parametrize(
    ("data", "text", "charset"),
    [
        (b"plain", "plain", "us-ascii"),
        ("é".encode(), "é", "utf-8"),
        ("é".encode("utf-8-sig"), "é", "utf-8"),
        ("é".encode("latin-1"), "é", "utf-8"),
        ("é".encode("utf-16"), "é", "utf-8"),
    ],
)
def test_text_files(data: bytes, text: str, charset: str) -> None:
    part = parse(compose([File("a.txt", data)]).body)[1]
    assert (part.data.decode(), part.content_type.get("charset")) == (text, charset)
