"""The composition root (floor 5): builds every object once, starts and stops them in order. __main__.py runs it."""

import asyncio
import gc
import os
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lteims import __version__, counters, installed, trace
from lteims.config import Loaded
from lteims.config.log_options import parse_log_options
from lteims.core import Core
from lteims.descriptors import raise_limit, shares
from lteims.errors import OperatorError
from lteims.ids import Tokens
from lteims.ims.bearer_loss import BearerLoss
from lteims.ims.caller import Identifier
from lteims.ims.calls import Calls
from lteims.ims.challenge import Challenges
from lteims.ims.control import Control
from lteims.ims.deregistration import Deregistration
from lteims.ims.headers import Finisher
from lteims.ims.hss import EmbeddedHss
from lteims.ims.icscf import Locator
from lteims.ims.ipsmgw import IpSmGw
from lteims.ims.mms import Mms
from lteims.ims.mms_control import MmsControl
from lteims.ims.mms_store import MmsStore
from lteims.ims.pcscf import Pcscf
from lteims.ims.provisioning import Provisioning
from lteims.ims.regevent import RegEvent
from lteims.ims.relay import Relay
from lteims.ims.scscf import Registrar
from lteims.ims.sdp_files import SdpFiles
from lteims.ims.security import Security
from lteims.ims.settings import Settings
from lteims.ims.sms_store import SmsStore
from lteims.ims.subscribers import Subscribers
from lteims.ims.user_control import Happenings, UserControl
from lteims.net.ipsec import Ipsec
from lteims.net.mm1 import Mm1Server
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool
from lteims.net.sip import SipStack
from lteims.net.sip_flow import CLEAR, Endpoint
from lteims.net.timers import TimerWheel
from lteims.oam.api import Api
from lteims.oam.api_events import Events
from lteims.oam.api_messages import Messages
from lteims.oam.api_protocol import Clocks
from lteims.oam.api_stats import Sampling
from lteims.oam.commands import Commands
from lteims.oam.events import events
from lteims.oam.ipsec_commands import IpsecCommands
from lteims.oam.log import LogFile
from lteims.oam.metrics import Metrics
from lteims.oam.metrics_http import MetricsServer
from lteims.oam.monitor import Monitor, terminal_available
from lteims.oam.rates import Rates
from lteims.oam.server_commands import ServerCommands
from lteims.protected import secure, shown, take_ports
from lteims.report import report
from lteims.sip.grammar import host_port
from lteims.sip.transaction import Timings
from lteims.store.memory import MemoryStore
from lteims.store.sqlite import SqliteStore
from lteims.store.state import StateStore
from lteims.trace import IMS, INFO, log

SWEEP_INTERVAL = 5.0  # seconds between looks for nonces that nobody answered
GOODBYE_TIME = 0.3  # seconds that a stopping server gives its last BYEs to leave
MMS_ON_DISK, MMS_IN_MEMORY = 4 << 30, 256 << 20  # octets that the bodies of all multimedia messages may have


