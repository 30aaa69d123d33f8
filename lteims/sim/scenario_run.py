"""Playing a scenario: its phones are switched on, its steps done one after the other, until one fails.

Called by ue.py; each verb of scenario.py has a function here. A list of phones does its step at the same time.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from lteims.errors import LteimsError
from lteims.ipsec.sec_agree import ClientProfile
from lteims.net.ipsec import Ipsec
from lteims.net.ipsec_choice import Where, open_ipsec
from lteims.sim.call import Call
from lteims.sim.call_in import IncomingCall
from lteims.sim.errors import PhoneError, ScenarioError
from lteims.sim.ladder import Ladder
from lteims.sim.outcome import Outcome, Result, do_all
from lteims.sim.phone import Phone
from lteims.sim.profiles import profile_of
from lteims.sim.scenario import PhoneEntry, Scenario
from lteims.sim.scenario_yaml import Step

_WITHIN: Final = 10.0  # seconds, for what a scenario expects without saying how long


class _Player:
    """A phone of the running scenario with the call that its steps are about: the latest."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.call: Call | None = None

    def current(self) -> Call:
        if self.call is None:
            raise self.phone.failed("there is no call yet")
        return self.call


async def play(scenario: Scenario, server: str) -> Outcome:
    """Play it against a server; ScenarioError where a phone cannot be switched on."""
    ladder = Ladder(time.monotonic)
    async with contextlib.AsyncExitStack() as stack:
        players = await _switch_on(scenario, server, ladder, stack)
        results = await do_all(scenario.steps, lambda step: _do(step, players))
        results.append(_judged(scenario, players))
    return Outcome(scenario.file, tuple(results), ladder.render(1000))


def _judged(scenario: Scenario, players: dict[str, _Player]) -> Result:
    faults = [f"{name}: {fault}" for name, each in players.items() for fault in each.phone.faults]
    last = scenario.steps[-1].line
    return Result(last, "nothing wrong was heard", 0.0, "; ".join(faults))


async def _switch_on(
    scenario: Scenario, server: str, ladder: Ladder, stack: contextlib.AsyncExitStack
) -> dict[str, _Player]:
    drivers: dict[str, Ipsec] = {}
    players: dict[str, _Player] = {}
    for place, entry in enumerate(scenario.phones, 1):
        try:
            phone = _phone(entry, server, ladder, drivers, stack, place)
            players[entry.name] = _Player(await stack.enter_async_context(phone))
        except (LteimsError, OSError) as error:
            raise ScenarioError(f"{scenario.file}:{entry.line}: phone {entry.name}: {error}") from None
    return players


def _phone(
    entry: PhoneEntry,
    server: str,
    ladder: Ladder,
    drivers: dict[str, Ipsec],
    stack: contextlib.AsyncExitStack,
    place: int,
) -> Phone:
    options = dict(entry.options)
    kind = options.pop("ipsec", "no")
    if kind != "no" and kind not in drivers:
        drivers[kind] = open_ipsec(asyncio.get_running_loop(), Where(kind))
        stack.callback(drivers[kind].close)
    if pair := options.pop("pair", None):
        profile = profile_of(options.get("profile", "plain"))
        options["profile"] = replace(profile, security=ClientProfile((pair,)))
    if server.startswith("127."):  # an address for each phone, as phones have
        options.setdefault("host", f"127.0.{place // 250 + 1}.{place % 250 + 1}")
    return Phone(entry.sim, server, name=entry.name, ladder=ladder, ipsec=drivers.get(kind), **options)


async def _do(step: Step, players: dict[str, _Player]) -> None:
    if step.verb == "wait":
        await asyncio.sleep(step.fields["seconds"])
        return
    action = _ACTIONS[step.verb]
    await asyncio.gather(*(action(players[name], step.fields) for name in step.names))


# -- the verbs
async def _register(player: _Player, fields: dict[str, Any]) -> None:
    phone, code = player.phone, fields.get("code", 200)
    registration = phone.emergency if fields.get("emergency") else phone.registration
    try:
        await registration.register(fields.get("expires"))
        answered = 200
    except PhoneError as error:
        if code == 200 or not error.code:
            raise
        answered = error.code
    if answered != code:
        raise phone.failed(f"REGISTER was answered {answered}, not {code}")


