"""No text makes the configuration raise anything but ConfigError, or hang: random tokens and mutated files."""

from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lteims.config import ConfigError, check_users, to_json
from tests.unit.config.reading import loaded

ROOT = Path(__file__).parents[3]
FILES = {path.name: path.read_text() for path in (ROOT / "config").glob("*.cfg")}
SAMPLE = FILES["ims.cfg"] + (ROOT / "tests/vectors/config/preprocessor/main.cfg").read_text()
WORDS = [
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ":",
    "+",
    "-",
    "*",
    "/",
    "!",
    "||",
    "&&",
    "==",
    "!=",
    "<",
    "<=",
    ">=",
    ">",
    "`",
    "${",
    "$",
    "'",
    "1",
    "0",
    "1.5",
    "0x8",
    "1e9",
    ".5",
    "I",
    "true",
    "false",
    "name",
    "a-b",
    "k:",
    "K:",
    "include",
    "#include",
    "#define",
    "#default",
    "#undef",
    "#if",
    "#elif",
    "#else",
    "#endif",
    "#ifdef",
    "#ifndef",
    "#error",
    "#warning",
    "#",
    "defined",
    "A",
    "B",
    "//",
    "/*",
    "*/",
    ";",
    "é",
    "ue_db:",
    "[{",
    "}]",
    "imsi:",
    "sip_addr:",
    "echo:",
    "impu:",
    "code:",
    "404",
    "😀",
]
WORDS += ['"s"', '"x.cfg"', '"k":', '"00101"', '"::1"', "\\", "\n", "\r\n", "\t", "\ufeff", "\xa0", "\x00", '"']

words = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)
bounded = settings(max_examples=150, deadline=timedelta(seconds=10))


def shown(error: ConfigError) -> None:
    """An error names at least one thing and can be printed."""
    assert str(error)
    assert error.diagnostics


def survives(text: str) -> None:
    """Load a text among the shipped files; a ConfigError that can be shown is fine."""
    try:
        result = loaded({"main.cfg": text, "x.cfg": "a: 1,", "s": "b: 2"} | FILES, name="main.cfg")
    except ConfigError as error:
        shown(error)
    else:
        assert to_json(result.tree)
        for warning in result.warnings:
            assert str(warning)


@bounded
@given(st.text(max_size=200))
def test_random_text(text: str) -> None:
    """Anything at all."""
    survives(text)


@bounded
@given(words)
def test_random_words(text: str) -> None:
    """What the grammar knows, in any order."""
    survives(text)


@bounded
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE)), st.integers(0, 40), st.sampled_from([*WORDS, ""])), max_size=8))
def test_mutated_files(changes: list[tuple[int, int, str]]) -> None:
    """Real files with pieces cut out and words put in."""
    text = SAMPLE
    for start, length, word in changes:
        text = text[:start] + word + text[start + length :]
    survives(text)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["imsi", "impu", "K", "impi", "code", "sim_algo", "res_len", "x"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@bounded
@given(st.lists(plain, max_size=3) | plain)
def test_random_users_of_the_remote_api(values: object) -> None:
    """users_add takes what a client sends."""
    try:
        check_users(values)
    except ConfigError as error:
        shown(error)
