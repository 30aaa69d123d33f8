"""Long texts in parts and parts in one text: sizes, escapes and surrogates at the cuts, order, strangers in between."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lteims.sms import gsm7
from lteims.sms.dcs import Alphabet, Dcs
from lteims.sms.errors import SmsError, Unencodable
from lteims.sms.text import Joiner, Message, binary, join, split, split_data
from lteims.sms.udh import WAP_PUSH, Concatenation, Element, Ports
from lteims.sms.userdata import UserData

GSM7, DATA, UCS2 = Alphabet
PUSH = [Ports(WAP_PUSH, 9200).element()]
plain = gsm7.ALPHABET.replace("\x1b", "") + "€[]"


def sizes(parts: list[UserData]) -> list[int]:
    """Characters, or UTF-16 units, in each part."""
    return [len((part.text or "").encode("utf-16-be")) // 2 for part in parts]


@pytest.mark.parametrize(
    ("text", "wide", "expected"),
    [
        ("", False, [0]),
        (160 * "a", False, [160]),
        (161 * "a", False, [153, 8]),
        (306 * "a", False, [153, 153]),
        (307 * "a", False, [153, 153, 1]),
        (161 * "a", True, [152, 9]),
        (80 * "€", False, [80]),
        (81 * "€", False, [76, 5]),  # 76 pairs are 152 septets, half a pair does not go in
        (152 * "a" + "€bcdefgh", False, [152, 8]),
        (151 * "a" + "€bcdefghi", False, [152, 8]),
        (70 * "ж", False, [70]),
        (71 * "ж", False, [67, 4]),
        (71 * "ж", True, [66, 5]),
        (35 * "😀", False, [70]),
        (36 * "😀", False, [66, 6]),  # 67 units would cut the 34th in two
        ("ж" + 36 * "😀", False, [67, 6]),
        (66 * "ж" + "😀жжж", False, [66, 5]),
    ],
)
def test_sizes_of_parts(text: str, wide: bool, expected: list[int]) -> None:
    parts = split(text, reference=7, wide=wide)
    assert sizes(parts) == expected
    for number, part in enumerate(parts, 1):
        part.check()
        numbers = Concatenation(7, len(parts), number, wide) if len(parts) > 1 else None
        assert (part.header.concatenation if part.header else None) == numbers
    assert join(parts).text == text


@settings(max_examples=150, deadline=None)
@given(st.text(plain, max_size=700) | st.text(max_size=300), st.booleans(), st.sampled_from([(), tuple(PUSH)]))
def test_texts_come_back_from_any_order(text: str, wide: bool, elements: tuple[Element, ...]) -> None:
    parts = split(text, reference=200, wide=wide, elements=elements)
    for part in parts:
        part.check()
        assert part.text is not None
        assert "\ufffd" not in part.text or "\ufffd" in text
        assert len(part.tp_ud) <= 140
    random.Random(len(text)).shuffle(parts)
    message = join(parts)
    assert message.text == text
    assert message.ports == (Ports(WAP_PUSH, 9200) if elements else None)


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert join(split("a\ud83d")).text == "a?"


def test_the_alphabet_that_was_asked_for() -> None:
    assert split("abc", alphabet=UCS2, message_class=0)[0] == UserData(False, Dcs(0x18), 6, b"\0a\0b\0c")
    with pytest.raises(Unencodable) as refused:
        split("aжb", alphabet=GSM7)
    assert refused.value.characters == "ж"
    with pytest.raises(SmsError):
        split("abc", alphabet=DATA)


def test_the_best_fit_that_was_asked_for() -> None:
    assert split("“жa”", best_fit=True)[0].text == '"?a"'


def test_more_parts_than_can_be_counted() -> None:
    assert len(split(255 * 153 * "a")) == 255
    with pytest.raises(SmsError):
        split((255 * 153 + 1) * "a")


@pytest.mark.parametrize("reference", [256, -1])
def test_a_reference_that_cannot_be(reference: int) -> None:
    with pytest.raises(SmsError):
        split(161 * "a", reference=reference)


def test_a_header_that_leaves_no_room() -> None:
    with pytest.raises(SmsError):
        split(161 * "a", elements=[Element(0x70, 131 * b"x")])


def test_data_for_wap_push() -> None:
    data = bytes(range(256))
    parts = split_data(data, reference=9, elements=PUSH)
    assert [len(part.tp_ud) for part in parts] == [140, 140]
    assert parts[0].tp_ud[:12].hex(" ") == "0b 00 03 09 02 01 05 04 0b 84 23 f0"
    assert all(part.text is None for part in parts)
    assert join(parts[::-1]) == Message(None, data, Ports(WAP_PUSH, 9200))
    assert len(split_data(data[:133], elements=PUSH)) == 1
    with pytest.raises(SmsError):
        split_data(data, tp_dcs=Dcs())


@pytest.mark.parametrize(
    ("data", "tp_udl", "tp_dcs", "expected"),
    [
        ("d4f29c0e", 4, Dcs(), "Test"),
        ("d4f29c0e", None, Dcs(), "Test"),
        ("61f1985c369f01", 7, Dcs(), "abcdefg"),
        ("61f1985c369f01", None, Dcs(), "abcdefg@"),  # nothing says that the last one is none
        ("00410042", 4, Dcs(0x08), "AB"),
        ("00410042", None, Dcs(0x04), None),
    ],
)
def test_octets_as_they_are(data: str, tp_udl: int | None, tp_dcs: Dcs, expected: str | None) -> None:
    made = binary(bytes.fromhex(data), tp_udl, tp_dcs=tp_dcs)
    assert made.text == expected
    assert made.tp_ud == bytes.fromhex(data)


@pytest.mark.parametrize("tp_udl", [3, 5, 255])
def test_a_length_that_contradicts_the_octets_stands_as_told(tp_udl: int) -> None:
    assert binary(b"abcd", tp_udl).tp_udl == tp_udl
    with pytest.raises(SmsError):
        binary(b"abcd", tp_udl).check()


@pytest.mark.parametrize(("octets", "tp_udl"), [(4, -1), (4, 256), (141, 140)])
def test_a_length_or_octets_without_room(octets: int, tp_udl: int) -> None:
    with pytest.raises(SmsError):
        binary(bytes(octets), tp_udl)


def test_what_is_not_all_parts_of_one_message() -> None:
    one, other, alone = split(400 * "a", reference=1), split(400 * "b", reference=2), split("c")
    for wrong in ([], one[:2], one[:1], [*one, one[0]], [*one[:2], other[2]], [*one, *alone], [one[0], *one[:2]]):
        with pytest.raises(SmsError):
            join(wrong)


def test_parts_whose_sender_cut_a_character_in_two() -> None:
    def part(number: int, dcs: int, body: str) -> UserData:
        return binary(bytes.fromhex(f"05 00 03 01 02 0{number} {body}"), tp_dcs=Dcs(dcs), tp_udhi=True)

    assert join([part(1, 8, "00 41 d8 3d"), part(2, 8, "de 00")]).text == "A😀"
    escape = UserData(True, Dcs(), 8, bytes.fromhex("050003010201") + gsm7.pack(b"\x1b", 1))
    euro = UserData(True, Dcs(), 9, bytes.fromhex("050003010202") + gsm7.pack(b"e!", 1))
    assert join([euro, escape]).text == "€!"


def test_parts_of_two_alphabets() -> None:
    first, _ = split(161 * "a", reference=5)
    _, second = split(71 * "ж", reference=5)
    assert join([second, first]).text == 153 * "a" + 4 * "ж"
    data = split_data(200 * b"x", reference=5)[1]
    assert join([first, data]).text is None


def test_the_joiner_tells_senders_and_references_apart() -> None:
    joiner = Joiner()
    texts = {(sender, reference): f"{sender} {reference} " * 40 for sender in "ab" for reference in range(4)}
    parts = [(key, part) for key, text in texts.items() for part in split(text, reference=key[1], wide=key[1] == 3)]
    random.Random(4).shuffle(parts)
    joined = [(key, message.text) for key, part in parts if (message := joiner.add(key[0], part, 0.0))]
    assert dict(joined) == texts
    assert len(joined) == len(texts)
    assert len(joiner) == 0


def test_the_joiner_passes_what_is_whole() -> None:
    joiner = Joiner()
    assert joiner.add("a", split("short")[0], 0.0) == Message("short", b"short")
    one_of_one = binary(bytes.fromhex("05000301010141"), tp_udhi=True)
    assert joiner.add("a", one_of_one, 0.0) == Message(None, b"A")


def test_a_part_that_comes_again_changes_nothing() -> None:
    joiner = Joiner()
    first, second = split(200 * "a", reference=1)
    assert joiner.add("a", first, 0.0) is None
    assert joiner.add("a", first, 1.0) is None
    message = joiner.add("a", second, 2.0)
    assert message is not None
    assert message.text == 200 * "a"


def test_a_reference_that_comes_round_begins_anew() -> None:
    joiner = Joiner()
    old, new = split(200 * "a", reference=1), split(200 * "b", reference=1)
    assert joiner.add("a", old[0], 0.0) is None
    assert joiner.add("a", new[0], 1.0) is None
    message = joiner.add("a", new[1], 2.0)
    assert message is not None
    assert message.text == 200 * "b"


def test_what_waits_too_long_is_forgotten() -> None:
    joiner = Joiner(lifetime=10.0)
    first, second = split(200 * "a", reference=1)
    joiner.add("a", first, 0.0)
    joiner.expire(9.9)
    assert len(joiner) == 1
    assert joiner.add("a", second, 10.0) is None
    assert len(joiner) == 1
    joiner.expire(20.0)
    assert len(joiner) == 0


def test_the_oldest_is_forgotten_when_there_are_too_many() -> None:
    joiner = Joiner(most=2)
    first, second = split(200 * "a", reference=1)
    for sender in "abc":
        joiner.add(sender, first, 0.0)
    assert len(joiner) == 2
    assert joiner.add("b", second, 0.0) is not None
    assert joiner.add("a", second, 0.0) is None
