"""SA sets under odd phones and hostile ones (TS 33.203 7.4): what must never be lost, kept, or believed."""

import itertools

import pytest

from lteims.ims import sa_sets
from lteims.ipsec.associations import GRACE, S
from lteims.net.sip_flow import CLIENT, SERVER, Endpoint, Flow
from lteims.sip.errors import SipError
from lteims.sip.message import Response
from tests.unit.ims.conftest import Lines
from tests.unit.ims.registry import Registry, user
from tests.unit.ims.test_security import UE, VERIFY, Edge, offer, request

OTHER = "192.0.2.101"
NOTHING = {"phones": 0, "sets": 0, "spis": 0, "flows": 0}


def edge_with_two_addresses(first: int = 5100) -> Edge:
    """As with two sip_addr: endpoint 1 is the second one, and `first` its first protected port."""
    edge = Edge()
    stack = edge.stack
    stack.endpoints = [Endpoint(0, "192.0.2.100", 5060, "192.0.2.100", 5060), Endpoint(1, OTHER, 5060, OTHER, 5060)]
    for base, port in ((stack.endpoints[0], 5100), (stack.endpoints[1], first)):
        for n in range(5):
            side = CLIENT if n else SERVER
            index = len(stack.endpoints)
            stack.endpoints.append(Endpoint(index, base.host, port, base.host, port + n, side, base.index))
    stack.clear = 2
    numbers = itertools.count(1)
    edge.sets = sa_sets.SaSets(
        edge.driver,  # type: ignore[arg-type]
        stack.endpoints, edge.registry.wheel, edge.registry.time.clock,
        lambda n: next(numbers).to_bytes(n, "big"), 2.0,
    )  # fmt: skip
    edge.security.sets = edge.sets
    return edge


@pytest.mark.parametrize("first", [5100, 5200])
def test_a_phone_goes_to_our_other_address(first: int) -> None:
    """A phone that knows two P-CSCFs tries the next one; its sets there are its newest ones."""
    edge = edge_with_two_addresses(first)
    edge.challenge(offer(), flow=Flow("UDP", 0, UE, 5060))
    was = Flow("UDP", 2, UE, 6000)
    assert edge.security.admits(was)
    edge.security.registered(was, 600)
    edge.challenge(offer(c=21, s=22, uc=6002, us=6003), flow=Flow("UDP", 1, UE, 5060))
    now = Flow("UDP", 7, UE, 6002)
    assert edge.security.admits(now)
    assert edge.security.reply_flow(now) == Flow("UDP", 8, UE, 6003)
    edge.security.registered(now, 600)
    assert edge.security.request_flow(was) == Flow("UDP", 8, UE, 6003)  # a dialog follows
    edge.registry.time.advance(64 * 2.0 + 1)
    assert not edge.security.admits(was)
    assert edge.security.request_flow(was) == edge.security.request_flow(now) == Flow("UDP", 8, UE, 6003)
    edge.security.sets.keep(edge.subscriber().impi, ())
    edge.registry.time.advance(GRACE + 1)
    assert edge.sets.load() == NOTHING
    assert not edge.driver.held


def test_a_phone_that_is_switched_off_and_on_again_and_again() -> None:
    """Sets that are given up have our client ports for a while; none of these is worth a 503."""
    edge = Edge()
    for n in range(12):
        edge.registers(offer(c=21 + 2 * n, s=22 + 2 * n, uc=6100 + 2 * n), uc=6100 + 2 * n)
        assert edge.set_at(uc=6100 + 2 * n).state is S.ESTABLISHED
        edge.leaves()
        edge.registry.time.advance(1)
    edge.registry.time.advance(GRACE)
    assert edge.sets.load() == NOTHING
    assert not edge.driver.held


