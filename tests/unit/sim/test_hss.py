"""The simulated HSS by itself: what it answers, what it finds wrong, and what it does at a word (TS 29.228 annex A)."""

import asyncio
from typing import Any

import pytest

from lteims.aka.algorithm import new_algorithm
from lteims.config import ImpuConfig, SimAlgo, UserConfig
from lteims.diameter.command import SUCCESS, Node, Plain, Result
from lteims.diameter.cx import CxResult, Lir, Mar, Ppr, Rtr, Sar, Uar
from lteims.diameter.cx_attributes import ReasonCode, ServerAssignmentType, UserAuthorizationType
from lteims.diameter.cx_auth import AkaVector, AuthRequest, DigestVector, Scheme
from lteims.diameter.errors import DiameterError, NoAnswer
from lteims.diameter.user_data import UserData
from lteims.sim.diameter_command import carry_out
from lteims.sim.hss import Hss
from lteims.sim.hss_command import words

DOMAIN, SERVER = "ims.example.org", "sip:s-cscf.example.org"
US = Node("ims.example.org", "example.org")
K = bytes(range(16))
CARD, SOFT = "001010000000001", "001010000000002"
IMPI, IMPU, TEL = f"{CARD}@{DOMAIN}", f"sip:{CARD}@{DOMAIN}", "tel:+4911"
T = ServerAssignmentType


@pytest.fixture
def hss() -> Hss:
    card = UserConfig(
        imsi=CARD, impu=(ImpuConfig(CARD, display_name="Ada"), ImpuConfig(TEL)), sim_algo=SimAlgo.XOR, k=K
    )
    return Hss.of([card, UserConfig(imsi=SOFT, impu=(ImpuConfig(SOFT),), pwd="secret")], DOMAIN)


async def ask(hss: Hss, request: Any) -> Any:
    return await hss.serve(request, "session", US)


def uar(impi: str = IMPI, impu: str = IMPU, **more: Any) -> Uar:
    return Uar(impi, impu, b"visited", **more)


def mar(scheme: Scheme = Scheme.AKAV1_MD5, *, resync: bytes = b"", count: int = 1, user: str = CARD) -> Mar:
    return Mar(f"{user}@{DOMAIN}", f"sip:{user}@{DOMAIN}", AuthRequest(scheme, resync), SERVER, count)


def sar(kind: ServerAssignmentType, *, known: bool = False) -> Sar:
    return Sar(IMPI, (IMPU,), SERVER, kind, known)


async def test_a_life(hss: Hss) -> None:
    assert (await ask(hss, uar())).result == CxResult.FIRST_REGISTRATION.result
    assert (await ask(hss, Lir(TEL))).result == CxResult.ERROR_IDENTITY_NOT_REGISTERED.result
    leaving = uar(type=UserAuthorizationType.DE_REGISTRATION)
    assert (await ask(hss, leaving)).result == CxResult.ERROR_IDENTITY_NOT_REGISTERED.result
    maa = await ask(hss, mar(count=2))
    assert len(maa.vectors) == 2
    saa = await ask(hss, sar(T.REGISTRATION))
    data = UserData.parse(saa.user_data)
    assert [(each.identity, each.display_name) for each in data.identities] == [(IMPU, "Ada"), (TEL, "")]
    assert (await ask(hss, uar())).name == SERVER
    assert (await ask(hss, Lir(TEL))).name == SERVER
    assert (await ask(hss, sar(T.RE_REGISTRATION, known=True))).user_data == b""
    assert (await ask(hss, leaving)).result == CxResult.SUBSEQUENT_REGISTRATION.result
    assert (await ask(hss, sar(T.USER_DEREGISTRATION_STORE_SERVER_NAME))).result == SUCCESS
    assert hss.users[IMPI].server == SERVER
    hss.users[IMPI].registered = True
    assert (await ask(hss, sar(T.USER_DEREGISTRATION))).result == SUCCESS
    assert hss.users[IMPI].server == ""
    assert hss.faults == []


@pytest.mark.parametrize(
    ("request_", "result"),
    [
        (uar("nobody@x"), CxResult.ERROR_USER_UNKNOWN),
        (uar(impu="tel:+1"), CxResult.ERROR_USER_UNKNOWN),
        (uar(impu=f"sip:{SOFT}@{DOMAIN}"), CxResult.ERROR_IDENTITIES_DONT_MATCH),
        (mar(Scheme.DIGEST), CxResult.ERROR_AUTH_SCHEME_NOT_SUPPORTED),
        (mar(Scheme.AKAV1_MD5, user=SOFT), CxResult.ERROR_AUTH_SCHEME_NOT_SUPPORTED),
        (mar(user="1"), CxResult.ERROR_USER_UNKNOWN),
        (sar(T.RE_REGISTRATION), CxResult.ERROR_IN_ASSIGNMENT_TYPE),
        (Sar("nobody@x", (), SERVER, T.REGISTRATION), CxResult.ERROR_USER_UNKNOWN),
        (Sar(IMPI, ("tel:+1",), SERVER, T.REGISTRATION), CxResult.ERROR_IDENTITIES_DONT_MATCH),
        (Lir("tel:+1"), CxResult.ERROR_USER_UNKNOWN),
    ],
)
async def test_refusals(hss: Hss, request_: Any, result: CxResult) -> None:
    assert (await ask(hss, request_)).result == result.result


