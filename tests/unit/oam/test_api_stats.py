"""stats: differences, what is an error, the load."""

from lteims import counters
from lteims.counters import Kind
from lteims.oam.api_stats import Sampling


def test_reset_on_read() -> None:
    counters.counts.clear()
    counters.inc("sip_register", 5)
    clock, cpu = [0.0], [0.0]
    sampling = Sampling(lambda: clock[0], lambda: cpu[0], 0xAB12)
    clock[0], cpu[0] = 2.0, 0.5
    counters.inc("sip_unauthorized", 2)
    first = sampling.sample()
    assert first["counters"] == {"messages": {"sip_register": 5}, "errors": {"sip_unauthorized": 2}}
    assert first["cpu"] == {"global": 25.0}
    assert first["instance_id"] == 0xAB12
    counters.inc("sip_register")
    assert sampling.sample()["counters"] == {"messages": {"sip_register": 1}, "errors": {}}
    assert sampling.sample()["counters"] == {"messages": {}, "errors": {}}


def test_the_declaration_says_what_is_an_error() -> None:
    counters.counts.clear()
    sampling = Sampling(lambda: 0.0, lambda: 0.0, 0xAB12)
    for name in reversed(counters.DECLARED):
        counters.inc(name)
    found = sampling.sample()["counters"]
    for member, kind in (("messages", Kind.MESSAGE), ("errors", Kind.ERROR)):
        assert list(found[member]) == [name for name, counter in counters.DECLARED.items() if counter.kind is kind]
    counters.inc("sms_refused")
    assert sampling.sample()["counters"] == {"messages": {}, "errors": {"sms_refused": 1}}


def test_kinds() -> None:
    for name in ("sip_not_found", "sip_malformed", "store_error", "log_lost", "sms_refused", "sip_busy_here"):
        assert counters.DECLARED[name].kind is Kind.ERROR, name
    for name in ("sip_ok", "sip_register", "rtp_recv", "sip_ringing", "sms_mt", "store_commit", "diam_cer"):
        assert counters.DECLARED[name].kind is Kind.MESSAGE, name
