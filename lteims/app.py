"""The composition root (floor 5): the server from its first port to its last word. __main__.py runs it.

What it serves with is built by functions.py, what it shows by faces.py; here they are started and stopped in order.
"""

import asyncio
import gc
import os
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from lteims import __version__, counters, trace
from lteims.config import Loaded
from lteims.config.log_options import parse_log_options
from lteims.descriptors import raise_limit, shares
from lteims.errors import OperatorError
from lteims.faces import Faces
from lteims.functions import Functions
from lteims.ids import Tokens
from lteims.net.ipsec import Ipsec
from lteims.net.mm1 import Mm1Server
from lteims.net.sip import SipStack
from lteims.net.sip_flow import CLEAR, Endpoint
from lteims.net.timers import TimerWheel
from lteims.oam.api_protocol import Clocks
from lteims.oam.commands import Commands
from lteims.oam.events import events
from lteims.oam.log import LogFile
from lteims.oam.monitor import Monitor, terminal_available
from lteims.protected import shown, take_ports
from lteims.report import report
from lteims.sip.grammar import host_port
from lteims.sip.transaction import Timings
from lteims.store.memory import MemoryStore
from lteims.store.sqlite import SqliteStore
from lteims.store.state import StateStore
from lteims.trace import IMS, INFO, log


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
            faces = Faces(config, self._clocks)
            try:
                stack.bind(self._endpoints())
                if config.mms_server_bind_addr is not None:
                    self._mm1 = Mm1Server(config.mms_server_bind_addr.host, config.mms_server_bind_addr.port)
                faces.take_ports(self._files.api)
                # Only now, when no other server has our state or our addresses, may its log be touched
                log_file = self._open_log(loop)
                try:
                    await self._serve(stack, log_file, store, faces)
                finally:
                    log(IMS, INFO, "stopped")
                    log_file.close()
            finally:
                await faces.close()
                if self._mm1 is not None:
                    await self._mm1.close()
                if self._ipsec is not None:
                    self._ipsec.close()
                await stack.close()
                wheel.close()
        finally:
            store.close()

    async def _serve(self, stack: SipStack, log_file: LogFile, store: StateStore, faces: Faces) -> None:
        report(self._config, self._warnings, self._events)
        self._ipsec = take_ports(stack.loop, stack, self._config)
        functions = Functions(self._config, str(self._path.parent), stack, store, self._ipsec, self._mm1, self.stop)
        functions.restore()
        commands = faces.commands(functions, log_file)
        try:
            await functions.start()
            await faces.start(functions, commands, log_file)
            gc.freeze()  # what lives as long as the process is no work for the collector
            gc.set_threshold(100_000, 20, 20)
            self._say_ready(stack, functions.core.shown() + faces.shown())
            await self._until_stopped(commands)
        finally:
            await faces.close_api()
            await functions.close()
            await store.commit()

    def _say_ready(self, stack: SipStack, others: str) -> None:
        """One line with every bound address, to whoever started us and to the log."""
        bound = ", ".join(
            f"sip {host_port(e.bind_host, e.bind_port)} udp+tcp" for e in stack.endpoints if e.side == CLEAR
        )
        if self._ipsec is not None:
            bound += f", {shown(stack, self._ipsec)}"
        if self._mm1 is not None:
            bound += f", mms http://{host_port(self._mm1.host, self._mm1.port)}"
        bound += others
        with suppress(OSError):  # whoever read our output may have gone
            print(f"lteims {__version__} ready: {bound}", flush=True)
        log(IMS, INFO, f"ready: {bound}")

    # -- parts
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


def check_startable(loaded: Loaded) -> None:
    """What only a start needs: OperatorError if the configuration cannot serve anybody."""
    if not loaded.config.sip_addr:
        raise OperatorError("sip_addr is not set: there is no address for phones; set it in the configuration")
