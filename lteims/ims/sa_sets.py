"""All SA sets of the server, found by phone, by flow and by SPI; installed, timed and removed (TS 33.203 7.4).

security.py decides what is agreed with whom; how long a set lives says ipsec/associations.py; the kernel or user space
holds it (net/ipsec.py).
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from lteims import counters
from lteims.clock import Clock
from lteims.ipsec import associations as life
from lteims.ipsec.associations import Associations, S, SaSet
from lteims.ipsec.errors import NoIpsec
from lteims.ipsec.key_table import key_lines
from lteims.ipsec.sa import Usage
from lteims.net.ipsec import Ipsec, identity
from lteims.net.sip_flow import CLEAR, CLIENT, SERVER, Endpoint, Flow
from lteims.net.timers import Handle, TimerWheel
from lteims.trace import IMS, INFO, SIP, log

MOST_SETS: Final = 100_000
MOST_PHONES: Final = 40  # of one user, or that somebody pretends to be; above, one that has proven nothing goes
MOST_PLACES: Final = 64  # of one phone, by which dialogs may remember it after the sets are gone
_SPI_BITS: Final = 0x3FFF_FFFF
_SPI_BASE: Final = 1_000_000_000  # ten digits, as the grammar of TS 33.203 annex H has them


_Place = tuple[int, str, int]  # one of our endpoints, and the phone's address behind it


class Exhausted(NoIpsec):
    """No port, SPI or room is left for a new set."""


@dataclass(slots=True, eq=False)
class _Phone:
    """One phone: a user at an address."""

    impi: str
    host: str
    life: Associations
    places: dict["_Place", None] = field(default_factory=dict)  # of sets that are gone too, the newest last


@dataclass(frozen=True, slots=True)
class SaView:
    """A set as an operator sees it."""

    set: SaSet
    age: float  # seconds
    left: float  # seconds to the end of its state
    usage: tuple[Usage, ...]  # of its four SAs


class SaSets:
    """The registry."""

    def __init__(
        self, ipsec: Ipsec, endpoints: Sequence[Endpoint], wheel: TimerWheel, clock: Clock,
        octets: Callable[[int], bytes], t1: float,
    ) -> None:  # fmt: skip
        """`endpoints` are all of the stack, the protected ones among them; `t1` is SIP's timer."""
        self._ipsec = ipsec
        self._endpoints = endpoints
        self._wheel = wheel
        self._clock = clock
        self._octets = octets
        self._t1 = t1
        self._of_user: dict[str, dict[str, _Phone]] = {}  # by IMPI, then by host
        self._of_host: dict[str, dict[str, _Phone]] = {}  # by host, then by IMPI
        self._by_flow: dict[_Place, SaSet] = {}
        self._seen: dict[_Place, _Phone] = {}  # old ones too
        self._unproven: OrderedDict[SaSet, None] = OrderedDict()  # that began as temporary ones, the oldest first
        self._spis: set[int] = set()
        self._sets: dict[SaSet, tuple[float, Handle | None]] = {}  # since when, and the timer
        self._server = {e.base: e for e in endpoints if e.side == SERVER}
        self._client = {(e.base, e.bind_port): e for e in endpoints if e.side == CLIENT}
        self._at = {(e.bind_host, e.bind_port): e for e in endpoints if e.side != CLEAR}

    # -- finding
    def by_flow(self, flow: Flow) -> SaSet | None:
        """The set that lives between our endpoint and that address of a phone."""
        return self._by_flow.get((flow.local, flow.host, flow.port))

    def current(self, flow: Flow) -> SaSet | None:
        """The set for requests to the phone that was seen there, by whichever of its sets."""
        phone = self._seen.get((flow.local, flow.host, flow.port))
        return self.by_flow(flow) if phone is None else phone.life.current()

    def user_at(self, flow: Flow) -> str | None:
        """The IMPI of the phone that is seen there, or was."""
        phone = self._seen.get((flow.local, flow.host, flow.port))
        return None if phone is None else phone.impi

    def ways(self, found: SaSet) -> tuple[Endpoint, Endpoint]:
        """Our server port and our client port of a set."""
        host = found.sas[0].dst
        return self._at[host, found.port_ps], self._at[host, found.port_pc]

    def server(self, base: int) -> Endpoint:
        """The server port of a sip_addr."""
        return self._server[base]

    def views(self) -> Iterator[SaView]:
        """All sets, for the operator, phone by phone."""
        now = self._clock()
        for phones in self._of_user.values():
            for phone in phones.values():
                for found in phone.life.sets:
                    usage = self._ipsec.usage(found.sas)
                    four = tuple(usage.get(identity(sa), Usage()) for sa in found.sas)
                    yield SaView(found, now - self._sets[found][0], found.until - now, four)

    def load(self) -> dict[str, int]:
        """What is kept, for metrics and tests."""
        phones = sum(map(len, self._of_user.values()))
        return {"phones": phones, "sets": len(self._sets), "spis": len(self._spis), "flows": len(self._by_flow)}

    # -- numbers for a new set
    def spi(self) -> int:
        """A number that no living set has (RFC 4303 2.1), taken until its set goes or `free_spis`."""
        while True:
            spi = _SPI_BASE + (int.from_bytes(self._octets(4), "big") & _SPI_BITS)
            if spi not in self._spis:
                self._spis.add(spi)
                return spi

    def free_spis(self, *spis: int) -> None:
        """They are not used after all."""
        self._spis.difference_update(spis)

    def client_port(self, flow: Flow, impi: str, port_us: int) -> int:
        """A client port of ours that makes a new pair with a phone's server port. Exhausted where none is left."""
        base = self._endpoints[flow.local].base
        sets = [
            s for phone in self._of_host.get(flow.host, {}).values() for s in phone.life.sets
            if self.ways(s)[0].base == base
            and not (phone.impi == impi and s.state is S.TEMPORARY)  # a new one takes its place
        ]  # fmt: skip
        port = life.free_port([p for b, p in self._client if b == base], sets, flow.host, port_us)
        port = port or self._port_of_closing([s for s in sets if s.impi == impi and s.port_us == port_us], flow)
        if not port:
            raise Exhausted(f"all client ports go with port {port_us} of {flow.host}")
        return port

    def _port_of_closing(self, sets: Sequence[SaSet], flow: Flow) -> int:
        """That of a phone's oldest set which is given up anyway, but for that by which it asks; 0 if there is none."""
        asked_by = self.by_flow(flow)
        oldest = next((s for s in sets if s.state is S.CLOSING and s is not asked_by), None)
        if oldest is None:
            return 0
        self._throw_out(self._phone_of(oldest), oldest, "its phone begins again, and needs our port")
        return oldest.port_pc

    # -- the life of sets
    def begin(self, flow: Flow, new: SaSet) -> None:
        """Install a temporary set for the phone at a flow. NoIpsec says why not; nothing is left then."""
        try:
            self._make_way(new)
            self._make_room()
            phone = self._phone(new)
        except NoIpsec:
            self.free_spis(new.sas[0].spi, new.sas[3].spi)
            raise
        try:
            self._handle(phone, life.Challenged(new))
        except NoIpsec:
            phone.life.sets.remove(new)
            self._forget(new)
            self._drop_idle(phone)
            raise

    def registered(self, found: SaSet, expires: float) -> None:
        """Its phone has proven itself, for `expires` seconds."""
        self._unproven.pop(found, None)
        if found.state is S.TEMPORARY:
            counters.inc("ipsec_established")
            log(IMS, INFO, f"IPsec for {found.impi} established: SA set {found.id:08x}, {found.algorithms}")
        self._handle(self._phone_of(found), life.Registered(found, expires))

    def refused(self, found: SaSet) -> None:
        """Its phone has not."""
        self._handle(self._phone_of(found), life.Refused(found))

    def keep(self, impi: str, hosts: Collection[str]) -> None:
        """Of a user's phones only those at these addresses have a binding; the sets of the others are given up."""
        for phone in list(self._of_user.get(impi, {}).values()):
            if phone.host not in hosts:
                self._handle(phone, life.Left())

    def close(self) -> None:
        """Remove all at once."""
        for _, timer in self._sets.values():
            if timer is not None:
                self._wheel.cancel(timer)
        self._sets.clear()
        self._ipsec.close()

    def _make_way(self, new: SaSet) -> None:
        """Whoever has proven nothing and would be mistaken for a new set goes; an established one stays."""
        for phone in list(self._of_host.get(new.host, {}).values()):
            for other in phone.life.sets.copy():
                if phone.impi == new.impi or not other.collides(new):
                    continue
                if other.state is not S.TEMPORARY:
                    raise NoIpsec(f"{phone.impi} at {new.host} has the same SPIs or ports")
                self._throw_out(phone, other, "another phone offers its SPIs or ports")

    def _make_room(self) -> None:
        """Whoever has proven nothing goes before somebody new is turned away, the oldest first."""
        while len(self._sets) >= MOST_SETS:
            if not self._unproven:
                raise Exhausted(f"there are {MOST_SETS} SA sets")
            oldest, _ = self._unproven.popitem(last=False)
            self._throw_out(self._phone_of(oldest), oldest, "too many phones have not answered")

    def _phone(self, new: SaSet) -> _Phone:
        of_user = self._of_user.setdefault(new.impi, {})
        known = of_user.get(new.host)
        if known is not None:
            return known
        if len(of_user) >= MOST_PHONES:
            idle = next((p for p in of_user.values() if all(s.state is S.TEMPORARY for s in p.life.sets)), None)
            if idle is None:
                raise Exhausted(f"{new.impi} has {MOST_PHONES} phones with SAs")
            for other in idle.life.sets.copy():
                self._throw_out(idle, other, "too many phones of this user have not answered")
        phone = _Phone(new.impi, new.host, Associations(self._t1))
        self._of_user.setdefault(new.impi, {})[new.host] = phone
        self._of_host.setdefault(new.host, {})[new.impi] = phone
        return phone

    def _throw_out(self, phone: _Phone, other: SaSet, why: str) -> None:
        phone.life.sets.remove(other)
        self._remove(phone, other, why)
        self._drop_idle(phone)

    def _phone_of(self, found: SaSet) -> _Phone:
        return self._of_user[found.impi][found.host]

    # -- carrying out
    def _handle(self, phone: _Phone, event: life.Event) -> None:
        for action in phone.life.handle(event, self._clock()):
            match action:
                case life.Install(new):
                    self._install(phone, new)
                case life.Remove(old, why):
                    self._remove(phone, old, why)
                case life.SetTimer(changed, at):
                    self._set_timer(phone, changed, at)
        self._drop_idle(phone)

    def _install(self, phone: _Phone, new: SaSet) -> None:
        self._ipsec.install(new.sas)  # NoIpsec goes to `begin`
        counters.inc("ipsec_set")
        self._sets[new] = (self._clock(), None)
        self._unproven[new] = None
        for place in self._places(new):
            self._by_flow[place] = new
            phone.places.pop(place, None)
            phone.places[place] = None
            self._seen[place] = phone
        while len(phone.places) > MOST_PLACES:
            self._forget_place(phone, next(iter(phone.places)))
        if SIP.key:
            log(SIP, INFO, f"ESP keys of SA set {new.id:08x}, as Wireshark reads them", body=key_lines(new.sas))

    def _remove(self, phone: _Phone, old: SaSet, why: str) -> None:
        self._ipsec.remove(old.sas)
        log(IMS, INFO, f"SA set {old.id:08x} of {old.impi} removed: {why}")
        self._forget(old)

    def _forget(self, old: SaSet) -> None:
        old.state = S.GONE
        self._unproven.pop(old, None)
        self.free_spis(old.sas[0].spi, old.sas[3].spi)
        for place in self._places(old):
            if self._by_flow.get(place) is old:
                del self._by_flow[place]
        _, timer = self._sets.pop(old, (0.0, None))
        if timer is not None:
            self._wheel.cancel(timer)

    def _forget_place(self, phone: _Phone, place: _Place) -> None:
        phone.places.pop(place, None)
        if self._seen.get(place) is phone:
            del self._seen[place]

    def _places(self, found: SaSet) -> tuple[_Place, _Place]:
        """Our server port with the phone's client port, and the other two."""
        server, client = self.ways(found)
        return (server.index, found.host, found.port_uc), (client.index, found.host, found.port_us)

    def _set_timer(self, phone: _Phone, changed: SaSet, at: float) -> None:
        born, timer = self._sets[changed]
        if timer is not None:
            self._wheel.cancel(timer)
        delay = max(0.0, at - self._clock())
        self._sets[changed] = (born, self._wheel.add(delay, self._fired, phone, changed))

    def _fired(self, phone: _Phone, late: SaSet) -> None:
        if late in self._sets:
            self._sets[late] = (self._sets[late][0], None)
        self._handle(phone, life.TimerFired(late))

    def _drop_idle(self, phone: _Phone) -> None:
        """A phone without any set is forgotten."""
        if phone.life.sets or self._of_user.get(phone.impi, {}).get(phone.host) is not phone:
            return
        for table, key, inner in (
            (self._of_user, phone.impi, phone.host),
            (self._of_host, phone.host, phone.impi),
        ):
            del table[key][inner]
            if not table[key]:
                del table[key]
        for place in list(phone.places):
            self._forget_place(phone, place)
