"""What the P-CSCF agrees with phones (RFC 3329, TS 24.229 5.2.2.2), over a driver that only remembers what it holds."""

import itertools
from collections.abc import Sequence

import msgspec
import pytest

from lteims import counters
from lteims.aka.algorithm import Quintuple
from lteims.config import ImsConfig
from lteims.ims.binding import Binding
from lteims.ims.challenge import Challenge
from lteims.ims.hss import AuthVector
from lteims.ims.sa_sets import MOST_PHONES, SaSets
from lteims.ims.scscf import Unauthorized
from lteims.ims.security import Security
from lteims.ims.subscribers import Subscriber
from lteims.ipsec.associations import GRACE, TEMPORARY_TIME, S, SaSet
from lteims.ipsec.errors import NoIpsec
from lteims.ipsec.sa import Aalg, Ealg, Sa, Usage
from lteims.net.ipsec import Identity, identity
from lteims.net.sip_flow import CLEAR, CLIENT, SERVER, Endpoint, Flow
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response, parse
from tests.unit.ims.conftest import Lines
from tests.unit.ims.registry import EPOCH, Registry, user

US, UE = "192.0.2.100", "192.0.2.1"
VECTOR = AuthVector("AKAv1-MD5", b"", Quintuple(bytes(16), bytes(16), bytes(8), bytes(range(16)), bytes(16), bytes(6)))
OFFER = "ipsec-3gpp;alg={alg};ealg={ealg};prot=esp;mod=trans;spi-c={c};spi-s={s};port-c={uc};port-s={us}"
SEC_AGREE = "Require: sec-agree"


class Holder:
    """A driver that installs into a dict."""

    name = "memory"
    tcp = True
    aalgs = (Aalg.HMAC_SHA1_96, Aalg.HMAC_MD5_96)
    ealgs = (Ealg.AES_CBC, Ealg.NULL)

    def __init__(self) -> None:
        self.held: dict[Identity, Sa] = {}
        self.refuses = ""

    def install(self, sas: Sequence[Sa]) -> None:
        if self.refuses:
            raise NoIpsec(self.refuses)
        for sa in sas:
            assert identity(sa) not in self.held, "two SAs for one packet"
            self.held[identity(sa)] = sa

    def remove(self, sas: Sequence[Sa]) -> None:
        for sa in sas:
            self.held.pop(identity(sa), None)

    def usage(self, sas: Sequence[Sa]) -> dict[Identity, Usage]:
        return {identity(sa): Usage(1) for sa in sas if identity(sa) in self.held}

    def close(self) -> None:
        self.held.clear()


class Stack:
    """What Security asks of the SIP stack."""

    def __init__(self) -> None:
        self.endpoints = [Endpoint(0, US, 5060, US, 5060)]
        for index, port in enumerate(range(5100, 5105), 1):
            self.endpoints.append(Endpoint(index, US, 5100, US, port, CLIENT if index > 1 else SERVER, 0))
        self.clear = 1
        self.streams: set[Flow] = set()

    def has_stream(self, flow: Flow) -> bool:
        return flow in self.streams


