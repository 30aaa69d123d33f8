"""The language beyond what whole files show: how faults look, and the bounds that keep hostile text out."""

from time import process_time

import pytest

from lteims.config import ConfigError, Diagnostic, Severity, load, to_json
from tests.unit.config.reading import SIP, loaded


def raised(text: str, **others: str) -> ConfigError:
    """The error of a text that is wrong."""
    with pytest.raises(ConfigError) as caught:
        loaded({"ims.cfg": text} | {f"{name}.cfg": other for name, other in others.items()})
    return caught.value


def test_an_error_shows_place_line_and_caret() -> None:
    """The second line is the source, the third points; a tab stays one so that both line up."""
    assert str(raised('a: 1,\n\t\tb: "x" c: 2,\r\n')).splitlines() == [
        "ims.cfg:2:9: missing ',' before the property 'c'",
        '\t\tb: "x" c: 2,',
        "\t\t      ^",
    ]


def test_a_long_line_is_shown_around_the_fault() -> None:
    """One line of a megabyte must not be printed for one fault in it."""
    line = "a: 1, " * 100_000 + "b: NO, " + "c: 1, " * 100_000
    text = str(raised(line)).splitlines()
    assert text[0] == "ims.cfg:1:600004: 'NO' is not defined (a string needs quotes)"
    assert len(text[1]) <= 160
    assert text[1][text[2].index("^") :].startswith("NO")


def test_errors_stop_at_a_bound() -> None:
    """A file that is no configuration does not scroll for hours."""
    error = raised("\n".join(f"x{n}: NO{n}," for n in range(5000)))
    assert len(error.diagnostics) == 101
    assert error.diagnostics[-1].message == "stopped after 100 errors"


def test_warnings_come_with_errors() -> None:
    """A misspelled name often explains what is missing."""
    error = raised("domane: 1, domain: 2")
    assert str(error.warnings[0]) == "Warning: ims.cfg:1: unused property 'domane'"


def test_the_first_file_is_missing() -> None:
    """There is no line to show then."""
    with pytest.raises(ConfigError, match=r"^nowhere\.cfg: cannot read the configuration file: No such file"):
        loaded({}, name="nowhere.cfg")


def test_a_reader_that_cannot_decode_is_an_error_of_the_file() -> None:
    """UnicodeDecodeError is a ValueError."""

    def read(path: str) -> str:
        return b"\xff".decode()

    with pytest.raises(ConfigError, match="cannot read the configuration file"):
        load("ims.cfg", read)


def test_to_json_is_strict() -> None:
    """--print-config: complex numbers as strings, text as it is."""
    tree = loaded(SIP + 'x: 1.5-2*I, y: "é", z: [true, {}],').tree
    assert to_json(tree).splitlines()[1:4] == ['  "sip_addr": "127.0.0.1",', '  "x": "1.5-2*I",', '  "y": "é",']


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 100_000,
        "a: " + "(" * 100_000,
        "a: " + "{a: " * 50_000,
        "a: " + "!" * 100_000,
        "a: " + "`${" * 50_000,
        "a: " + "1+(" * 50_000,
        "a: " + "0||1&&" * 100_000,
        "#if 1\n" * 50_000,
        "#if 0\n" * 50_000,
        "#if 0\n" + "#elif 0\n" * 50_000,
        "#if 1\n" + "#elif 0\n#else\n" * 20_000,
        "#if 0\n" + "#else\n" * 20_000,
        "}" * 100_000,
        ", " * 100_000,
        "a" * 1_000_000,
        "9" * 1_000_000 + ": 1",
        'a: "' + "\\" * 1_000_000,
        "/*" * 500_000,
        'include "s" ' * 20_000,
        "include `" * 20_000,
        "include #include " * 20_000,
        "include\n#include include\n" * 20_000,
        "a: 1e999, b: -1e999, c: 0x" + "f" * 10_000,
        '#define A "xxxxxxxxxx"\n' + "#define A A+A\n" * 64 + "a: A",
        "#define A [1]\n" + "#define A [A, A]\n" * 64 + "a: A",
        "#define A [1]\n" + "#define A [A]\n" * 5000 + "a: A",
        "#define A 1e300\n" + "#define A A*A\n" * 64 + "a: A",
        "#define A [1,1,1,1,1,1,1,1,1,1]\n" + "#define A [A,A,A,A,A,A,A,A,A,A]\n" * 5 + "a: [" + "A," * 10_000 + "]",
        "a: b: c: d:" * 20_000,
        "include " * 20_000,
    ],
)
def test_hostile_text_is_an_error_and_soon(text: str) -> None:
    """No RecursionError, no endless loop, no machine full of memory."""
    start = process_time()
    raised(text)
    assert process_time() - start < 5


def test_includes_are_bounded() -> None:
    """Files that include each other twice, thirty deep, would be a thousand million files."""
    files = {f"f{n}": f'include "f{n + 1}.cfg",\n' * 2 for n in range(64)}
    assert "too many included files" in str(raised('include "f0.cfg",', **files))


def test_short_circuit_does_not_evaluate_but_still_parses() -> None:
    """What is not needed may be undefined, but it must be an expression."""
    assert loaded(SIP + "a: 1 || NO,").tree["a"] is True
    assert "expected a value" in str(raised("a: 1 || ,"))


def test_diagnostics_of_other_severities_are_one_line() -> None:
    """As the program prints them."""
    assert str(Diagnostic("a.cfg", 3, 1, "odd", "line", Severity.WARNING)) == "Warning: a.cfg:3: odd"
    assert str(Diagnostic("", 0, 0, "text", severity=Severity.INFO)) == "Info: text"


def test_defines_from_outside_beat_default_only() -> None:
    """#define in the file is an order, #default an offer."""
    text = "#default A 1\n#define B 1\n" + SIP + "a: A, b: B"
    tree = loaded(text, {"A": 5, "B": 5}).tree
    assert (tree["a"], tree["b"]) == (5, 1)
    with pytest.raises(ConfigError, match="defines from outside"):
        loaded(SIP, {"A": object()})
