"""Playing a scenario of MMEs: they connect, its steps are done one after the other, until one fails.

Called by mme_command.py; each verb of mme_scenario.py has a function here. A list of phones does its step at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from lteims.config.endpoint import Endpoint
from lteims.errors import LteimsError
from lteims.sgsap.errors import SgsapError
from lteims.sgsap.message import ResetIndication
from lteims.sim.errors import PhoneError, PhoneTimeout, ScenarioError
from lteims.sim.ladder import Ladder
from lteims.sim.mme_link import MmeLink
from lteims.sim.mme_phone import MmePhone, Paging
from lteims.sim.mme_scenario import MME, MmeEntry, PhoneEntry, Scenario
from lteims.sim.outcome import Outcome, Result, do_all
from lteims.sim.scenario_yaml import Step
from lteims.sms import rp
from lteims.sms.address import Address

PORT: Final = 29118  # TS 29.118 6.2
_WITHIN: Final = 10.0  # seconds, for what a scenario expects without saying how long
_ANSWER: Final = 40.0  # seconds for RP-ACK: TR1M (TS 24.011 10)
_WIDTH: Final = 44  # of the ladder: names of messages, and of phones behind them
_AGAIN: Final = 0.2  # seconds between two attempts to connect


@dataclass(slots=True, eq=False)
class _Player:
    """A phone of the running scenario, and the MME that it is behind now."""

    entry: PhoneEntry
    link: MmeLink
    seen: int = 0  # pages that `expect` has spoken of

    @property
    def phone(self) -> MmePhone:
        return self.link.mme.phone(self.entry.imsi)

    async def until(self, true: Callable[[], Any], seconds: float, what: str) -> None:
        try:
            await self.link.until(true, seconds)
        except PhoneTimeout:
            raise PhoneTimeout(f"{self.entry.name}: {what}: nothing in {seconds:g} s") from None


class _Run:
    """A scenario that runs."""

    def __init__(self, scenario: Scenario, remote: Endpoint) -> None:
        loop = asyncio.get_running_loop()
        self.remote = (remote.host, remote.port)
        self.ladder = Ladder(time.monotonic, _WIDTH)
        self.links: dict[str, MmeLink] = {}
        self.hosts = {each.name: each.host for each in scenario.mmes}
        names = {phone.imsi: phone.name for phone in scenario.phones}
        for each in scenario.mmes:
            link = self.links[each.name] = MmeLink(loop, name=each.mme_name, lai=each.lai)
            link.mme.listener = _noting(self.ladder, each.name, names)
        self.players = {each.name: _Player(each, self.links[each.mme]) for each in scenario.phones}
        for player in self.players.values():
            self._switch_on(player)

    def _switch_on(self, player: _Player) -> None:
        player.phone.centre = Address.number(player.entry.centre)

    async def connect(self, name: str, within: float) -> None:
        """Connect an MME, within so many seconds again and again where nobody listens yet; OSError in the end."""
        end = time.monotonic() + within
        host, link = self.hosts[name], self.links[name]
        while True:
            try:
                await link.connect(self.remote, (host, 0) if host else None)
            except OSError:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(_AGAIN)
                continue
            await asyncio.sleep(_AGAIN if within else 0.0)
            if not link.lost:  # as it would be where a server took it in its last moment
                return

    def move(self, player: _Player, mme: str) -> None:
        """A phone comes to another MME, with what it has in its memory."""
        old, link = player.phone, self.links[mme]
        if link is player.link:
            return
        old.lost()
        player.link = link
        new = player.phone
        new.inbox, new.messages, new.statuses, new.reports = old.inbox, old.messages, old.statuses, old.reports
        new.silent, new.rp_cause, new.paging = old.silent, old.rp_cause, old.paging
        player.seen = new.paged
        self._switch_on(player)


def _noting(ladder: Ladder, mme: str, names: dict[str, str]) -> Callable[[bool, str, str], None]:
    def note(outgoing: bool, what: str, imsi: str) -> None:
        (ladder.sent if outgoing else ladder.received)(mme, f"{what} {names.get(imsi, imsi)}".rstrip())

    return note


async def play(scenario: Scenario, server: str) -> Outcome:
    """Play it against a VLR; ScenarioError where an MME cannot connect."""
    try:
        remote = Endpoint.parse(server, PORT)
    except ValueError as error:
        raise ScenarioError(f"{scenario.file}:1: server: {error}") from None
    run = _Run(scenario, remote)
    try:
        for entry in scenario.mmes:
            await _switch_on(run, scenario.file, entry)
        results = await do_all(scenario.steps, lambda step: _do(run, step))
        results.append(_judged(scenario, run))
    finally:
        for link in run.links.values():
            link.close()
    return Outcome(scenario.file, tuple(results), run.ladder.render(1000))


async def _switch_on(run: _Run, file: str, entry: MmeEntry) -> None:
    try:
        ResetIndication(mme_name=entry.mme_name).encode()
        await run.connect(entry.name, 0.0)
    except (LteimsError, SgsapError, OSError) as error:
        raise ScenarioError(f"{file}:{entry.line}: mme {entry.name}: {error}") from None


def _judged(scenario: Scenario, run: _Run) -> Result:
    faults = [f"{name}: {fault}" for name, link in run.links.items() for fault in link.mme.faults]
    return Result(scenario.steps[-1].line, "nothing wrong was heard", 0.0, "; ".join(faults))


async def _do(run: _Run, step: Step) -> None:
    if step.verb == "wait":
        await asyncio.sleep(step.fields["seconds"])
    elif step.verb in _OF_MMES:
        await asyncio.gather(*(_OF_MMES[step.verb](run, name, step.fields) for name in step.names))
    else:
        action = _OF_PHONES[step.verb]
        await asyncio.gather(*(action(run, run.players[name], step.fields) for name in step.names))


# -- the verbs of MMEs
async def _restart(run: _Run, name: str, fields: dict[str, Any]) -> None:
    link = run.links[name]
    link.mme.restart()
    await _until(link, lambda: not link.mme.resetting, fields, f"{name}: waiting for SGsAP-RESET-ACK")


async def _connect(run: _Run, name: str, fields: dict[str, Any]) -> None:
    try:
        await run.connect(name, fields.get("within", _WITHIN))
    except OSError as error:
        raise PhoneError(f"{name} cannot connect: {error.strerror or error}") from None


async def _disconnect(run: _Run, name: str, fields: dict[str, Any]) -> None:
    run.ladder.note(name, "disconnects")
    run.links[name].close(abort=fields.get("abort", False))
    for phone in run.links[name].mme.phones.values():
        phone.lost()


async def _lost(run: _Run, name: str, fields: dict[str, Any]) -> None:
    link = run.links[name]
    await _until(link, lambda: link.lost, fields, f"{name}: the server is to go")
    run.ladder.note(name, f"association ended: {link.lost}")
    for phone in link.mme.phones.values():
        phone.lost()


async def _until(link: MmeLink, true: Callable[[], Any], fields: dict[str, Any], what: str) -> None:
    try:
        await link.until(true, fields.get("within", _WITHIN))
    except PhoneTimeout:
        raise PhoneTimeout(what) from None


# -- the verbs of phones
async def _attach(run: _Run, player: _Player, fields: dict[str, Any]) -> None:
    run.move(player, fields.get(MME) or next(name for name, link in run.links.items() if link is player.link))
    phone = player.link.mme.attach(player.entry.imsi)
    within = fields.get("within", _WITHIN)
    await player.until(lambda: phone.attached or phone.rejected, within, "waiting for an answer to its location update")
    if phone.rejected != fields.get("cause", 0):
        raise PhoneError(f"{player.entry.name}: its location update was answered with cause {phone.rejected}")


async def _detach(run: _Run, player: _Player, fields: dict[str, Any]) -> None:
    mme, imsi, kind = player.link.mme, player.entry.imsi, fields.get("kind", "eps")
    if kind == "imsi":
        mme.detach_imsi(imsi)
    else:
        mme.detach_eps(imsi, 1 if kind == "network" else 2)
    within = fields.get("within", _WITHIN)
    await player.until(lambda: not player.phone.detaching, within, "waiting for an answer to its detach")


async def _sms(run: _Run, player: _Player, fields: dict[str, Any]) -> None:
    phone = player.phone
    for part in phone.parts(fields["text"], fields["to"], report=fields.get("report", False)):
        await _submit(player, part, fields)


async def _submit(player: _Player, part: rp.RpData, fields: dict[str, Any]) -> None:
    phone, known = player.phone, len(player.phone.reports)
    refused = len(phone.errors)
    phone.send(part)
    try:
        within = fields.get("within", _ANSWER)
        await player.until(lambda: len(phone.reports) > known, within, f"waiting for the report of {part.rp_mr}")
    except PhoneTimeout:
        if fields.get("unanswered"):
            return
        raise
    report = phone.reports[known]
    cause = report.rp_cause if isinstance(report, rp.RpError) else 0
    cp_cause = phone.errors[-1] if len(phone.errors) > refused else 0
    wanted = fields.get("cause", 0), fields.get("cp_cause", 0)
    missing = report is None and not cp_cause
    if (cause, cp_cause) != wanted or missing is not bool(fields.get("unanswered")):
        found = "no answer" if missing else f"RP cause {cause}, CP cause {cp_cause}"
        raise PhoneError(f"{player.entry.name}: its message came to {found}")


async def _memory(run: _Run, player: _Player, fields: dict[str, Any]) -> None:
    phone, known = player.phone, len(player.phone.reports)
    phone.memory_available()
    within = fields.get("within", _ANSWER)
    await player.until(lambda: len(phone.reports) > known, within, "waiting for the answer to RP-SMMA")
    if not isinstance(phone.reports[known], rp.RpAck):
        raise PhoneError(f"{player.entry.name}: RP-SMMA was not acknowledged")


async def _paging(run: _Run, player: _Player, fields: dict[str, Any]) -> None:
    player.phone.paging = Paging(fields["answer"])


async def _silent(run: _Run, player: _Player, fields: dict[str, Any]) -> None:
    player.phone.silent = fields.get("on", True)


async def _refuse(run: _Run, player: _Player, fields: dict[str, Any]) -> None:
    player.phone.rp_cause = fields["cause"] or None


async def _seen(run: _Run, player: _Player, fields: dict[str, Any]) -> None:
    player.link.mme.seen(player.entry.imsi)


async def _expect(run: _Run, player: _Player, fields: dict[str, Any]) -> None:
    phone, within = player.phone, fields.get("within", _WITHIN)
    match fields["what"]:
        case "sms":
            await player.until(lambda: phone.messages, within, "waiting for a message")
            sms = phone.messages.popleft()
            _compare(player, fields, "text", sms.text)
            _compare(player, fields, "from", sms.sender)
        case "report":
            await player.until(lambda: phone.statuses, within, "waiting for a status report")
            _compare(player, fields, "status", phone.statuses.popleft().status)
        case "paging":
            await player.until(lambda: phone.paged > player.seen, within, "it is to be paged")
            player.seen = phone.paged
        case "error":
            await player.until(lambda: phone.errors, within, "waiting for CP-ERROR")
            _compare(player, fields, "cause", phone.errors.pop(0))
        case "idle":
            await player.until(lambda: not phone.busy and not phone.connected, within, "its connection is to end")
        case "nothing":
            await asyncio.sleep(fields.get("within", 1.0))
            if phone.messages:
                raise PhoneError(f"{player.entry.name}: {phone.messages[0].text!r} has come")


def _compare(player: _Player, fields: dict[str, Any], name: str, found: str | int) -> None:
    """What was expected must be what came; of `from` a part is enough."""
    wanted = fields.get(name)
    if wanted is None or wanted == found or (name == "from" and str(wanted) in str(found)):
        return
    raise PhoneError(f"{player.entry.name}: {name} is {found!r}, not {wanted!r}")


_OF_MMES: Final[dict[str, Callable[[_Run, str, dict[str, Any]], Awaitable[None]]]] = {
    "restart": _restart, "connect": _connect, "disconnect": _disconnect, "lost": _lost,
}  # fmt: skip
_OF_PHONES: Final[dict[str, Callable[[_Run, _Player, dict[str, Any]], Awaitable[None]]]] = {
    "attach": _attach, "detach": _detach, "sms": _sms, "expect": _expect, "paging": _paging, "silent": _silent,
    "refuse": _refuse, "memory": _memory, "seen": _seen,
}  # fmt: skip
