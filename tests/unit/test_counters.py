"""Counters: everything that the sources count is declared, and what is declared is counted."""

import ast
from collections.abc import Iterator
from pathlib import Path

from lteims import counters
from lteims.counters import DECLARED
from lteims.diameter.command import COMMANDS
from lteims.ims.deregistration import EVENTS
from lteims.sip.errors import REASONS, reason_phrase
from lteims.sip.valid import METHODS

PACKAGE = Path(__file__).resolve().parents[2] / "lteims"


def by_reason(phrase: str) -> str:
    return "sip_" + "".join(c if c.isalnum() else "_" for c in phrase.lower().replace("'", ""))


REQUESTS = {f"sip_{method.lower()}" for method in METHODS}
RESPONSES = {by_reason(reason_phrase(code)) for code in (*REASONS, *range(99, 701))}
# The names that an expression stands for, where it is more than a string.
COMPUTED = {
    ("net/sip_trace.py", "_METHOD_COUNTERS.get(method, 'sip_unknown')"): REQUESTS | {"sip_unknown"},
    ("net/sip_trace.py", "name"): RESPONSES,
    ("net/rtp.py", "name"): {
        "rtp_recv", "rtp_send", "rtcp_recv", "rtcp_send", "rtp_dropped", "rtp_held", "rtp_invalid",
    },
    ("net/esp_socket.py", "counter"): {
        "esp_clear", "esp_forged", "esp_malformed", "esp_no_port", "esp_no_sa", "esp_not_udp", "esp_replayed",
        "esp_unknown_spi", "esp_unsendable", "esp_wrong_ports",
    },
    ("net/xfrm_stat.py", "counter"): {
        "esp_clear", "esp_forged", "esp_malformed", "esp_no_sa", "esp_replayed", "esp_unknown_spi", "esp_wrong_ports",
    },
    ("ims/subscribers.py", "f'ims_binding_{event}'"): {
        f"ims_binding_{event}" for event in ("registered", "refreshed", "expired", "unregistered", "moved", *EVENTS)
    },
    ("net/diameter_peer.py", "counter_of(header)"): {"diam_unknown"}
    | {f"diam_{each.abbreviation}{end}".lower() for each in COMMANDS.values() for end in "RA"},
    ("ims/mms.py", "f'mms_{status.name.lower()}'"): {"mms_retrieved", "mms_rejected"},
}  # fmt: skip


def counted() -> Iterator[tuple[str, ast.expr]]:
    """Every call of counters.inc: its file, and the name that it gives."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"counters.inc", "inc"}:
                yield file.relative_to(PACKAGE).as_posix(), node.args[0]


def literal(name: ast.expr) -> set[str]:
    """The names of a string, or of a choice between strings; empty for any other expression."""
    if isinstance(name, ast.Constant):
        return {name.value}
    if isinstance(name, ast.IfExp) and literal(name.body) and literal(name.orelse):
        return literal(name.body) | literal(name.orelse)
    return set()


def names() -> set[str]:
    found: set[str] = set()
    for file, name in counted():
        written = literal(name)
        if written:
            found |= written
        else:
            text = ast.unparse(name)
            assert (file, text) in COMPUTED, f"{file} counts {text}: tell COMPUTED which names that can be"
            found |= COMPUTED[file, text]
    return found


def test_what_is_counted_is_declared() -> None:
    undeclared = sorted(names() - set(DECLARED))
    assert not undeclared, f"declare in lteims/counters.py: {', '.join(undeclared)}"


def test_what_is_declared_is_counted() -> None:
    idle = sorted(set(DECLARED) - names())
    assert not idle, f"nobody counts {', '.join(idle)}"


def test_nothing_writes_counts_but_inc() -> None:
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.name != "counters.py":
            assert "counters.counts[" not in file.read_text(encoding="utf-8"), file


def test_declarations_are_fit_for_a_list_and_for_prometheus() -> None:
    assert list(DECLARED) == sorted(DECLARED)
    for name, counter in DECLARED.items():
        assert name == counter.name
        assert name.isascii()
        assert name.isidentifier()
        assert counter.help.strip(), name
        assert "{" not in counter.help, name


def test_nothing_is_declared_twice() -> None:
    assert len(list(counters._declared())) == len(DECLARED)


def test_inc_and_get() -> None:
    before = counters.get("store_commit")
    counters.inc("store_commit")
    counters.inc("store_commit", 2)
    assert counters.get("store_commit") == before + 3
    assert counters.get("diam_uar") == 0
