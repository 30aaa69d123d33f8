"""The GSM 7 bit default alphabet: every code, what it lacks, what fits best, packing bit by bit (TS 23.038 6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.sms import gsm7
from lteims.sms.errors import SmsError, Unencodable

septets = st.lists(st.integers(0, 127), max_size=256).map(bytes)


def by_bits(codes: bytes, fill_bits: int) -> bytes:
    """Clause 6.1.2.1 taken literally: bit 1 of the first character first, octets filled from bit 1."""
    bits = [0] * fill_bits + [code >> place & 1 for code in codes for place in range(7)]
    bits += [0] * (-len(bits) % 8)
    return bytes(
        sum(bit << place for place, bit in enumerate(bits[start : start + 8])) for start in range(0, len(bits), 8)
    )


@given(septets, st.integers(0, 6))
def test_packing_is_that_of_the_clause(codes: bytes, fill_bits: int) -> None:
    packed = gsm7.pack(codes, fill_bits)
    assert packed == by_bits(codes, fill_bits)
    assert gsm7.unpack(packed, len(codes), fill_bits) == codes


def test_packing_of_every_length() -> None:
    for count in range(257):
        codes = bytes((37 * place + count) & 0x7F for place in range(count))
        assert gsm7.unpack(gsm7.pack(codes), count) == codes
        assert len(gsm7.pack(codes)) == gsm7.octets(count)


def test_octets_behind_are_not_looked_at() -> None:
    assert gsm7.unpack(bytes.fromhex("d4f29c0eff"), 4) == b"Test"


@pytest.mark.parametrize(("data", "count"), [(b"\x00" * 6, 7), (b"", 1), (b"\x00" * 300, 257)])
def test_too_few_octets_or_too_many_septets(data: bytes, count: int) -> None:
    with pytest.raises(SmsError):
        gsm7.unpack(data, count)


def test_too_many_septets_to_pack() -> None:
    with pytest.raises(SmsError):
        gsm7.pack(257 * b"a")


def test_the_alphabet_has_every_code_once() -> None:
    assert len(gsm7.ALPHABET) == 128
    assert len(set(gsm7.ALPHABET)) == 128
    assert not set(gsm7.EXTENSION.values()) & set(gsm7.ALPHABET)


@pytest.mark.parametrize(
    ("character", "code"),
    [("@", 0x00), ("£", 0x01), ("Ç", 0x09), ("\n", 0x0A), ("Δ", 0x10), ("_", 0x11), ("Ξ", 0x1A), ("É", 0x1F),
     (" ", 0x20), ("¤", 0x24), ("?", 0x3F), ("¡", 0x40), ("A", 0x41), ("Z", 0x5A), ("Ä", 0x5B), ("§", 0x5F),
     ("¿", 0x60), ("z", 0x7A), ("ä", 0x7B), ("à", 0x7F)],
)  # fmt: skip
def test_codes_of_table_6_2_1(character: str, code: int) -> None:
    assert gsm7.encode(character) == bytes((code,))
    assert gsm7.decode(bytes((code,))) == character


@pytest.mark.parametrize("character", gsm7.EXTENSION.values())
def test_characters_of_the_extension_table_take_two(character: str) -> None:
    assert len(gsm7.encode(character)) == 2
    assert gsm7.decode(gsm7.encode(character)) == character


@pytest.mark.parametrize(
    ("codes", "text"),
    [
        (b"a\x1bAb", "aAb"),  # not in the extension table: as in the default one
        (b"a\x1b\x1bb", "a b"),  # reserved for another table
        (b"a\x1b", "a "),  # nothing to escape
        (b"\x1b\x1be", " e"),
        (b"\x1be\x1b<", "€["),
    ],
)
def test_escapes_that_mean_nothing(codes: bytes, text: str) -> None:
    assert gsm7.decode(codes) == text


@given(st.text(gsm7.ALPHABET.replace("\x1b", "") + "".join(gsm7.EXTENSION.values())))
def test_texts_come_back(text: str) -> None:
    assert gsm7.unencodable(text) == ""
    assert gsm7.decode(gsm7.encode(text)) == text


@given(st.text())
def test_what_cannot_be_encoded_is_told(text: str) -> None:
    lacking = gsm7.unencodable(text)
    if not lacking:
        gsm7.encode(text)
        return
    with pytest.raises(Unencodable) as refused:
        gsm7.encode(text)
    assert refused.value.characters == lacking
    assert all(character in text for character in lacking)


def test_each_is_told_once_in_its_order() -> None:
    assert gsm7.unencodable("жabжcд😀\x1b") == "жд😀\x1b"


@given(st.text())
def test_the_best_fit_can_always_be_encoded(text: str) -> None:
    gsm7.encode(gsm7.best_fit(text))


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("“It’s” – ok…", '"It\'s" - ok...'), ("garçon Łódź", "garcon Lodz"), ("É€é", "É€é"), ("ΑΒΓ αβγ", "ABΓ ABΓ"),
        ("ﬁn e\u0301", "fin e"), ("a\u00a0b\u200bc", "a bc"), ("ж", "?"), ("😀", "?"), ("½", "1/2"),
        ("²", "2"), ("ß", "ß"),
    ],
)  # fmt: skip
def test_best_fits(text: str, fit: str) -> None:
    assert gsm7.best_fit(text) == fit
