"""stats: differences, what is an error, the load."""

from lteims import counters
from lteims.oam.api_stats import Sampling, is_error


def test_reset_on_read() -> None:
    counters.counts.clear()
    counters.inc("sip_register", 5)
    clock, cpu = [0.0], [0.0]
    sampling = Sampling(lambda: clock[0], lambda: cpu[0], "ab12")
    clock[0], cpu[0] = 2.0, 0.5
    counters.inc("sip_unauthorized", 2)
    first = sampling.sample()
    assert first["counters"] == {"messages": {"sip_register": 5}, "errors": {"sip_unauthorized": 2}}
    assert first["cpu"] == {"global": 25.0}
    assert first["instance_id"] == "ab12"
    counters.inc("sip_register")
    assert sampling.sample()["counters"] == {"messages": {"sip_register": 1}, "errors": {}}
    assert sampling.sample()["counters"] == {"messages": {}, "errors": {}}


def test_errors() -> None:
    for name in ("sip_not_found", "sip_malformed", "store_error", "log_lost", "sms_refused", "sip_busy_here"):
        assert is_error(name), name
    for name in ("sip_ok", "sip_register", "rtp_recv", "sip_ringing", "sms_mt", "store_commit"):
        assert not is_error(name), name
