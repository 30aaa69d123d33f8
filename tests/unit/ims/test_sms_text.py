"""Short messages as text, and the names under which people appear."""

import pytest

from lteims.config import AuthentType, ImpuConfig, UserConfig
from lteims.ims.sms_store import StoredSms
from lteims.ims.sms_text import MOST_PARTS, address_of, sender_uri, text_in, text_of
from lteims.ims.subscribers import Subscriber
from lteims.sip.errors import SipError
from lteims.sip.message import Request
from lteims.sms import text, tpdu
from lteims.sms.address import Address
from lteims.sms.timestamp import Timestamp
from lteims.sms.userdata import UserData

DOMAIN = "ims.example"


def stored(id: str, part: UserData, sender: str = "+49301") -> StoredSms:
    deliver = tpdu.SmsDeliver(
        tp_oa=Address.of(sender), tp_scts=Timestamp.at(1e9), tp_udl=part.tp_udl, tp_ud=part.tp_ud,
        tp_dcs=part.tp_dcs, tp_udhi=part.tp_udhi,
    )  # fmt: skip
    return StoredSms(id=id, impi="1", impu_key="", tpdu=deliver.encode(), received_at=0, expires_at=1e9, sender=sender)


def parts_of(words: str, reference: int = 1, sender: str = "+49301", prefix: str = "") -> list[StoredSms]:
    return [
        stored(f"{prefix}{number}", part, sender) for number, part in enumerate(text.split(words, reference=reference))
    ]


def test_one_message() -> None:
    (one,) = parts_of("Hello")
    assert text_of(one, []) == ("Hello", ("0",))


@pytest.mark.parametrize("words", ["x" * 400, "日" * 200, "🎉" * 100])
def test_all_parts_wherever_they_are(words: str) -> None:
    parts = parts_of(words)
    for first in parts:
        found = text_of(first, reversed(parts))
        assert found is not None
        assert found[0] == words
        assert sorted(found[1]) == [part.id for part in parts]


def test_parts_are_missing() -> None:
    first, second, third = parts_of("x" * 400)
    assert text_of(first, [first, third]) is None
    assert text_of(first, [first, first, third]) is None
    assert text_of(second, [second], alone=True) == ("x" * 153, ("1",))


def test_parts_of_others_are_not_taken() -> None:
    first, second = parts_of("x" * 200)
    others = [*parts_of("y" * 200, sender="+49302", prefix="s"), *parts_of("y" * 200, reference=2, prefix="r"),
              *parts_of("y" * 400, prefix="t")]  # fmt: skip
    wide = [stored(f"w{n}", part) for n, part in enumerate(text.split("z" * 200, reference=1, wide=True))]
    assert text_of(first, [first, *others, *wide]) is None
    assert text_of(first, [first, *others, *wide, second]) == ("x" * 200, ("0", "1"))


def test_a_reference_that_came_round_takes_the_older_parts() -> None:
    old, new = parts_of("a" * 200, prefix="a"), parts_of("b" * 200, prefix="b")
    found = text_of(old[0], [*old, *new])
    assert found == ("a" * 200, ("a0", "a1"))


def test_no_text() -> None:
    data = stored("0", text.binary(b"\1\2"))
    assert text_of(data, []) == ("0102", ("0",))
    broken = StoredSms(id="7", impi="1", impu_key="", tpdu=b"\x00", received_at=0, expires_at=0, sender="")
    assert text_of(broken, []) == ("00", ("7",))
    report = tpdu.SmsStatusReport(
        tp_mr=1, tp_ra=Address.number("+49302"), tp_scts=Timestamp.at(1e9), tp_dt=Timestamp.at(1e9), tp_st=0x46
    )
    broken.tpdu = report.encode()
    assert text_of(broken, []) == ("Message to +49302: validity period expired", ("7",))
    broken.tpdu = tpdu.SmsStatusReport(
        tp_mr=1, tp_ra=Address.number("+49302"), tp_scts=Timestamp.at(1e9), tp_dt=Timestamp.at(1e9), tp_st=0x7F
    ).encode()
    assert text_of(broken, []) == ("Message to +49302: status 127", ("7",))


def test_ten_thousand_others_are_not_decoded() -> None:
    others = [stored(str(n), text.split("Hi")[0]) for n in range(10)] * 1000
    first, second = parts_of("x" * 200)
    assert text_of(first, [first, *others, second]) == ("x" * 200, ("0", "1"))


def test_nor_are_ten_thousand_parts_of_other_messages() -> None:
    others = parts_of("y" * 200, reference=2)[:1] * 10_000
    first, second = parts_of("x" * 200)
    assert text_of(first, [first, second, *others]) == ("x" * 200, ("0", "1"))
    assert text_of(first, [first, *others[: MOST_PARTS - 2], second]) == ("x" * 200, ("0", "1"))
    assert text_of(first, [first, *others, second]) is None


# --- names


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("+49301", "sip:+49301@ims.example;user=phone"), ("110", "sip:110@ims.example;user=phone"),
        ("lteims", "sip:lteims@ims.example"), ("a<b>@c", "sip:a-b--c@ims.example"), ("Ä", "sip:-@ims.example"),
        ("", "sip:sms@ims.example"), ("²", "sip:-@ims.example"),
    ],
)  # fmt: skip
def test_whom_a_softphone_answers(sender: str, expected: str) -> None:
    assert sender_uri(sender, DOMAIN) == expected


@pytest.mark.parametrize(
    ("impus", "key", "expected"),
    [
        (["1", "tel:+49301"], "", Address.number("+49301")),
        (["1", "tel:+49301", "tel:+49302"], "tel:+49302", Address.number("+49302")),
        (["1", "tel:+49301"], "sip:1@ims.example", Address.number("+49301")),
        (["0600000001"], "", Address.number("0600000001")),
        (["+49301"], "", Address.number("+49301")),
        (["alice.b"], "", Address.alphanumeric("aliceb")),
        (["a-very-long-name"], "", Address.alphanumeric("averylongna")),
        (["²"], "", Address.alphanumeric("unknown")),
        (["123456789012345678901"], "", Address.alphanumeric("12345678901")),
    ],
)
def test_under_which_address_a_user_appears(impus: list[str], key: str, expected: Address) -> None:
    user = UserConfig(
        imsi="1", impi="1", impu=tuple(ImpuConfig(impu=impu) for impu in impus), authent_type=AuthentType.NONE
    )
    assert address_of(Subscriber(user, DOMAIN), key) == expected


def text_message(kind: str, body: bytes) -> Request:
    return Request("MESSAGE", "sip:1@ims.example", {"content-type": [kind]}, body)


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("text/plain", "grün".encode(), "grün"), ("text/plain;charset=utf-8", "日".encode(), "日"),
        ('text/plain; format=flowed; charset="UTF-8"', b"x", "x"), ("text/plain;charset=us-ascii", b"x", "x"),
        ("text/plain;charset=iso-8859-1", b"\xfc", "ü"), ("text/plain", b"", ""),
    ],
)  # fmt: skip
def test_the_text_of_a_message(kind: str, body: bytes, expected: str) -> None:
    assert text_in(text_message(kind, body)) == expected


@pytest.mark.parametrize(("kind", "body"), [("text/plain", b"\xff"), ("text/plain;charset=koi8-r", b"x")])
def test_text_that_cannot_be_read(kind: str, body: bytes) -> None:
    with pytest.raises(SipError) as caught:
        text_in(text_message(kind, body))
    assert caught.value.code == 415
