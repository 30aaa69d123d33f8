"""TP-DCS: every group of TS 23.038 4, and the choice of an alphabet."""

import pytest

from lteims.sms.dcs import Alphabet, Dcs, MessageWaiting, WaitingType, choose
from lteims.sms.errors import SmsError

GSM7, DATA, UCS2 = Alphabet


@pytest.mark.parametrize(
    ("octet", "alphabet", "message_class", "compressed"),
    [
        (0x00, GSM7, None, False), (0x01, GSM7, None, False), (0x04, DATA, None, False), (0x08, UCS2, None, False),
        (0x0C, GSM7, None, False), (0x10, GSM7, 0, False), (0x15, DATA, 1, False), (0x1A, UCS2, 2, False),
        (0x13, GSM7, 3, False), (0x20, GSM7, None, True), (0x38, UCS2, 0, True), (0x48, UCS2, None, False),
        (0x54, DATA, 0, False), (0x80, GSM7, None, False), (0xB4, GSM7, None, False), (0xC8, GSM7, None, False),
        (0xD0, GSM7, None, False), (0xE8, UCS2, None, False), (0xF0, GSM7, 0, False), (0xF6, DATA, 2, False),
        (0xF9, GSM7, 1, False),
    ],
)  # fmt: skip
def test_groups(octet: int, alphabet: Alphabet, message_class: int | None, compressed: bool) -> None:
    dcs = Dcs(octet)
    assert (dcs.alphabet, dcs.message_class, dcs.compressed) == (alphabet, message_class, compressed)
    assert dcs.septets == (alphabet is GSM7 and not compressed)
    assert dcs.encode() == octet


@pytest.mark.parametrize(
    ("octet", "waiting"),
    [
        (0xC8, MessageWaiting(True, WaitingType.VOICEMAIL, store=False)),
        (0xC1, MessageWaiting(False, WaitingType.FAX, store=False)),
        (0xDA, MessageWaiting(True, WaitingType.EMAIL, store=True)),
        (0xEB, MessageWaiting(True, WaitingType.OTHER, store=True)),
        (0xF8, None),
        (0x08, None),
    ],
)
def test_message_waiting(octet: int, waiting: MessageWaiting | None) -> None:
    assert Dcs(octet).message_waiting == waiting


def test_automatic_deletion() -> None:
    assert [octet for octet in range(256) if Dcs(octet).automatic_deletion] == list(range(0x40, 0x80))


def test_no_octet_is_refused() -> None:
    for octet in range(256):
        assert Dcs(octet).alphabet in Alphabet


@pytest.mark.parametrize("alphabet", Alphabet)
@pytest.mark.parametrize("message_class", [None, 0, 1, 2, 3])
def test_making_one(alphabet: Alphabet, message_class: int | None) -> None:
    dcs = Dcs.text(alphabet, message_class)
    assert (dcs.alphabet, dcs.message_class, dcs.compressed) == (alphabet, message_class, False)


def test_what_is_no_class_or_octet() -> None:
    with pytest.raises(SmsError):
        Dcs.text(GSM7, 4)
    with pytest.raises(SmsError):
        Dcs(256).encode()


@pytest.mark.parametrize(("text", "alphabet"), [("", GSM7), ("€ [ok]", GSM7), ("ж", UCS2), ("😀", UCS2), ("ç", UCS2)])
def test_choice(text: str, alphabet: Alphabet) -> None:
    assert choose(text) is alphabet
