"""The faces to the operator put together (floor 5): the commands of every console, the remote API, metrics.

app.py has their ports taken before anything is touched, opens them when the functions serve, and closes them.
"""

import os
import time

from lteims import installed
from lteims.config import ImsConfig
from lteims.functions import Functions
from lteims.ims.settings import Settings
from lteims.ims.user_control import Happenings, UserControl
from lteims.oam.api import Api
from lteims.oam.api_events import Events
from lteims.oam.api_messages import Messages
from lteims.oam.api_protocol import Clocks
from lteims.oam.api_stats import Sampling
from lteims.oam.commands import Commands
from lteims.oam.ipsec_commands import IpsecCommands
from lteims.oam.log import LogFile
from lteims.oam.metrics import Metrics
from lteims.oam.metrics_http import MetricsServer
from lteims.oam.rates import Rates
from lteims.oam.server_commands import ServerCommands
from lteims.sip.grammar import host_port


class Faces:
    """All but the monitor, which app.py shows where there is a terminal."""

    def __init__(self, config: ImsConfig, clocks: Clocks) -> None:
        """`clocks` tell when the server was started."""
        self._config = config
        self._clocks = clocks
        self._api: Api | None = None
        self._metrics: MetricsServer | None = None

    def take_ports(self, clients: int) -> None:
        """OperatorError where one cannot be had; `clients` is how many file descriptors those of the API may have."""
        config = self._config
        if config.com_addr is not None:
            self._api = Api(config, os.urandom, clients)
        if config.metrics_addr is not None:
            self._metrics = MetricsServer(config.metrics_addr.host, config.metrics_addr.port)

    def commands(self, functions: Functions, log_file: LogFile) -> Commands:
        """The operator's commands, for every console."""
        commands = Commands(functions.control, log_file)
        security, flush = functions.security, functions.plane.flush
        rates = Rates(time.monotonic, time.process_time, flush, self._clients)
        ipsec = IpsecCommands(None if security is None else security.sets.views)
        for command in (*ServerCommands(rates, flush, functions.core.mmes).commands(), *ipsec.commands()):
            commands.add(command)
        return commands

    def _clients(self) -> int:
        return self._api.load()["clients"] if self._api is not None else 0

    async def start(self, functions: Functions, commands: Commands, log_file: LogFile) -> None:
        """Let clients in."""
        if self._api is not None:
            await self._start_api(self._api, functions, commands, log_file)
        if self._metrics is not None:
            await self._metrics.start(self._gauges(functions))

    async def _start_api(self, api: Api, functions: Functions, commands: Commands, log_file: LogFile) -> None:
        loop, control = functions.stack.loop, functions.control
        happenings = Happenings(functions.subscribers, functions.calls, functions.gateway)
        users = UserControl(functions.subscribers)
        users.listeners.append(functions.gateway.reachable)  # by the way that user_set has chosen
        events = Events(happenings, control.users_of, loop.call_later)
        # A number, as the manual says; some clients have seen hex, none of them reads more than that it has changed
        instance = int.from_bytes(os.urandom(4), "big")
        sampling = Sampling(time.monotonic, time.process_time, instance, functions.plane.flush)
        messages = Messages(
            api.name, control, commands, users, Settings(self._config), log_file, events, sampling, loop.time,
            self._clocks.started_utc,
        )  # fmt: skip
        await api.start(messages, events, self._clocks)

    def _gauges(self, functions: Functions) -> Metrics:
        """What Prometheus is shown."""
        plane, security, mms = functions.plane, functions.security, functions.mms
        metrics = Metrics(functions.stack, functions.subscribers, functions.calls, plane.flush, installed.kind())
        metrics.add_peers(functions.core.peers)
        metrics.add_gauge("api_clients", self._clients)
        metrics.add_gauge("rtp_streams", plane.streams.__len__)
        metrics.add_gauge("sms_queue_length", functions.gateway.load)
        metrics.add_gauge("mms_queue_length", None if mms is None else mms.load)
        metrics.add_gauge("sa_sets", None if security is None else lambda: security.sets.load()["sets"])
        functions.pcscf.on_refused = metrics.refusals.on_refused
        functions.challenges.on_answered = metrics.registration.observe
        return metrics

    def shown(self) -> str:
        """For the line that says what is ready."""
        text = ""
        if self._api is not None:
            text += f", api {self._api.scheme}://{host_port(self._api.host, self._api.port)}"
        if self._metrics is not None:
            text += f", metrics {self._metrics.url}"
        return text

    async def close_api(self) -> None:
        """Send its clients away; what they ask for ends from now on."""
        if self._api is not None:
            await self._api.close()

    async def close(self) -> None:
        """Give the ports back."""
        if self._metrics is not None:
            await self._metrics.close()
        await self.close_api()