class Edge:
    """A P-CSCF with one or more users, and the phones before it."""

    def __init__(self, *, users: int = 1, config: ImsConfig | None = None) -> None:
        self.registry = Registry(*(user(f"{n:015}") for n in range(1, users + 1)), config=config)
        self.driver = Holder()
        self.stack = Stack()
        numbers = itertools.count(1)
        self.sets = SaSets(
            self.driver,  # type: ignore[arg-type]
            self.stack.endpoints, self.registry.wheel, self.registry.time.clock,
            lambda n: next(numbers).to_bytes(n, "big"), 2.0,
        )  # fmt: skip
        self.security = Security(
            self.registry.config,
            self.stack,  # type: ignore[arg-type]
            self.sets,
            self.driver,  # type: ignore[arg-type]
            self.registry.subscribers,
            tcp=True,
        )
        self._nonces = itertools.count()

    def subscriber(self, number: int = 1) -> Subscriber:
        found = self.registry.subscribers.by_impi(f"{number:015}")
        assert found is not None
        return found

    def challenge(
        self, *headers: str, number: int = 1, host: str = UE, flow: Flow | None = None, vector: AuthVector = VECTOR
    ) -> Unauthorized:
        """The 401 to a REGISTER with these headers."""
        impi = self.subscriber(number).impi
        challenge = Challenge(f"nonce{next(self._nonces)}", impi, "ims", vector, 0.0, True, True)
        refusal = Unauthorized("Digest", "", challenge)
        self.security.challenge(request("REGISTER", *headers), flow or Flow("UDP", 0, host, 5060), refusal)
        return refusal

    def set_at(self, host: str = UE, uc: int = 6000) -> SaSet:
        found = self.sets.by_flow(Flow("UDP", 1, host, uc))
        assert found is not None
        return found

    def registers(
        self, offer: str, *, number: int = 1, host: str = UE, uc: int = 6000, flow: Flow | None = None
    ) -> None:
        """A whole registration, or the next one."""
        self.challenge(offer, number=number, host=host, flow=flow)
        protected = Flow("UDP", 1, host, uc)
        self.security.registered(protected, 600)
        subscriber = self.subscriber(number)
        known = [b for b in subscriber.bindings if b.flow.host == host]
        self.registry.subscribers.bind(
            subscriber,
            Binding(
                known[0].id if known else self.registry.subscribers.new_binding_id(), subscriber.impi,
                f"sip:ue@{host}:6001", {}, 1.0, EPOCH + self.registry.time.now + 600, "c", 1,
                self.security.home(protected), "", protected=True,
            ),
        )  # fmt: skip

    def leaves(self, number: int = 1) -> None:
        subscriber = self.subscriber(number)
        for binding in subscriber.bindings:
            self.registry.subscribers.unbind(subscriber, binding, "unregistered")


def request(method: str, *headers: str) -> Request:
    text = f"{method} sip:ims SIP/2.0\r\n" + "".join(f"{line}\r\n" for line in headers) + "\r\n"
    found = parse(text.encode())
    assert isinstance(found, Request)
    return found


def offer(
    *, alg: str = "hmac-sha-1-96", ealg: str = "aes-cbc", c: int = 11, s: int = 12, uc: int = 6000, us: int = 6001
) -> str:  # fmt: skip
    lines = {"c": max(c, 300 + c), "s": max(s, 300 + s), "uc": uc, "us": us}
    return "Security-Client: " + OFFER.format(alg=alg, ealg=ealg, **lines)


def test_a_401_begins_four_temporary_sas(lines: Lines) -> None:
    edge = Edge()
    refusal = edge.challenge(offer(), SEC_AGREE)
    server = refusal.headers["security-server"]
    assert server.startswith("ipsec-3gpp;")
    assert "alg=hmac-sha-1-96" in server
    assert "port-s=5100" in server
    assert "port-c=5101" in server
    assert refusal.challenge.protected
    assert len(edge.driver.held) == 4
    assert edge.set_at().state is S.TEMPORARY
    assert edge.set_at() is edge.sets.by_flow(Flow("UDP", 2, UE, 6001))
    assert lines.at("offered hmac-sha-1-96/aes-cbc; chosen")


def test_where_messages_go() -> None:
    """TS 33.203 7.1: from our client port to the phone's server port over UDP; over TCP on a stream that stands."""
    edge = Edge()
    edge.registers(offer())
    up, down = Flow("UDP", 1, UE, 6000), Flow("UDP", 2, UE, 6001)
    assert edge.security.admits(up)
    assert not edge.security.admits(Flow("UDP", 1, UE, 6002))
    assert not edge.security.admits(Flow("UDP", 1, "192.0.2.9", 6000))
    assert edge.security.reply_flow(up) == edge.security.request_flow(up) == edge.security.home(up) == down
    ours, theirs = Flow("TCP", 2, UE, 6001), Flow("TCP", 1, UE, 6000)
    assert edge.security.stream_flow(up) == ours  # to be opened
    edge.stack.streams.add(theirs)
    assert edge.security.stream_flow(up) == edge.security.request_flow(theirs) == theirs
    edge.stack.streams.add(ours)
    assert edge.security.stream_flow(up) == ours