async def test_what_is_asked_wrongly(hss: Hss) -> None:
    await ask(hss, Uar(IMPI, IMPU, b""))
    await ask(hss, sar(T.USER_DEREGISTRATION))
    await ask(hss, sar(T.AUTHENTICATION_FAILURE))
    await ask(hss, sar(T.REGISTRATION, known=True))
    await ask(hss, Mar(IMPI, IMPU, AuthRequest(Scheme.UNKNOWN), "s-cscf", 0))
    assert len(hss.faults) == 6
    with pytest.raises(DiameterError):
        await ask(hss, Ppr(IMPI))


async def test_vectors_are_those_of_the_card(hss: Hss) -> None:
    (first,), (second,) = [(await ask(hss, mar(Scheme.UNKNOWN))).vectors for _ in range(2)]
    assert isinstance(first, AkaVector)
    assert first.rand != second.rand
    algorithm = new_algorithm("xor", K)
    assert hss.users[IMPI].authentication.sqn == 0x42
    made = algorithm.vector(second.rand, 0x42, UserConfig().amf)
    assert (made.autn, made.xres, made.ck, made.ik) == (second.autn, second.xres, second.ck, second.ik)
    (soft,) = (await ask(hss, mar(Scheme.UNKNOWN, user=SOFT))).vectors
    assert isinstance(soft, DigestVector)
    assert soft.realm == DOMAIN
    with pytest.raises(DiameterError, match="MAC-S"):
        await ask(hss, mar(resync=bytes(30)))


async def test_silence_and_delay(hss: Hss) -> None:
    hss.lost.add("UAR")
    hss.delay = 0.001
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask(hss, uar()), 0.02)
    assert (await ask(hss, Lir(TEL))).result.code == 5003
    assert "    UAR stays without an answer" in hss.ladder


async def test_words(hss: Hss) -> None:
    sent: list[Any] = []

    async def take(host: str, request: Any) -> Plain:
        sent.append(request)
        return Plain(SUCCESS)

    async def said(line: str) -> str:
        return await carry_out(line.split(), words(hss))

    assert "no S-CSCF has" in await said(f"rtr {CARD}")
    await ask(hss, sar(T.REGISTRATION))
    hss.ask = take
    assert f"{IMPI} registered {SERVER} {IMPU} {TEL}" in await said("users")
    assert await said(f"bar {CARD} {IMPU}") == "ok"
    assert f"barred:{IMPU}" in await said("users")
    assert await said(f"ppr {CARD}") == "2001"
    assert await said(f"ppr {IMPI} {TEL}") == "2001"
    assert await said(f"rtr {CARD} server_change {TEL}") == "2001"
    assert [type(each) for each in sent] == [Ppr, Ppr, Rtr]
    assert UserData.parse(sent[0].user_data).identities[0].barred
    assert (sent[2].reason, sent[2].impus) == (ReasonCode.SERVER_CHANGE, (TEL,))
    assert await said("delay 0.5") == "ok"
    assert await said("lose uar LIR") == "without an answer: LIR, UAR"
    assert await said("refuse MAR 5001") == "ok"
    assert await said("refuse SAR 5012 base") == "ok"
    assert hss.refused == {"MAR": CxResult.ERROR_USER_UNKNOWN.result, "SAR": Result(5012)}
    assert await said("well") == "ok"
    assert (hss.delay, hss.lost, hss.refused) == (0.0, set(), {})


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("rtr", "usage: rtr"),
        ("rtr nobody", "rtr: there is no user nobody"),
        (f"rtr {CARD} because", "usage: rtr"),
        ("delay soon", "usage: delay SECONDS"),
        ("lose XYZ", "lose: XYZ is none of"),
        ("refuse MAR", "usage: refuse"),
        ("help", "users"),
    ],
)
async def test_words_that_are_wrong(hss: Hss, line: str, answer: str) -> None:
    assert (await carry_out(line.split(), words(hss))).startswith(answer)


async def test_nobody_to_ask(hss: Hss) -> None:
    with pytest.raises(NoAnswer):
        await hss.terminate(IMPI)