def test_a_phone_with_a_wrong_key_tries_and_tries() -> None:
    edge = Edge()
    for n in range(12):
        edge.challenge(offer(c=21 + 2 * n, s=22 + 2 * n, uc=6100 + 2 * n))
        edge.security.refused(Flow("UDP", 1, UE, 6100 + 2 * n))
    assert edge.sets.load()["sets"] <= 4
    edge.registry.time.advance(GRACE + 1)
    assert edge.sets.load() == NOTHING


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "SUBSCRIBE", "BYE"])
def test_a_refused_phone_may_do_nothing(method: str) -> None:
    """Its SAs stay for its answer, and for another REGISTER."""
    edge = Edge()
    server = edge.challenge(offer()).headers["security-server"]
    flow = Flow("UDP", 1, UE, 6000)
    edge.security.refused(flow)
    with pytest.raises(SipError) as refused:
        edge.security.check(request(method, VERIFY + server), flow)
    assert refused.value.code == 403


def test_a_phone_that_leaves_may_still_end_its_call() -> None:
    edge = Edge()
    edge.registers(offer())
    edge.leaves()
    edge.security.check(request("BYE"), Flow("UDP", 1, UE, 6000))


def test_a_flood_of_first_registers_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has proven nothing makes room, the oldest first; who has stays."""
    monkeypatch.setattr(sa_sets, "MOST_SETS", 50)
    edge = Edge(users=10)
    edge.registers(offer(), number=10, host="192.0.2.77")
    for n in range(200):
        edge.challenge(offer(), number=1 + n % 8, host=f"198.51.100.{n + 1}")
    assert edge.sets.load()["sets"] == 50
    edge.registers(offer(), number=9)
    assert edge.set_at().state is S.ESTABLISHED
    assert edge.set_at(host="192.0.2.77").state is S.ESTABLISHED
    assert edge.sets.load()["sets"] == 50
    assert len(edge.driver.held) == 200


def test_when_all_have_proven_themselves_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sa_sets, "MOST_SETS", 3)
    edge = Edge(users=5)
    for number in range(1, 4):
        edge.registers(offer(), number=number, host=f"192.0.2.{number}")
    with pytest.raises(SipError) as refused:
        edge.challenge(offer(), number=5, host="192.0.2.5")
    assert refused.value.code == 503
    assert len(edge.driver.held) == 12


def test_a_year_of_new_challenges_fills_no_memory() -> None:
    """The ports of sets that are gone are remembered for dialogs, but not all of them for ever."""
    edge = Edge()
    flow = None
    for n in range(1000):
        uc = 7000 + 2 * n
        edge.registers(offer(c=500 + 2 * n, s=501 + 2 * n, uc=uc, us=uc + 1), uc=uc, flow=flow)
        flow = Flow("UDP", 1, UE, uc)
        edge.registry.time.advance(300)
    assert len(edge.sets._seen) <= sa_sets.MOST_PLACES
    newest = edge.security.request_flow(flow or Flow("UDP", 1, UE, 1))
    assert edge.security.request_flow(Flow("UDP", 1, UE, 7000 + 2 * 995)) == newest
    edge.leaves()
    edge.registry.time.advance(GRACE + 1)
    assert edge.sets.load() == NOTHING
    assert not edge.sets._seen


def test_a_second_401_by_sas_that_are_not_established() -> None:
    """It would have to go by the SAs that it replaces: the phone is refused, hears so, and begins anew."""
    edge = Edge()
    edge.challenge(offer())
    flow = Flow("UDP", 1, UE, 6000)
    with pytest.raises(SipError) as refused:
        edge.challenge(offer(), flow=flow)
    assert refused.value.code == 500
    assert edge.security.admits(flow)
    assert edge.security.reply_flow(flow) == Flow("UDP", 2, UE, 6001)


def test_a_new_challenge_for_the_ports_of_the_sas_that_it_is_asked_by() -> None:
    """An established set is not given up for one that the phone could not hear of."""
    edge = Edge()
    edge.registers(offer())
    flow = Flow("UDP", 1, UE, 6000)
    for again in (offer(c=500, s=501), offer(c=11, s=501, uc=6002), offer(c=500, s=12, uc=6002)):
        with pytest.raises(SipError) as refused:
            edge.challenge(again, flow=flow)
        assert refused.value.code == 500
    assert edge.set_at().state is S.ESTABLISHED
    edge.challenge(offer(c=500, s=501, uc=6002), flow=flow)


@pytest.mark.parametrize("proven", [False, True])
def test_two_phones_at_one_address_with_one_server_port(proven: bool) -> None:
    """Neither hears what is for the other, whichever came last."""
    edge = Edge(users=2)
    edge.registers(offer(), number=1)
    if proven:
        edge.registers(offer(c=21, s=22, uc=6002), number=2, uc=6002)
    else:
        edge.challenge(offer(c=21, s=22, uc=6002), number=2)
    one, two = Flow("UDP", 1, UE, 6000), Flow("UDP", 1, UE, 6002)
    assert (
        edge.security.request_flow(one)
        == edge.security.request_flow(edge.security.home(one))
        == Flow("UDP", 2, UE, 6001)
    )
    assert (
        edge.security.request_flow(two)
        == edge.security.request_flow(edge.security.home(two))
        == Flow("UDP", 3, UE, 6001)
    )


def test_a_401_without_sas_shows_none() -> None:
    """Or the phone would take the SAs that it has for new ones."""
    edge = Edge()
    edge.registers(offer())
    response = Response(401)
    edge.security.mark(Flow("UDP", 1, UE, 6000), response)
    assert "security-server" not in response.headers


@pytest.mark.parametrize("proven", [False, True])
def test_a_registration_by_sas_that_are_given_up(proven: bool) -> None:
    """What is answered 200 has SAs for as long as it lasts."""
    edge = Edge()
    if proven:
        edge.registers(offer())
        edge.leaves()
    else:
        edge.challenge(offer())
        edge.security.refused(Flow("UDP", 1, UE, 6000))
    assert edge.set_at().state is S.CLOSING
    edge.security.registered(Flow("UDP", 1, UE, 6000), 600)
    edge.registry.time.advance(GRACE + 1)
    assert edge.set_at().state is S.ESTABLISHED
    edge.security.check(request("INVITE"), Flow("UDP", 1, UE, 6000))


async def test_a_lifetime_that_is_too_brief_is_told_before_the_401() -> None:
    """423 in answer to what a phone protects by new SAs would be the end of them."""
    registry = Registry(user(pwd="secret"))
    with pytest.raises(SipError) as refused:
        await registry.register("Contact: <sip:1@192.0.2.1>;expires=30")
    assert refused.value.code == 423
    assert registry.challenges.outstanding() == 0


def test_a_phone_that_did_not_hear_the_200_goes_on_by_its_old_sas() -> None:
    """TS 33.203 7.4.1a: requests to it go where it is heard, and it may register again from there."""
    edge = Edge()
    edge.registers(offer())
    old = Flow("UDP", 1, UE, 6000)
    edge.challenge(offer(c=21, s=22, uc=6002), flow=old)
    edge.security.registered(Flow("UDP", 1, UE, 6002), 600)  # a 200 that is lost
    assert edge.set_at().state is S.OLD
    proves = edge.security.integrity(old)
    assert proves is not None
    assert proves.established
    edge.challenge(offer(c=31, s=32, uc=6004), flow=old)
    edge.security.registered(Flow("UDP", 1, UE, 6004), 600)
    assert edge.security.request_flow(old) == edge.security.home(Flow("UDP", 1, UE, 6004))


@pytest.mark.parametrize(
    ("via", "warned"),
    [("192.0.2.1:5060", False), ("10.0.0.7:5060", True), ("[2001:db8::7]:5060", True), ("phone.invalid", False)],
)
def test_nat_is_named(lines: Lines, via: str, warned: bool) -> None:
    edge = Edge()
    edge.challenge(offer(), f"Via: SIP/2.0/UDP {via};branch=z9hG4bK1")
    assert bool(lines.at("will fail: its Via names")) is warned