async def _deregister(player: _Player, fields: dict[str, Any]) -> None:
    await player.phone.deregister()


async def _subscribe(player: _Player, fields: dict[str, Any]) -> None:
    await player.phone.subscribe()


async def _call(player: _Player, fields: dict[str, Any]) -> None:
    given = {name: fields[name] for name in ("anonymous", "offer") if name in fields}
    player.call = await player.phone.call(fields["to"], emergency=fields.get("emergency", False), **given)


def _incoming(player: _Player) -> IncomingCall:
    call = player.current()
    if not isinstance(call, IncomingCall):
        raise player.phone.failed("the call is one that this phone has made")
    return call


async def _ring(player: _Player, fields: dict[str, Any]) -> None:
    await _incoming(player).ring()


async def _progress(player: _Player, fields: dict[str, Any]) -> None:
    await _incoming(player).progress()


async def _answer(player: _Player, fields: dict[str, Any]) -> None:
    await _incoming(player).answer()


async def _decline(player: _Player, fields: dict[str, Any]) -> None:
    await _incoming(player).decline(fields.get("code", 486))


async def _hangup(player: _Player, fields: dict[str, Any]) -> None:
    await player.current().hangup()


async def _hold(player: _Player, fields: dict[str, Any]) -> None:
    await player.current().hold(fields.get("by", "INVITE"))


async def _resume(player: _Player, fields: dict[str, Any]) -> None:
    await player.current().resume(fields.get("by", "INVITE"))


async def _hear(player: _Player, fields: dict[str, Any]) -> None:
    call = player.current()
    await call.heard(call.voice.received + fields["packets"], fields.get("within", _WITHIN))


async def _sms(player: _Player, fields: dict[str, Any]) -> None:
    cause = fields.get("cause", 0)
    try:
        await player.phone.sms(
            fields["to"], fields["text"], report=fields.get("report", False), within=fields.get("within", 40.0)
        )
        refused = 0
    except PhoneError as error:
        if not cause:
            raise
        refused = error.code
    if refused != cause:
        raise player.phone.failed(f"the message was answered with RP cause {refused}, not {cause}")


async def _expect(player: _Player, fields: dict[str, Any]) -> None:
    phone, within = player.phone, fields.get("within", _WITHIN)
    match fields["what"]:
        case "call":
            call = await phone.next_call(within)
            player.call = call
            _compare(phone, fields, "from", call.caller)
        case "ringing":
            await player.current().ringing(within)
        case "answered":
            await player.current().answered(within)
        case "held":
            await player.current().held(within)
        case "resumed":
            await player.current().resumed(within)
        case "ended":
            _compare(phone, fields, "code", await player.current().ended(within))
        case "sms":
            sms = await phone.next_sms(within)
            _compare(phone, fields, "text", sms.text)
            _compare(phone, fields, "from", sms.sender)
        case "report":
            _compare(phone, fields, "status", (await phone.next_report(within)).status)
        case "document":
            known = len(phone.watch.documents)
            await phone.changes.until(lambda: len(phone.watch.documents) > known, within, "waiting for a NOTIFY")
        case "unregistered":
            await phone.changes.until(lambda: not phone.registration.bound, within, "the registration is to end")


def _compare(phone: Phone, fields: dict[str, Any], name: str, found: str | int) -> None:
    """What was expected must be what came; of `from` a part is enough."""
    wanted = fields.get(name)
    if wanted is None or wanted == found or (name == "from" and str(wanted) in str(found)):
        return
    raise phone.failed(f"{name} is {found!r}, not {wanted!r}")


_ACTIONS: Final[dict[str, Callable[[_Player, dict[str, Any]], Awaitable[None]]]] = {
    "register": _register, "deregister": _deregister, "subscribe": _subscribe, "call": _call, "expect": _expect,
    "progress": _progress, "ring": _ring, "answer": _answer, "decline": _decline, "hangup": _hangup,
    "hold": _hold, "resume": _resume, "hear": _hear, "sms": _sms,
}  # fmt: skip
