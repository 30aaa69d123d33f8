"""The IMS functions put together (floor 5): every object of ims/ that there is once, on the drivers of net/.

app.py makes them when the ports are taken, has them restore what the state file keeps, starts and ends them. In the
words of TS 23.228: P-CSCF, I-CSCF, S-CSCF, HSS, IP-SM-GW; the MMSC beside them.
"""

import asyncio
import os
import time
from collections.abc import Callable

from lteims.config import ImsConfig
from lteims.core import Core
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
from lteims.ims.sms_store import SmsStore
from lteims.ims.subscribers import Subscribers
from lteims.net.ipsec import Ipsec
from lteims.net.mm1 import Mm1Server
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool
from lteims.net.sip import SipStack
from lteims.net.timers import Handle, TimerWheel
from lteims.protected import secure
from lteims.sip.grammar import host_port
from lteims.store.state import StateStore
from lteims.trace import IMS, INFO, log

SWEEP_INTERVAL = 5.0  # seconds between looks for nonces that nobody answered
GOODBYE_TIME = 0.3  # seconds that a stopping server gives its last BYEs to leave
MMS_ON_DISK, MMS_IN_MEMORY = 4 << 30, 256 << 20  # octets that the bodies of all multimedia messages may have


class Functions:
    """All of them; faces.py shows the operator those that have a name here."""

    def __init__(
        self, config: ImsConfig, folder: str, stack: SipStack, store: StateStore, ipsec: Ipsec | None,
        mm1: Mm1Server | None, stop: Callable[[], None],
    ) -> None:  # fmt: skip
        """`folder` is what relative file names are relative to; `stop` ends the process for the operator."""
        self._config = config
        self.stack = stack
        self._store = store
        self._mm1 = mm1
        loop, wheel = stack.loop, stack.wheel
        self.subscribers = Subscribers(config.domain, store, wheel, time.time)
        self.subscribers.add(config.ue_db)
        self.challenges = Challenges(loop.time, stack.tokens.octets)
        self.core = Core(config, loop, wheel, os.urandom)
        own = EmbeddedHss(self.subscribers, store, stack.tokens.octets)
        hss = self.core.hss_of(self.subscribers, own, self.challenges, store)
        registrar = Registrar(config, self.subscribers, hss, self.challenges, store, time.time)
        self.plane = MediaPlane(loop, loop.time, wheel, stack.tokens)
        files = SdpFiles()
        self.calls = self._calls(files)
        locator = Locator(config, self.subscribers)
        self.gateway = IpSmGw(config, stack, self.subscribers, SmsStore(store), time.time)
        self.gateway.directory = self.core.hss
        self.core.take_messages(self.gateway, self.subscribers)
        self.pcscf = self._pcscf(registrar, locator)
        self.security = None if ipsec is None else secure(config, loop, stack, ipsec, self.subscribers)
        self.pcscf.security = self.security
        self._registrations = Deregistration(stack, self.subscribers, self.calls, store)
        self._provisioning = Provisioning(self.subscribers, store, self._registrations, folder)
        self.control = Control(
            self.subscribers, self.calls, time.time, stop, locator, folder, files, config.mt_call_sdp_file,
            self.gateway, self._registrations, self._provisioning,
        )  # fmt: skip
        self.mms = None if mm1 is None else self._mmsc(mm1)
        if self.mms is not None:
            self.control.mms = MmsControl(self.subscribers, self.mms, folder)
        self._sweeper = Periodic(wheel, SWEEP_INTERVAL, self.challenges.sweep)

    def _calls(self, files: SdpFiles) -> Calls:
        config, bearers = self._config, self.core.bearers
        pools = [PortPool(address.port_min, address.port_max) for address in config.sip_addr]
        calls = Calls(
            config, self.stack, self.plane, pools, bearers=bearers, wall=time.time, templates=files.find
        )  # fmt: skip
        if bearers is not None:
            bearers.on_lost = BearerLoss(self.stack.wheel, calls).lost
        return calls

    def _pcscf(self, registrar: Registrar, locator: Locator) -> Pcscf:
        """The core of the SIP stack."""
        config, stack = self._config, self.stack
        identifier = Identifier(config, self.subscribers, registrar)
        pcscf = Pcscf(stack, registrar, identifier, locator, self.calls, Relay(stack, config))
        pcscf.directory = self.core.hss
        pcscf.gateway = self.gateway
        pcscf.notifier = RegEvent(config, stack, self.subscribers, time.time)
        stack.finish = Finisher(config).finish
        stack.core = pcscf
        return pcscf

    def _mmsc(self, mm1: Mm1Server) -> Mms:
        """The MMSC behind an HTTP server."""
        config, stack = self._config, self.stack
        messages = MmsStore(self._store, MMS_ON_DISK if config.ue_db_filename else MMS_IN_MEMORY)
        url = f"http://{host_port(shown_host(config, mm1.host), mm1.port)}/"
        return Mms(config, self.subscribers, self.gateway, messages, stack.tokens, stack.wheel, time.time, url)

    def restore(self) -> None:
        """What the state file keeps, in the order in which one needs the other."""
        subscribers, stack = self.subscribers, self.stack
        self._restored(self._provisioning.restore(), "users of users_add")
        hosts = [endpoint.host for endpoint in stack.endpoints]
        subscribers.local_hosts = local_hosts(self._config.domain, hosts, subscribers)
        self._restored(self.core.serve_hss(self._registrations, self._store), "users of the HSS")
        self._restored(subscribers.restore(len(self._config.sip_addr)), "bindings")
        self._restored(self.gateway.start(), "short messages")
        if self.mms is not None:
            self._restored(self.mms.restore(), "multimedia messages")

    def _restored(self, count: int, what: str) -> None:
        if count:
            log(IMS, INFO, f"{count} {what} restored from {self._config.ue_db_filename}")

    async def start(self) -> None:
        """Serve phones and the core network. OperatorError where an address is taken."""
        await self.stack.start()
        self.core.start()
        if self._mm1 is not None and self.mms is not None:
            await self._mm1.start(self.mms)
            self.mms.start()

    async def close(self) -> None:
        """End what is under way, and take leave of phones and peers."""
        self._sweeper.stop()
        if self._mm1 is not None and self.mms is not None:
            await self._mm1.close()
            self.mms.close()
        self.calls.close()
        await self.core.close()
        if self.stack.load()["client"]:
            await asyncio.sleep(GOODBYE_TIME)
        self.plane.close()


