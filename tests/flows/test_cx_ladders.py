"""Users of an external HSS as ladders: what phones hear of RTR and PPR, and who is called or written to but not here.

a is such a user; the HSS's requests are handed to cx_push.py, the answers to LIR come from the test.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lteims.diameter.command import Node
from lteims.diameter.cx import Ppr, Rtr
from lteims.diameter.cx_attributes import ReasonCode
from lteims.diameter.user_data import PublicIdentity, ServiceProfile, UserData
from lteims.errors import OperatorError
from lteims.ims.cx_push import Pushes
from lteims.ims.cx_users import CxUsers
from lteims.ims.deregistration import Deregistration
from lteims.ims.sms_control import SmsControl
from lteims.ims.subscribers import Impu, Subscriber
from lteims.oam.command import Answer, finished
from lteims.oam.sms_commands import SmsCommands
from lteims.sip.errors import SipError
from lteims.sip.message import Message
from lteims.sip.uri import Uri
from lteims.sms.cause import RpCause, TpFcs
from lteims.store.memory import MemoryStore
from tests.flows.phones import BYE, CALL, DOMAIN, Lab
from tests.flows.sms import accepted, cause, content, receive, sms_lab, sms_phone, submit, write
from tests.flows.test_regevent_ladders import TOLD, asking, inside, state, subscribe, table

IMPI, IMPU, TEL = f"7@{DOMAIN}", f"sip:7@{DOMAIN}", "tel:+497"
HSS = Node("hss.example", "example")


def profile(*identities: str) -> UserData:
    return UserData(IMPI, (ServiceProfile(tuple(map(PublicIdentity, identities))),))


class Home:
    """A lab whose a is a user of the HSS."""

    def __init__(self) -> None:
        self.lab = Lab(auth_on_register_only=True)
        store = MemoryStore()
        self.users = CxUsers(self.lab.subscribers, store)
        self.users.take(IMPI, IMPU, profile(IMPU, TEL))
        self.lab.a = self.lab.phone("a", "7", "192.0.2.17", target="tel:+49302")
        registrations = Deregistration(self.lab.stack, self.lab.subscribers, self.lab.calls, store)
        self.pushes = Pushes(self.users, registrations, store, lambda impi: None)

    def push(self, request: Ppr | Rtr) -> None:
        """A request of the HSS that is carried out."""
        assert asyncio.run(self.pushes.serve(request, "session", HSS)).result.ok


@pytest.fixture
def home() -> Home:
    return Home()


A = "sip:7@192.0.2.17:5060"


def test_a_new_profile_is_told(home: Home) -> None:
    subscribe(home.lab)
    assert table(home.lab.a) == [f"{IMPU} active registered:{A}", f"{TEL} active created:{A}"]
    home.push(Ppr(IMPI, profile(IMPU, "tel:+498").encode()))
    home.lab.play(TOLD)
    assert f"{TEL} terminated unregistered:{A}" in table(home.lab.a)
    assert f"tel:+498 active refreshed:{A}" in table(home.lab.a)
    home.lab.nothing_left()


@pytest.mark.parametrize(
    ("reason", "event"),
    [(ReasonCode.PERMANENT_TERMINATION, "rejected"), (ReasonCode.SERVER_CHANGE, "deactivated")],
)
def test_the_end_of_a_registration_is_told(home: Home, reason: ReasonCode, event: str) -> None:
    subscribe(home.lab)
    home.push(Rtr(IMPI, reason))
    home.lab.play(TOLD)
    assert state(home.lab.a) == f"terminated;reason={event}"
    assert table(home.lab.a)[0] == f"{IMPU} terminated {event}:{A}"
    assert home.users.by_impi(IMPI) is None


@pytest.mark.parametrize("reason", [ReasonCode.NEW_SERVER_ASSIGNED, ReasonCode.REMOVE_S_CSCF])
def test_who_is_elsewhere_already_hears_nothing(home: Home, reason: ReasonCode) -> None:
    subscribe(home.lab)
    home.push(Rtr(IMPI, reason))
    home.lab.clock.advance(10)
    home.lab.nothing_left()
    assert home.users.by_impi(IMPI) is None
    inside(home.lab.a)
    asking(home.lab, home.lab.a)
    home.lab.play("""
        a --> SUBSCRIBE
        a <-- 481 SUBSCRIBE
    """)


def test_the_end_of_a_registration_ends_calls(home: Home) -> None:
    home.lab.play(CALL)
    home.push(Rtr(IMPI, ReasonCode.PERMANENT_TERMINATION))
    home.lab.play("""
        a <-- BYE
                BYE --> b
        a --> 200 BYE
                200 BYE <-- b
    """)


class Directory:
    """What the HSS says of others."""

    def __init__(self, answer: bool | SipError) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def location_info(self, impu: Uri) -> bool:
        self.asked.append(impu.text)
        if isinstance(self.answer, SipError):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "code"), [(True, 480), (False, 404), (SipError(504, "no answer", {"retry-after": "10"}), 504)]
)
def test_who_is_called_and_not_here(answer: bool | SipError, code: int) -> None:
    lab = Lab()
    lab.pcscf.directory = directory = Directory(answer)
    lab.a.target = f"sip:99@{DOMAIN}"
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
        a <-- {code}
        a --> ACK
    """)
    assert directory.asked == [lab.a.target]
    refusal: Message = lab.a.last(str(code))
    assert refusal.get("retry-after") == ("10" if code == 504 else "")


