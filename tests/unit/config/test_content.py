"""The body of a forced answer: `content` of an IMPU is read when the configuration is, and refused with its place."""

import pytest

from lteims.config import ConfigError, ImpuConfig, changed_impu, check_impu, check_impu_changes, check_users, load
from lteims.config.users import MAX_CONTENT
from tests.unit.config.reading import SIP

FILES = {"etc/a.xml": b"<a>\xff\x00</a>", "etc/large": bytes(MAX_CONTENT + 1), "/lab/b.txt": b"b"}


def octets_of(path: str) -> bytes:
    """The files of a disk."""
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


def echo(options: str) -> ImpuConfig:
    """The one echo number of a configuration in etc/."""
    return load("etc/ims.cfg", lambda _: f'{SIP}echo: {{impu: "tel:1", {options}}}', None, octets_of).config.echo[0]


def test_content_is_read_from_the_folder_of_its_file() -> None:
    found = echo('code: 380, content: "a.xml", content_type: "application/3gpp-ims+xml"')
    assert (found.content, found.content_data) == ("etc/a.xml", b"<a>\xff\x00</a>")


@pytest.mark.parametrize("code", [0, -1])
def test_content_without_an_answer_is_not_read(code: int) -> None:
    assert echo(f'code: {code}, content: "none", content_type: "a/b"').content_data == b""


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ('\ncode: 486,\ncontent: "none", content_type: "a/b"', r"cannot read etc/none: No such file or directory"),
        ('\ncode: 486,\ncontent: "large", content_type: "a/b"', r"etc/large is too large for a SIP message"),
        ('\ncode: 486,\ncontent: "a.xml"', "'content_type' is missing"),
    ],
)
def test_content_that_cannot_be_used(options: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=rf"^etc/ims\.cfg:4:10: echo\.content: {fault}"):
        echo(options)


def test_content_of_users_of_the_api() -> None:
    impu = {"impu": "x", "code": 486, "content": "b.txt", "content_type": "text/plain"}
    (user,) = check_users([{"imsi": "00101", "impu": impu}], "/lab", octets_of=octets_of)
    assert user.impu[0].content_data == check_impu(impu, "/lab", octets_of=octets_of).content_data == b"b"
    assert check_impu(impu, "/lab").content_data == b""


def test_changes_are_checked_together_with_what_was_there() -> None:
    old = ImpuConfig("tel:1", content="/lab/b.txt")
    with pytest.raises(ConfigError, match="'content_type' is missing"):
        changed_impu(old, check_impu_changes({"code": 486}), octets_of=octets_of)
    changes = check_impu_changes({"code": 486, "content_type": "text/plain"})
    found = changed_impu(old, changes, octets_of=octets_of)
    assert (found.code, found.content_data) == (486, b"b")
    assert changed_impu(found, {"code": 0}, octets_of=octets_of).content_data == b""
