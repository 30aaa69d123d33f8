"""What a log line costs: CPU microseconds for a line that is filtered out, an info line, a SIP dump, a hex dump.

Beside each stands a floor: an f-string of the same text appended to a list. Run as `python -m bench.log`.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import figure
from lteims import trace
from lteims.config.log_options import parse_log_options
from lteims.oam.log import LogFile
from lteims.trace import DEBUG, IMS, INFO, RX, SIP, log

ROUNDS = 5
SIP_BODY = "\r\n".join(
    [
        "Via: SIP/2.0/UDP 192.168.4.2:5060;branch=z9hG4bK1d32hash4;rport",
        "Max-Forwards: 70",
        "From: <sip:001010123456789@ims.mnc001.mcc001.3gppnetwork.org>;tag=7c3a1b2e",
        "To: <sip:001010123456789@ims.mnc001.mcc001.3gppnetwork.org>",
        "Call-ID: 5f3a7c9e1b2d4f60a8c2@192.168.4.2",
        "CSeq: 1 REGISTER",
        "Contact: <sip:001010123456789@192.168.4.2:5060>;+g.3gpp.smsip;+g.3gpp.icsi-ref=mmtel;expires=3600",
        'Authorization: Digest username="001010123456789@ims.mnc001.mcc001.3gppnetwork.org",realm="ims",nonce=""',
        "Supported: path,gruu",
        "P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=0010100010019B01",
        "User-Agent: bench",
        "Content-Length: 0",
        "",
        "",
    ]
)
DATA = bytes(range(256))


def cpu(call: Callable[[], None], count: int) -> float:
    """CPU microseconds of one call, the best of a few rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(count):
            call()
        best = min(best, time.process_time() - start)
    return best / count * 1e6


def main() -> None:
    lines: list[str] = []

    def floor(text: str) -> Callable[[], None]:
        def call() -> None:
            lines.append(f"10:28:09.118 [SIP] FROM 1a2b {text}\n")
            if len(lines) > 100:
                lines.clear()

        return call

    def guarded() -> None:
        if SIP.level >= DEBUG:
            log(SIP, DEBUG, "never")

    with tempfile.TemporaryDirectory() as directory:
        log_file = LogFile("bench.log", directory=directory, options=parse_log_options("all.level=info"))
        log_file.start(_Timer.later)
        trace.set_sink(log_file)
        register = "REGISTER sip:ims.mnc001.mcc001.3gppnetwork.org SIP/2.0"
        _show("filtered out, level tested before the call", cpu(guarded, 200_000), None)
        _show("filtered out inside log()", cpu(lambda: log(SIP, DEBUG, "never"), 200_000), None)
        info = "Registered 001010123456789@ims, expires 3600"
        _show("info line", cpu(lambda: log(IMS, INFO, info, id="1a2b"), 20_000), cpu(floor(info), 20_000))
        log_file.apply(parse_log_options("all.level=debug,all.max_size=256,rx.payload=1"))
        text = register + "\n" + SIP_BODY
        dump = cpu(lambda: log(SIP, DEBUG, register, dir="FROM", id="1a2b", body=SIP_BODY), 20_000)
        _show(f"SIP dump of {len(text)} bytes", dump, cpu(floor(text), 20_000))
        octets = cpu(lambda: log(RX, DEBUG, "Credit-Control-Answer", data=DATA), 5_000)
        _show(f"hex dump of {len(DATA)} bytes", octets, cpu(floor(DATA.hex(" ")), 5_000))
        log_file.close()
        size = sum(path.stat().st_size for path in Path(directory).iterdir())
        print(f"  ({size / 1e6:.0f} MB written to the file meanwhile, ring kept, time included)")


class _Timer:
    """The 50 ms timer never comes here, so the buffer is written each time it is full."""

    def cancel(self) -> None:
        """Nothing to cancel."""

    @staticmethod
    def later(delay: float, call: Callable[[], None]) -> "_Timer":
        return _Timer()


def _show(what: str, cost: float, floor: float | None) -> None:
    if floor is not None:
        figure(f"log: {what}", cost, beside=f"floor {floor:.1f}")
    print(f"  {what:<45} {cost:7.2f} us" + (f"   floor {floor:5.2f} us" if floor is not None else ""))


if __name__ == "__main__":
    print("log: CPU per entry")
    main()
