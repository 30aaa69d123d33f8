"""The remote API's WebSocket server (manual 6, RFC 6455), on the `websockets` library in the event loop of the process.

Connections and looks for log entries are here, what one client does in api_client.py; frames are api_protocol.py's,
messages api_messages.py's. app.py binds it early and starts it late.
"""

import asyncio
import http
import logging
import time
from typing import Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from lteims import counters
from lteims.config import ImsConfig
from lteims.ids import RandomBytes
from lteims.oam.api_client import Client
from lteims.oam.api_connection import Connection
from lteims.oam.api_events import Events
from lteims.oam.api_log import LogQuery
from lteims.oam.api_messages import Messages
from lteims.oam.api_protocol import LONGEST_FRAME, Clocks
from lteims.oam.api_socket import bound, gate_of, tls_of
from lteims.trace import DEBUG, IMS, log

MOST_CLIENTS: Final = 1200
LOOK: Final = 0.2  # seconds between looks for log entries: so many answers a second, and no more, for each client
LOG_OCTETS: Final = 4 << 20  # of answers to log_get in one look: readers of the log fall behind before phones do
LOG_SHARE: Final = 0.03  # of the time that looks may take; to send what they find costs as much again
DRAIN_TIME: Final = 0.5  # seconds that a stopping server gives its last answers


class Api:
    """The server."""

    def __init__(self, config: ImsConfig, random: RandomBytes, most_clients: int = MOST_CLIENTS) -> None:
        """Take the address of com_addr, read certificate and password; OperatorError when one cannot be had."""
        assert config.com_addr is not None
        self.name = config.com_name
        self._most_clients = most_clients
        self.gate = gate_of(config.com_name, config.com_auth, random) if config.com_auth is not None else None
        self._tls = tls_of(config) if config.com_ssl_certificate else None
        self._socket = bound(config.com_addr.host, config.com_addr.port)
        self.host: str = config.com_addr.host
        self.port: int = self._socket.getsockname()[1]
        self.scheme = "wss" if self._tls is not None else "ws"
        self.unsent = 0  # octets for all clients
        self.sent = 0  # octets, since the start
        self.standalone: set[asyncio.TimerHandle] = set()
        self._clients: dict[Client, None] = {}
        self._server: Server | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.waiting: dict[Client, LogQuery] = {}

    async def start(self, messages: Messages, events: Events, clocks: Clocks) -> None:
        """Accept connections."""
        self.messages, self.events, self.clocks = messages, events, clocks
        self._loop = asyncio.get_running_loop()
        self._server = await serve(
            self._serve,
            sock=self._socket,
            ssl=self._tls,
            process_request=self._admit,
            create_connection=Connection,
            compression=None,
            max_size=LONGEST_FRAME,
            max_queue=4,
            open_timeout=10,
            ping_interval=None,  # clients of few lines do not answer; the socket notices when one has gone
            close_timeout=1,
            server_header="lteims",
            logger=_silent(),
        )

    async def close(self) -> None:
        """Send the last answers, then end what is open."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self.waiting.clear()
        while self.standalone:
            self.standalone.pop().cancel()
        if self._server is not None:
            if self._clients:
                await asyncio.wait(
                    [asyncio.create_task(client.drained()) for client in self._clients], timeout=DRAIN_TIME
                )
            self._server.close()
            await self._server.wait_closed()
        self._socket.close()

    def load(self) -> dict[str, int]:
        """Clients and what is kept for them, for tests and metrics."""
        return {"clients": len(self._clients), "unsent": self.unsent, "log_get": len(self.waiting)}

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """A page instead of the WebSocket, or None (manual 6: any Origin will do, but there must be one)."""
        if not request.headers.get_all("Origin"):
            return connection.respond(http.HTTPStatus.FORBIDDEN, "The header Origin is missing.\n")
        if len(self._clients) >= self._most_clients:
            counters.inc("api_refused")
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "There are too many clients.\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Connection)
        client = Client(self, connection)
        self._clients[client] = None
        counters.inc("api_client")
        log(IMS, DEBUG, "remote API: connected", id=client.address)
        try:
            await client.run()
        finally:
            del self._clients[client]
            self.waiting.pop(client, None)
            self.events.drop(client)
            client.close()
            log(IMS, DEBUG, "remote API: disconnected", id=client.address)

    # -- log_get
    def wait_for_log(self, client: Client, query: LogQuery) -> None:
        """Look for entries for a client from now on."""
        self.waiting[client] = query
        if self._looking is None and self._loop is not None:
            self._looking = self._loop.call_later(LOOK, self._look)

    def _look(self) -> None:
        assert self._loop is not None
        self._looking = None
        now, most, begun = self._loop.time(), self.sent + LOG_OCTETS, time.perf_counter()
        for client, query in list(self.waiting.items()):
            if self.sent > most:  # who comes first next time: one that was answered stands last when it asks again
                break
            found = query.poll(now)
            if found is not None:
                client.log_found(found)
        if self.waiting:
            took = time.perf_counter() - begun
            self._looking = self._loop.call_later(max(LOOK, took / LOG_SHARE), self._look)


def _silent() -> logging.Logger:
    """What `websockets` has to say of broken handshakes is of no use to anybody."""
    logger = logging.Logger("api", logging.CRITICAL + 1)
    logger.addHandler(logging.NullHandler())
    return logger
