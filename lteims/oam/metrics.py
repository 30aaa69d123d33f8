"""Everything that Prometheus is shown (metrics_addr), by its conventions for names and units; no label without a bound.

Gathered from plain values in the event loop, a few hundred microseconds; metrics_http.py writes it out in a thread.
"""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product
from typing import Final, NamedTuple

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lteims import __version__, counters
from lteims.ims.calls import Calls
from lteims.ims.record import DialogState, DialogType
from lteims.ims.subscribers import Subscribers
from lteims.net.sip import SipStack
from lteims.oam.metrics_families import counter_families
from lteims.oam.metrics_watch import SETUP, CallWatch, Contacts, Histogram, LoopLag, Refusals, type_label

MOST_PEERS: Final = 64  # that are shown of one interface
GAUGES: Final = {
    "sms_queue_length": "Short messages that wait",
    "mms_queue_length": "Multimedia messages kept",
    "sa_sets": "SA sets of phones",
    "api_clients": "Clients of the remote API",
    "rtp_streams": "Media streams",
}
# Shown at zero before the first one comes: Prometheus sees no step in a series that begins with 1.
USUAL_ENDS: Final = ("200", "none", "404", "408", "480", "486", "487", "488", "500", "503", "504", "580", "603")
REFUSED: Final = ("REGISTER", "INVITE", "MESSAGE", "SUBSCRIBE")
USUAL_REFUSALS: Final = ("400", "403", "404", "420", "421", "480", "488", "494", "500", "503", "504")
STATES: Final = tuple(state for state in DialogState if state is not DialogState.STOP)


class Peer(NamedTuple):
    """A peer of the network's core: an MME, an HSS, a PCRF."""

    interface: str  # sgs, cx, rx
    name: str
    up: bool


class Metrics:
    """All families."""

    def __init__(
        self, stack: SipStack, subscribers: Subscribers, calls: Calls, settle: Callable[[], None], build: str
    ) -> None:
        """Listens from now on. `settle` brings the counters up to date; `build` is the kind of installation."""
        loop = stack.loop
        self._stack = stack
        self._subscribers = subscribers
        self._calls = calls
        self._settle = settle
        self._contacts = Contacts(subscribers)
        self._ends = CallWatch(loop.time)
        calls.listeners.append(self._ends.on_call)
        self.refusals = Refusals()
        self.registration = Histogram(
            "lteims_registration_seconds", "Time from the challenge of a REGISTER to its right answer", SETUP
        )
        self.lag = LoopLag(loop.time, loop.call_at)
        self._gauges: dict[str, Callable[[], float]] = {}
        self._peers: list[Callable[[], Iterable[Peer]]] = []
        self._process: Collector = ProcessCollector(registry=None)
        self._build = _build(build)

    def add_gauge(self, name: str, value: Callable[[], float] | None) -> None:
        """Show one more number of GAUGES; 0 where there is nothing to ask."""
        self._gauges[name] = value or float

    def add_peers(self, peers: Callable[[], Iterable[Peer]]) -> None:
        """Show the peers of one more interface, 64 at the most."""
        self._peers.append(peers)

    def gather(self) -> "Snapshot":
        """All numbers as they are now; called in the event loop."""
        self._settle()
        found: list[Metric] = [self._build, *self._users(), *self._load(), self._dialogs()]
        found += [_gauge(f"lteims_{name}", GAUGES[name], value()) for name, value in self._gauges.items()]
        found.append(self._up())
        found += [h.family() for h in (self.registration, self._ends.setup, self._ends.answer, self.lag.histogram)]
        ended = "Calls ended, by type and by the final response to the INVITE"
        results = dict.fromkeys(product(map(type_label, DialogType), USUAL_ENDS), 0) | self._ends.results
        found.append(_counted("lteims_call_results", ended, ("type", "code"), results))
        refused = "SIP requests that the server itself has refused"
        refusals = dict.fromkeys(product(REFUSED, USUAL_REFUSALS), 0) | self.refusals.counts
        found.append(_counted("lteims_refused_requests", refused, ("method", "code"), refusals))
        found += counter_families(counters.counts)
        return Snapshot(found, self._process)

    def _users(self) -> Iterator[Metric]:
        yield _gauge("lteims_subscribers", "Users that the server knows", sum(1 for _ in self._subscribers))
        yield _gauge("lteims_registered_users", "Users with a registered contact", self._contacts.users())
        family = GaugeMetricFamily("lteims_bindings", "Registered contacts", labels=("transport", "security"))
        for kind, count in self._contacts.kinds().items():
            family.add_metric(kind, count)
        yield family

    def _load(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("lteims_sip_transactions", "SIP transactions that live", labels=("side",))
        for side, count in self._stack.load().items():
            family.add_metric((side,), count)
        yield family
        yield _gauge("lteims_calls", "Calls that there are", sum(1 for _ in self._calls))

    def _dialogs(self) -> Metric:
        counts = Counter((r.type, r.state) for r in self._calls.records)
        family = GaugeMetricFamily("lteims_dialogs", "SIP dialogs of calls", labels=("type", "state"))
        for type in DialogType:
            for state in STATES:
                family.add_metric((type_label(type), state.value), counts[type, state])
        return family

    def _up(self) -> Metric:
        family = GaugeMetricFamily(
            "lteims_peer_up", "Is a peer of the core network connected?", labels=("interface", "peer")
        )
        for peers in self._peers:
            shown = {(peer.interface, peer.name): peer.up for peer in islice(peers(), MOST_PEERS)}
            for labels, up in shown.items():
                family.add_metric(labels, float(up))
        return family


class Snapshot(Collector):
    """The families of one moment, and those of the process, which are read as they are written."""

    def __init__(self, families: list[Metric], process: Collector) -> None:
        self._families = families
        self._process = process

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield from self._families
        yield from self._process.collect()


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counted(name: str, text: str, labels: tuple[str, str], counts: dict[tuple[str, str], int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _build(kind: str) -> Metric:
    labels = ("version", "build", "python")
    family = GaugeMetricFamily("lteims_build_info", "1, with the version as a label", labels=labels)
    family.add_metric((__version__, kind.split()[0], platform.python_version()), 1)
    return family
