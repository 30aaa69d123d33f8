"""The page of Prometheus (metrics_addr): GET /metrics, and /health for whoever wants to know whether the server lives.

On aiohttp, in the event loop of the process; the text is made in a thread, once for all who ask within a moment.
"""

import asyncio
import errno
import logging
import socket
from typing import Final

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from lteims.errors import OperatorError
from lteims.oam.metrics import Metrics
from lteims.sip.grammar import host_port
from lteims.trace import DEBUG, IMS, log

MOST_CONNECTIONS: Final = 32
FRESH: Final = 0.5  # seconds that a text is good for: who asks all the time costs no more than two in a second
IDLE_TIME: Final = 75.0  # seconds that a connection may be idle: more than most intervals between scrapes
_PAGE: Final = b'<!DOCTYPE html><title>lteims</title><p>lteims: <a href="/metrics">metrics</a>\n'


class MetricsServer:
    """The HTTP server."""

    def __init__(self, host: str, port: int) -> None:
        """Take the address; OperatorError when it cannot be had. Who connects has to wait for `start`."""
        self._socket = _bound(host, port)
        self.host: str = host
        self.port: int = self._socket.getsockname()[1]
        self._listener: asyncio.Server | None = None
        self._http: web.Server | None = None
        self._metrics: Metrics | None = None
        self._lock = asyncio.Lock()
        self._texts: dict[str, tuple[float, bytes]] = {}  # by content type: when it was made

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{host_port(self.host, self.port)}/metrics"

    async def start(self, metrics: Metrics) -> None:
        """Accept connections."""
        self._metrics = metrics
        loop = asyncio.get_running_loop()
        logger = logging.Logger("metrics")
        logger.addHandler(_ToTrace())
        http = web.Server(self._serve, access_log=None, logger=logger, keepalive_timeout=IDLE_TIME, lingering_time=1)
        self._http = http

        def connection() -> asyncio.Protocol:
            if len(http.connections) >= MOST_CONNECTIONS:  # nobody who only keeps lines busy locks Prometheus out
                http.connections[0].force_close()
            return http()

        metrics.lag.start()
        self._listener = await loop.create_server(connection, sock=self._socket)

    async def close(self) -> None:
        """Accept nothing more and end what is open."""
        if self._metrics is not None:
            self._metrics.lag.stop()
        if self._listener is not None:
            self._listener.close()
        if self._http is not None:
            await self._http.shutdown(timeout=0.2)
        self._socket.close()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await self._answer(request)
        response.headers["Server"] = "lteims"
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, text="GET, please.\n", headers={"Allow": "GET, HEAD"})
        match request.path:
            case "/metrics":
                body, kind = await self._text(request.headers.get("Accept", ""))
                return web.Response(body=body, headers={"Content-Type": kind})
            case "/health":
                return web.Response(text="ok\n")
            case "/":
                return web.Response(body=_PAGE, content_type="text/html")
            case _:
                return web.Response(status=404, text="/metrics and /health are here.\n")

    async def _text(self, accept: str) -> tuple[bytes, str]:
        assert self._metrics is not None
        loop = asyncio.get_running_loop()
        encoder, kind = choose_encoder(accept[:500])
        async with self._lock:
            made, text = self._texts.get(kind, (-FRESH, b""))
            if loop.time() - made >= FRESH:
                text = await asyncio.to_thread(encoder, self._metrics.gather())
                if len(self._texts) > 8:  # a client chooses among spellings of the type
                    self._texts.clear()
                self._texts[kind] = (loop.time(), text)
        return text, kind


class _ToTrace(logging.Handler):
    """What aiohttp has to say of broken requests."""

    def emit(self, record: logging.LogRecord) -> None:
        log(IMS, DEBUG, f"metrics: {record.getMessage()}")


def _bound(host: str, port: int) -> socket.socket:
    sock: socket.socket | None = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        sock.bind(address)
        sock.listen(MOST_CONNECTIONS)
        sock.setblocking(False)
    except OSError as error:
        if sock is not None:
            sock.close()
        hint = "is another server running?" if error.errno == errno.EADDRINUSE else "check metrics_addr"
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise OperatorError(f"cannot bind tcp {shown} for metrics: {error.strerror}: {hint}") from None
    return sock