class Away(Directory):
    """The HSS has a user who has never been here."""

    def __init__(self, lab: Lab, answer: bool | SipError = True) -> None:
        super().__init__(answer)
        self.users = CxUsers(lab.subscribers, MemoryStore())

    async def unregistered_user(self, impu: Uri) -> tuple[Subscriber, Impu] | None:
        return self.users.take(IMPI, IMPU, profile(IMPU, TEL)) if await self.location_info(impu) else None


@pytest.mark.parametrize("softphone", [False, True])
def test_a_message_for_somebody_who_has_never_been_here(lab_with: Callable[..., Lab], softphone: bool) -> None:
    """It waits as for a user of ue_db who is away; the HSS is asked once."""
    lab = sms_lab(lab_with, auth_on_register_only=True)
    lab.pcscf.directory = lab.gateway.directory = directory = Away(lab)
    for _ in range(2):
        if softphone:
            write(lab, lab.b, "Hello", to=TEL)
        else:
            accepted(submit(lab, lab.a, "Hello", to=TEL.removeprefix("tel:")))
    assert directory.asked == [TEL]
    assert lab.gateway.pending(IMPI) == 2
    phone = sms_phone(lab, "c", "7", "192.0.2.17")
    assert [content(receive(lab, phone)) for _ in range(2)] == ["Hello"] * 2
    assert lab.gateway.load() == 0


@pytest.mark.parametrize(
    ("answer", "code", "causes"),
    [
        (False, 404, (RpCause.UNASSIGNED_NUMBER, TpFcs.INVALID_SME_ADDRESS)),
        (SipError(480, "elsewhere"), 480, (RpCause.DESTINATION_OUT_OF_ORDER, TpFcs.SC_SYSTEM_FAILURE)),
        (SipError(504, "no answer"), 504, (RpCause.TEMPORARY_FAILURE, TpFcs.SC_SYSTEM_FAILURE)),
    ],
)
def test_a_message_that_cannot_wait(
    lab_with: Callable[..., Lab], answer: bool | SipError, code: int, causes: tuple[int, int]
) -> None:
    lab = sms_lab(lab_with)
    lab.pcscf.directory = lab.gateway.directory = directory = Away(lab, answer)
    assert cause(submit(lab, lab.a, "Hello", to="+497")) == causes
    write(lab, lab.b, "Hello", to=TEL, code=code)
    assert directory.asked == [TEL, TEL]
    assert lab.gateway.load() == 0
    accepted(submit(lab, lab.a, "Hello", mr=8))
    assert content(receive(lab, lab.b)) == "Hello"
    assert len(directory.asked) == 2  # nobody asks for a user of ue_db


async def operator(lab: Lab, **whom: str) -> list[str]:
    """The remote API's `sms`."""
    control = SmsControl(lab.subscribers, lab.gateway)
    return await control.send(control.prepare(text="Hello", **whom))  # type: ignore[arg-type]


async def test_the_operators_message_for_somebody_who_has_never_been_here(lab_with: Callable[..., Lab]) -> None:
    """As the phones': by the remote API, and from the prompt."""
    lab = sms_lab(lab_with, auth_on_register_only=True)
    lab.gateway.directory = directory = Away(lab)
    commands = SmsCommands(SmsControl(lab.subscribers, lab.gateway), lambda word: ()).commands()
    for whom in (TEL, IMPI):
        answer = commands[0].run(f"{whom} Hello")
        assert isinstance(answer, Answer)
        assert await finished(answer) == Answer(f"1 part for {whom}")
    assert len(await operator(lab, impu=TEL)) == 1
    assert directory.asked == [TEL]
    assert lab.gateway.pending(IMPI) == 3
    phone = sms_phone(lab, "c", "7", "192.0.2.17")
    assert [content(receive(lab, phone)) for _ in range(3)] == ["Hello"] * 3
    assert lab.gateway.load() == 0


@pytest.mark.parametrize(
    ("answer", "why"),
    [(False, "there is no user 'tel:\\+497', and the HSS has none"),
     (SipError(504, "no answer"), "the message was not taken: no answer")],
)  # fmt: skip
async def test_an_operators_message_that_cannot_wait(lab_with: Callable[..., Lab], answer: Any, why: str) -> None:
    lab = sms_lab(lab_with)
    lab.gateway.directory = directory = Away(lab, answer)
    with pytest.raises(OperatorError, match=why):
        await operator(lab, impu=TEL)
    with pytest.raises(OperatorError, match="there is no user with IMPI 'somebody'"):
        await operator(lab, impi="somebody")  # an HSS is asked for public identities
    with pytest.raises(OperatorError, match=f"there is no user '{TEL[:4]}"):
        SmsControl(lab.subscribers, lab.gateway).sms_flush(TEL)
    assert directory.asked == [TEL]
    assert lab.gateway.load() == 0


def test_the_hss_is_not_asked_for_others(lab_with: Callable[..., Lab]) -> None:
    """For somebody of ue_db, for other domains, for the server itself it has no answer."""
    lab = lab_with()
    lab.pcscf.directory = directory = Directory(True)
    lab.play(CALL + BYE)
    assert directory.asked == []