class Periodic:
    """Calls a function every so many seconds on the wheel."""

    def __init__(self, wheel: TimerWheel, interval: float, callback: Callable[[], None]) -> None:
        self._wheel = wheel
        self._interval = interval
        self._callback = callback
        self._handle: Handle = wheel.add(interval, self._fire)

    def _fire(self) -> None:
        self._handle = self._wheel.add(self._interval, self._fire)
        self._callback()

    def stop(self) -> None:
        """Call no more."""
        self._wheel.cancel(self._handle)


def shown_host(config: ImsConfig, host: str) -> str:
    """The address by which phones reach a server that is bound to `host`, which may be all of them."""
    if host not in ("0.0.0.0", "::"):
        return host
    shown = [address.addr for address in config.sip_addr]
    return next((a.host for a in shown if a.is_ipv6 == (host == "::")), shown[0].host if shown else host)


def local_hosts(domain: str, hosts: list[str], subscribers: Subscribers) -> frozenset[str]:
    """The hosts that mean this server: the domains of all users, our addresses."""
    found = {domain.lower(), *(host.lower() for host in hosts)}
    for subscriber in subscribers:
        found.add(subscriber.domain.lower())
        found.update(impu.uri.host for impu in subscriber.impus if impu.uri.host)
    return frozenset(found)