def test_requests_follow_the_phone_to_its_newest_set() -> None:
    edge = Edge()
    edge.registers(offer())
    old = Flow("UDP", 1, UE, 6000)
    edge.registers(offer(c=21, s=22, uc=6002), uc=6002, flow=old)
    assert edge.set_at().state is S.OLD
    assert edge.security.request_flow(old) == Flow("UDP", 3, UE, 6001)
    assert edge.security.reply_flow(old) == Flow("UDP", 2, UE, 6001)  # an answer goes by the set of its request
    edge.registry.time.advance(64 * 2.0 + 1)
    assert not edge.security.admits(old)
    assert edge.security.request_flow(old) == Flow("UDP", 3, UE, 6001)  # a dialog may remember it
    assert len(edge.driver.held) == 4


@pytest.mark.parametrize(
    ("headers", "vector", "code"),
    [
        ((), VECTOR, 0),
        (("Supported: sec-agree",), VECTOR, 0),
        ((SEC_AGREE,), VECTOR, 494),
        (("Proxy-Require: Sec-Agree",), VECTOR, 494),
        ((offer(alg="hmac-sha-256-128"),), VECTOR, 0),
        ((offer(alg="hmac-sha-256-128"), SEC_AGREE), VECTOR, 494),
        (("Security-Client: tls;q=0.1", SEC_AGREE), VECTOR, 494),
        ((offer(),), AuthVector("MD5", b"secret"), 0),
        ((offer(), SEC_AGREE), AuthVector("MD5", b"secret"), 494),
        ((offer(uc=5060),), VECTOR, 0),
        (("Security-Client: ;;;", SEC_AGREE), VECTOR, 494),
    ],
)
def test_what_cannot_be_agreed(headers: tuple[str, ...], vector: AuthVector, code: int) -> None:
    edge = Edge()
    if code:
        with pytest.raises(SipError) as refused:
            edge.challenge(*headers, vector=vector)
        assert refused.value.code == code
        assert "alg=hmac-sha-1-96;ealg=aes-cbc" in refused.value.headers["security-server"]
        assert refused.value.headers["require"] == "sec-agree"
    else:
        assert "security-server" not in edge.challenge(*headers, vector=vector).headers
    assert not edge.driver.held
    assert edge.sets.load() == {"phones": 0, "sets": 0, "spis": 0, "flows": 0}


def test_the_operator_decides_what_is_taken(lines: Lines) -> None:
    edge = Edge(config=ImsConfig(ipsec_aalg_list=("hmac-md5-96", "aes-gmac"), ipsec_ealg_list=("null",)))
    assert lines.at("ipsec_aalg_list: this machine cannot do aes-gmac")
    assert lines.at("IPsec: offered to phones, the best first: hmac-md5-96 with null")
    many = ", ".join(OFFER.format(alg=a, ealg=e, c=300, s=301, uc=6000, us=6001)
                     for a in ("hmac-sha-1-96", "hmac-md5-96") for e in ("aes-cbc", "null"))  # fmt: skip
    server = edge.challenge(f"Security-Client: {many}").headers["security-server"]
    assert "alg=hmac-md5-96;ealg=null" in server


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ((), 421),
        (("Supported: sec-agree, path",), 494),
        ((SEC_AGREE,), 494),
        ((offer(alg="hmac-sha-256-128"),), 494),
    ],
)
def test_an_operator_who_requires_it(headers: tuple[str, ...], code: int) -> None:
    edge = Edge(config=ImsConfig(ipsec_required=True))
    with pytest.raises(SipError) as refused:
        edge.challenge(*headers)
    assert refused.value.code == code
    assert refused.value.headers["require"] == "sec-agree"
    assert ("security-server" in refused.value.headers) is (code == 494)
    edge.challenge(vector=AuthVector("MD5", b"secret"))  # a softphone has no keys for it
    edge.registers(offer())
    edge.challenge(flow=Flow("UDP", 1, UE, 6000))  # who comes by SAs need not bring new ones


VERIFY = "Security-Verify: "