class App:
    """The server."""

    def __init__(self, loaded: Loaded, config_path: str) -> None:
        self._config = loaded.config
        self._warnings = loaded.warnings
        self._path = Path(config_path).absolute()
        self._events = events()
        self._stopping = asyncio.Event()
        self._store_warnings: list[str] = []  # from before there is a log
        self._mm1: Mm1Server | None = None
        self._api: Api | None = None
        self._metrics: MetricsServer | None = None
        self._ipsec: Ipsec | None = None
        self._clocks = Clocks(time.monotonic(), time.time())
        self._files = shares(raise_limit(), loaded.config)

    def stop(self) -> None:
        """Begin to stop; `run` returns soon after."""
        self._stopping.set()

    async def run(self) -> None:
        """Start, serve until `stop`, stop in order. OperatorError when the start fails."""
        config = self._config
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_loop_error)
        store = self._open_store()
        try:
            wheel = TimerWheel(loop.call_at, loop.time)
            stack = self._stack(loop, wheel)
            try:
                stack.bind(self._endpoints())
                if config.mms_server_bind_addr is not None:
                    self._mm1 = Mm1Server(config.mms_server_bind_addr.host, config.mms_server_bind_addr.port)
                if config.com_addr is not None:
                    self._api = Api(config, os.urandom, self._files.api)
                if config.metrics_addr is not None:
                    self._metrics = MetricsServer(config.metrics_addr.host, config.metrics_addr.port)
                # Only now, when no other server has our state or our addresses, may its log be touched
                log_file = self._open_log(loop)
                try:
                    await self._serve(loop, wheel, stack, log_file, store)
                finally:
                    log(IMS, INFO, "stopped")
                    log_file.close()
            finally:
                if self._metrics is not None:
                    await self._metrics.close()
                if self._api is not None:
                    await self._api.close()
                if self._mm1 is not None:
                    await self._mm1.close()
                if self._ipsec is not None:
                    self._ipsec.close()
                await stack.close()
                wheel.close()
        finally:
            store.close()

    async def _serve(
        self, loop: asyncio.AbstractEventLoop, wheel: TimerWheel, stack: SipStack, log_file: LogFile, store: StateStore
    ) -> None:
        config = self._config
        report(config, self._warnings, self._events)
        self._ipsec = ipsec = take_ports(loop, stack, config)
        subscribers = Subscribers(config.domain, store, wheel, time.time)
        subscribers.add(config.ue_db)
        challenges = Challenges(loop.time, stack.tokens.octets)
        core = Core(config, loop, wheel, os.urandom)
        own = EmbeddedHss(subscribers, store, stack.tokens.octets)
        hss = core.hss_of(subscribers, own, challenges, store)
        registrar = Registrar(config, subscribers, hss, challenges, store, time.time)
        plane = MediaPlane(loop, loop.time, wheel, stack.tokens)
        pools = [PortPool(a.port_min, a.port_max) for a in config.sip_addr]
        files = SdpFiles()
        calls = Calls(config, stack, plane, pools, bearers=core.bearers, wall=time.time, templates=files.find)
        if core.bearers is not None:
            core.bearers.on_lost = BearerLoss(wheel, calls).lost
        locator = Locator(config, subscribers)
        identifier = Identifier(config, subscribers, registrar)
        stack.finish = Finisher(config).finish
        stack.core = pcscf = Pcscf(stack, registrar, identifier, locator, calls, Relay(stack, config))
        pcscf.directory = core.hss
        pcscf.gateway = gateway = IpSmGw(config, stack, subscribers, SmsStore(store), time.time)
        gateway.directory = core.hss
        core.take_messages(gateway, subscribers)
        pcscf.notifier = RegEvent(config, stack, subscribers, time.time)
        security = None if ipsec is None else secure(config, loop, stack, ipsec, subscribers)
        pcscf.security = security
        registrations = Deregistration(stack, subscribers, calls, store)
        provisioning = Provisioning(subscribers, store, registrations, str(self._path.parent))
        added = provisioning.restore()
        if added:
            log(IMS, INFO, f"{added} users of users_add restored from {config.ue_db_filename}")
        subscribers.local_hosts = local_hosts(config.domain, [e.host for e in stack.endpoints], subscribers)
        known = core.serve_hss(registrations, store)
        if known:
            log(IMS, INFO, f"{known} users of the HSS restored from {config.ue_db_filename}")
        restored = subscribers.restore(len(config.sip_addr))
        if restored:
            log(IMS, INFO, f"{restored} bindings restored from {config.ue_db_filename}")
        kept = gateway.start()
        if kept:
            log(IMS, INFO, f"{kept} short messages restored from {config.ue_db_filename}")
        control = Control(
            subscribers,
            calls,
            time.time,
            self.stop,
            locator,
            str(self._path.parent),
            files,
            config.mt_call_sdp_file,
            gateway,
            registrations,
            provisioning,
        )
        mms = self._mmsc(self._mm1, subscribers, gateway, store, wheel, stack.tokens) if self._mm1 is not None else None
        if mms is not None:
            control.mms = MmsControl(subscribers, mms, str(self._path.parent))
        commands = self._commands(control, log_file, plane, security, core)
        sweeper = Periodic(wheel, SWEEP_INTERVAL, challenges.sweep)
        try:
            await stack.start()
            core.start()
            if self._mm1 is not None and mms is not None:
                await self._mm1.start(mms)
                mms.start()
            if self._api is not None:
                happenings = Happenings(subscribers, calls, gateway)
                users = UserControl(subscribers)
                users.listeners.append(gateway.reachable)  # by the way that user_set has chosen
                await self._start_api(self._api, loop, control, commands, happenings, users, log_file, plane.flush)
            if self._metrics is not None:
                metrics = self._gauges(stack, subscribers, calls, plane, core, pcscf, challenges)
                for name, load in (
                    ("sms_queue_length", gateway.load),
                    ("mms_queue_length", mms.load if mms is not None else None),
                    ("sa_sets", (lambda: security.sets.load()["sets"]) if security is not None else None),
                ):
                    metrics.add_gauge(name, load)
                await self._metrics.start(metrics)
            gc.freeze()  # what lives as long as the process is no work for the collector
            gc.set_threshold(100_000, 20, 20)
            self._say_ready(stack)
            await self._until_stopped(commands)
        finally:
            sweeper.stop()
            if self._api is not None:
                await self._api.close()
            if self._mm1 is not None and mms is not None:
                await self._mm1.close()
                mms.close()
            calls.close()
            await core.close()
            if stack.load()["client"]:
                await asyncio.sleep(GOODBYE_TIME)
            plane.close()
            await store.commit()

    def _gauges(
        self, stack: SipStack, subscribers: Subscribers, calls: Calls, plane: MediaPlane, core: Core, pcscf: Pcscf,
        challenges: Challenges,
    ) -> Metrics:  # fmt: skip
        """What Prometheus is shown of the parts that there always are."""
        metrics = Metrics(stack, subscribers, calls, plane.flush, installed.kind())
        metrics.add_peers(core.peers)
        metrics.add_gauge("api_clients", self._api_clients)
        metrics.add_gauge("rtp_streams", plane.streams.__len__)
        pcscf.on_refused = metrics.refusals.on_refused
        challenges.on_answered = metrics.registration.observe
        return metrics

    def _say_ready(self, stack: SipStack) -> None:
        """One line with every bound address, to whoever started us and to the log."""
        bound = ", ".join(
            f"sip {host_port(e.bind_host, e.bind_port)} udp+tcp" for e in stack.endpoints if e.side == CLEAR
        )
        if self._ipsec is not None:
            bound += f", {shown(stack, self._ipsec)}"
        if self._mm1 is not None:
            bound += f", mms http://{host_port(self._mm1.host, self._mm1.port)}"
        if self._api is not None:
            bound += f", api {self._api.scheme}://{host_port(self._api.host, self._api.port)}"
        if self._metrics is not None:
            bound += f", metrics {self._metrics.url}"
        with suppress(OSError):  # whoever read our output may have gone
            print(f"lteims {__version__} ready: {bound}", flush=True)
        log(IMS, INFO, f"ready: {bound}")

    # -- parts
    def _commands(
        self, control: Control, log_file: LogFile, plane: MediaPlane, security: Security | None, core: Core
    ) -> Commands:
        """The operator's commands, for every console."""
        commands = Commands(control, log_file)
        rates = Rates(time.monotonic, time.process_time, plane.flush, self._api_clients)
        ipsec = IpsecCommands(None if security is None else security.sets.views)
        for command in (*ServerCommands(rates, plane.flush, core.mmes).commands(), *ipsec.commands()):
            commands.add(command)
        return commands

    def _api_clients(self) -> int:
        return self._api.load()["clients"] if self._api is not None else 0

    async def _start_api(
        self, api: Api, loop: asyncio.AbstractEventLoop, control: Control, commands: Commands, happenings: Happenings,
        users: UserControl, log_file: LogFile, settle: Callable[[], None],
    ) -> None:  # fmt: skip
        """Let clients of the remote API in."""
        events = Events(happenings, control.users_of, loop.call_later)
        # A number, as the manual says; some clients have seen hex, none of them reads more than that it has changed
        sampling = Sampling(time.monotonic, time.process_time, int.from_bytes(os.urandom(4), "big"), settle)
        messages = Messages(
            api.name, control, commands, users, Settings(self._config), log_file, events, sampling, loop.time,
            self._clocks.started_utc,
        )  # fmt: skip
        await api.start(messages, events, self._clocks)

    def _mmsc(
        self, mm1: Mm1Server, subscribers: Subscribers, gateway: IpSmGw, store: StateStore, wheel: TimerWheel,
        tokens: Tokens,
    ) -> Mms:  # fmt: skip
        """The MMSC behind an HTTP server, with the messages of the state file."""
        config = self._config
        messages = MmsStore(store, MMS_ON_DISK if config.ue_db_filename else MMS_IN_MEMORY)
        url = f"http://{host_port(self._shown_host(mm1.host), mm1.port)}/"
        mms = Mms(config, subscribers, gateway, messages, tokens, wheel, time.time, url)
        kept = mms.restore()
        if kept:
            log(IMS, INFO, f"{kept} multimedia messages restored from {config.ue_db_filename}")
        return mms

    def _shown_host(self, host: str) -> str:
        """The address by which phones reach a server that is bound to `host`, which may be all of them."""
        if host not in ("0.0.0.0", "::"):
            return host
        shown = [address.addr for address in self._config.sip_addr]
        return next((a.host for a in shown if a.is_ipv6 == (host == "::")), shown[0].host if shown else host)

    def _stack(self, loop: asyncio.AbstractEventLoop, wheel: TimerWheel) -> SipStack:
        config = self._config
        return SipStack(
            loop,
            wheel,
            Tokens(os.urandom),
            Timings(config.timer_t1, config.timer_t2, config.timer_t4),
            tcp_threshold=config.tcp_threshold,
            tcp_keepalive=config.tcp_keepalive,
            max_connections=self._files.tcp,
        )

    def _endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(i, a.addr.host, a.addr.port, a.bind_addr.host, a.bind_addr.port)
            for i, a in enumerate(self._config.sip_addr)
        ]

    def _open_log(self, loop: asyncio.AbstractEventLoop) -> LogFile:
        config = self._config
        name = config.log_filename
        log_file = LogFile(
            os.path.abspath(name) if name else "",  # load() has resolved it from the configuration's folder
            directory=str(self._path.parent),
            options=parse_log_options(config.log_options),
            sync=config.log_sync,
        )
        trace.set_sink(log_file)
        log_file.start(loop.call_later)
        for text in self._store_warnings:
            log(IMS, trace.ERROR, text)
        return log_file

    async def _until_stopped(self, commands: Commands) -> None:
        if not terminal_available():
            await self._stopping.wait()
            return
        monitor = asyncio.create_task(Monitor(commands).run())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({monitor, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done() and not commands.quitting:  # the terminal is gone: serve on
            await stopping
        for task in (monitor, stopping):
            task.cancel()
        await asyncio.gather(monitor, stopping, return_exceptions=True)

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A fault of ours in a callback: counted and logged with its place; nothing else stops."""
        error = context.get("exception")
        counters.inc("ims_internal_error")
        body = "".join(traceback.format_exception(error)) if error is not None else ""
        log(IMS, trace.ERROR, f"{context.get('message', 'error in the event loop')}: {error!r}", body=body)
        self._events.error("internal error, the log file has the details", error=repr(error))

    def _open_store(self) -> StateStore:
        name = self._config.ue_db_filename
        if not name:
            return MemoryStore()
        return SqliteStore.open(Path(name).absolute(), self._on_store_warning)

    def _on_store_warning(self, text: str) -> None:
        self._store_warnings.append(text)
        self._events.error(text)


class Periodic:
    """Calls a function every so many seconds on the wheel."""

    def __init__(self, wheel: TimerWheel, interval: float, callback: Callable[[], None]) -> None:
        self._wheel = wheel
        self._interval = interval
        self._callback = callback
        self._handle = wheel.add(interval, self._fire)

    def _fire(self) -> None:
        self._handle = self._wheel.add(self._interval, self._fire)
        self._callback()

    def stop(self) -> None:
        """Call no more."""
        self._wheel.cancel(self._handle)


def local_hosts(domain: str, hosts: list[str], subscribers: Subscribers) -> frozenset[str]:
    """The hosts that mean this server: the domains of all users, our addresses."""
    found = {domain.lower(), *(host.lower() for host in hosts)}
    for subscriber in subscribers:
        found.add(subscriber.domain.lower())
        found.update(impu.uri.host for impu in subscriber.impus if impu.uri.host)
    return frozenset(found)


def check_startable(loaded: Loaded) -> None:
    """What only a start needs: OperatorError if the configuration cannot serve anybody."""
    if not loaded.config.sip_addr:
        raise OperatorError("sip_addr is not set: there is no address for phones; set it in the configuration")