def test_security_verify() -> None:
    edge = Edge()
    server = edge.challenge(offer()).headers["security-server"]
    flow = Flow("UDP", 1, UE, 6000)
    edge.security.check(request("REGISTER", VERIFY + server, offer()), flow)
    for wrong in (
        request("REGISTER", offer()),
        request("REGISTER", VERIFY + server.replace("hmac-sha-1-96", "null"), offer()),
        request("REGISTER", VERIFY + server),
        request("REGISTER", VERIFY + server, offer(ealg="null")),
    ):
        with pytest.raises(SipError) as refused:
            edge.security.check(wrong, flow)
        assert refused.value.code == 494
        assert refused.value.headers["security-server"] == server
    with pytest.raises(SipError) as refused:  # TS 33.203 7.4.1: a temporary set is for REGISTER
        edge.security.check(request("INVITE", VERIFY + server), flow)
    assert refused.value.code == 403
    edge.security.registered(flow, 600)
    edge.security.check(request("MESSAGE", VERIFY + server), flow)
    edge.security.check(request("MESSAGE"), flow)  # some phones send it in REGISTER alone
    edge.security.check(request("REGISTER", VERIFY + server, offer(c=77)), flow)  # new numbers for the next set
    with pytest.raises(SipError):
        edge.security.check(request("BYE", VERIFY + server + "1"), flow)
    edge.security.check(request("ACK", VERIFY + server + "1"), flow)  # nothing answers an ACK


def test_what_an_sa_proves() -> None:
    edge = Edge()
    assert edge.security.integrity(Flow("UDP", 0, UE, 5060)) is None
    edge.challenge(offer())
    flow = Flow("UDP", 1, UE, 6000)
    found = edge.security.integrity(flow)
    assert found is not None
    assert (found.impi, found.nonce, found.established) == (edge.subscriber().impi, "nonce0", False)
    edge.security.registered(flow, 60)
    found = edge.security.integrity(flow)
    assert found is not None
    assert found.established
    with pytest.raises(SipError):
        edge.security.integrity(Flow("UDP", 1, UE, 6009))


def test_answers_by_an_sa_say_so() -> None:
    edge = Edge()
    server = edge.challenge(offer()).headers["security-server"]
    answer = Response(200)
    edge.security.mark(Flow("UDP", 1, UE, 6000), answer)
    assert answer.headers["supported"] == ["sec-agree"]
    assert answer.headers["security-server"] == [server]


def test_a_phone_that_never_answers_the_401(lines: Lines) -> None:
    edge = Edge()
    edge.challenge(offer())
    edge.registry.time.advance(TEMPORARY_TIME + 1)
    assert not edge.driver.held
    assert edge.sets.load() == {"phones": 0, "sets": 0, "spis": 0, "flows": 0}
    assert lines.at("the phone never answered the 401")


def test_the_kernel_refuses(lines: Lines) -> None:
    edge = Edge()
    edge.registers(offer())
    edge.driver.refuses = "no NET_ADMIN"
    with pytest.raises(SipError) as refused:
        edge.challenge(offer(c=21, s=22, uc=6002), flow=Flow("UDP", 1, UE, 6000))
    assert refused.value.code == 503
    assert lines.at("no NET_ADMIN")
    assert edge.set_at().state is S.ESTABLISHED  # the set in use stays
    assert edge.sets.load() == {"phones": 1, "sets": 1, "spis": 2, "flows": 2}


def test_ports_used_up() -> None:
    """Four client ports; phones behind one address with one server port need one each."""
    edge = Edge(users=5)
    for number in range(1, 5):
        edge.registers(
            offer(c=10 * number, s=10 * number + 1, uc=6000 + 2 * number), number=number, uc=6000 + 2 * number
        )
    before = edge.sets.load()
    with pytest.raises(SipError) as refused:
        edge.challenge(offer(c=100, s=101, uc=7000), number=5)
    assert refused.value.code == 503
    assert "retry-after" in refused.value.headers
    assert edge.sets.load() == before
    edge.challenge(offer(c=100, s=101, uc=7000, us=7001), number=5)


def test_two_phones_with_the_same_numbers_at_one_address() -> None:
    edge = Edge(users=3)
    edge.challenge(offer(), number=1)
    edge.registers(offer(), number=2)  # the first has proven nothing
    assert edge.set_at().impi == edge.subscriber(2).impi
    assert len(edge.driver.held) == 4
    with pytest.raises(SipError) as refused:  # the second has
        edge.challenge(offer(), number=3)
    assert refused.value.code == 503
    assert edge.set_at().impi == edge.subscriber(2).impi


def test_a_restarted_phone_with_the_same_numbers() -> None:
    edge = Edge()
    edge.registers(offer())
    first = edge.set_at()
    edge.registers(offer())
    assert first.state is S.GONE
    assert edge.set_at().state is S.ESTABLISHED
    assert len(edge.driver.held) == 4


def test_the_sas_go_after_the_last_answer() -> None:
    edge = Edge()
    edge.registers(offer())
    edge.leaves()
    assert edge.security.reply_flow(Flow("UDP", 1, UE, 6000)) == Flow("UDP", 2, UE, 6001)
    edge.registry.time.advance(GRACE + 1)
    assert not edge.driver.held


def test_an_expired_registration_takes_its_sas_along() -> None:
    edge = Edge()
    edge.registers(offer())
    edge.registry.time.advance(600 + GRACE + 1)
    assert edge.sets.load()["sets"] == 0
    assert not edge.driver.held


def test_a_phone_that_comes_again_in_clear_or_elsewhere_gives_its_sas_up() -> None:
    edge = Edge()
    edge.registers(offer())
    (old,) = edge.subscriber().bindings
    moved = msgspec.structs.replace(old, flow=Flow("UDP", 0, "198.51.100.7", 5060), protected=False)
    edge.registry.subscribers.bind(edge.subscriber(), moved)
    assert edge.set_at().state is S.CLOSING


def test_addresses_that_somebody_makes_up() -> None:
    edge = Edge()
    edge.registers(offer())
    for n in range(3 * MOST_PHONES):
        edge.challenge(offer(), host=f"198.51.100.{n + 1}")
    assert edge.sets.load()["phones"] == MOST_PHONES
    assert edge.set_at().state is S.ESTABLISHED


def test_a_thousand_phones_come_again_three_times_and_leave_nothing() -> None:
    edge = Edge(users=1000)
    seen: set[int] = set()
    for turn in range(4):
        for number in range(1, 1001):
            host = f"10.0.{number >> 8}.{number & 255}"
            uc = 6000 + 2 * turn
            flow = Flow("UDP", 1, host, uc - 2) if turn else None
            edge.registers(offer(c=500 + 2 * turn, s=501 + 2 * turn, uc=uc), number=number, host=host, uc=uc, flow=flow)
            found = edge.set_at(host, uc)
            seen |= {found.sas[0].spi, found.sas[3].spi}
    assert len(seen) == 4 * 1000 * 2  # no SPI twice
    assert len(edge.driver.held) == 2 * 1000 * 4  # established, and old
    for number in range(1, 1001):
        edge.leaves(number)
    edge.registry.time.advance(GRACE + 1)
    assert not edge.driver.held
    assert edge.sets.load() == {"phones": 0, "sets": 0, "spis": 0, "flows": 0}


def test_views_and_the_end() -> None:
    edge = Edge()
    edge.registers(offer())
    (view,) = edge.sets.views()
    assert [usage.packets for usage in view.usage] == [1, 1, 1, 1]
    edge.sets.close()
    assert not edge.driver.held


def test_what_is_counted() -> None:
    names = ("ipsec_set", "ipsec_established", "ipsec_not_agreed", "ipsec_verify_failed", "ipsec_exhausted")
    before = [counters.get(name) for name in names]
    edge = Edge()
    edge.registers(offer())
    edge.challenge(offer(alg="aes-gmac"))
    assert [counters.get(name) - was for name, was in zip(names, before, strict=True)] == [1, 1, 1, 0, 0]


def test_endpoints_have_sides() -> None:
    edge = Edge()
    assert [e.side for e in edge.stack.endpoints] == [CLEAR, SERVER, CLIENT, CLIENT, CLIENT, CLIENT]
    assert {e.sent_by for e in edge.stack.endpoints[1:]} == {f"{US}:5100"}
