"""The HTTP side of MM1 (OMA-TS-MMS_CTR 6: POST with a PDU, GET of a message; manual 5.2, mms_server_bind_addr).

On aiohttp, in the event loop of the process: how much, how long and how many is bounded here, and what cannot be
served gets an HTTP status and a line of text. app.py starts it; ims/mms.py is its core.
"""

import asyncio
import errno
import logging
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol, cast

from aiohttp import ClientError, web
from aiohttp.web_protocol import RequestPayloadError

from lteims import counters
from lteims.errors import OperatorError, ProtocolError
from lteims.mm1.multipart import Limits
from lteims.mm1.push import MMS_MESSAGE
from lteims.trace import DEBUG, ERROR, IMS, INFO, log

MOST_CONNECTIONS: Final = 256
MOST_OCTETS: Final = 128 << 20  # of all bodies that are being received
MOST_ANSWERED: Final = 256 << 20  # octets of all answers that are being sent: slow clients keep theirs in memory
IDLE_TIME: Final = 30.0  # seconds without an octet of a request, or without one that a client takes
EXCHANGE_TIME: Final = 300.0  # seconds for a request and its answer
BUSY_TIME: Final = 0.5  # seconds for a client that is one too many to read so
_LONGEST_BODY: Final = Limits().octets
_NAME: Final = re.compile(r"(?:/[\w.~-]{1,40}){0,4}/([A-Za-z0-9_-]{16,64})", re.ASCII)
_PIECE: Final = 256 << 10  # octets of an answer at a time: more than aiohttp gathers before it waits
_SERVER: Final = {"Server": "lteims"}
_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Core(Protocol):
    """What answers."""

    async def on_pdu(self, data: bytes, peer: str) -> bytes:
        """The answer to a posted PDU, b"" for none.

        `data` may be cut off behind the octets that a PDU may have. ProtocolError for one that no PDU can answer,
        OperatorError when the server cannot do its part now.
        """

    async def on_get(self, name: str, peer: str) -> bytes:
        """The PDU that has the message of this name, or says that there is none."""


class _Refused(Exception):
    """A request that is not served, with its status and why."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Mm1Server:
    """The HTTP server."""

    def __init__(self, host: str, port: int) -> None:
        """Take the address; OperatorError when it cannot be had. Who connects has to wait for `start`."""
        self._socket = _bound(host, port)
        self.host: str = host
        self.port: int = self._socket.getsockname()[1]
        self._listener: asyncio.Server | None = None
        self._http: web.Server | None = None
        self._octets = 0  # of bodies that are being received or treated
        self._answered = 0  # octets of answers that are being sent
        self._core: Core | None = None

    async def start(self, core: Core) -> None:
        """Accept connections."""
        self._core = core
        self._http = http = web.Server(
            self._serve,
            access_log=None,
            logger=_logger(),
            keepalive_timeout=IDLE_TIME,
            lingering_time=IDLE_TIME,
            auto_decompress=False,  # a few octets may become many
        )

        def connection() -> asyncio.Protocol:
            if len(http.connections) < MOST_CONNECTIONS:
                return http()
            counters.inc("mms_http_error")
            return _Busy()

        self._listener = await asyncio.get_running_loop().create_server(connection, sock=self._socket)

    async def close(self) -> None:
        """Accept nothing more and end what is open."""
        if self._listener is not None:
            self._listener.close()
        if self._http is not None:
            await self._http.shutdown(timeout=0.5)
        self._socket.close()

    def load(self) -> dict[str, int]:
        """Connections, and octets of bodies in memory, for tests."""
        connections = len(self._http.connections) if self._http else 0
        return {"connections": connections, "octets": self._octets + self._answered}

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request; whatever happens becomes an answer, and never a traceback in it."""
        peer = request.remote or ""
        try:
            async with asyncio.timeout(EXCHANGE_TIME):
                response, body = await self._answer(request, peer)
                if len(body) > _PIECE and self._answered + len(body) > MOST_ANSWERED:
                    busy = _Refused(503, "Too many messages at a time.", Retry_After="10")
                    response, body = _failure(request, peer, busy)
                await self._send(request, response, body)
                return response
        except (TimeoutError, ConnectionError, ClientError, RequestPayloadError) as error:
            log(IMS, DEBUG, f"MM1: {request.method} was broken off: {type(error).__name__}", id=peer)
            counters.inc("mms_http_error")
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=408, headers=_SERVER)  # which nobody gets

    async def _answer(self, request: web.BaseRequest, peer: str) -> tuple[web.StreamResponse, bytes]:
        try:
            body = await self._treat(request, peer)
        except _Refused as refused:
            return _failure(request, peer, refused)
        except ProtocolError as error:
            return _failure(request, peer, _Refused(400, f"Bad PDU: {error}"))
        except OperatorError:
            return _failure(request, peer, _Refused(503, "The server cannot store anything now.", Retry_After="60"))
        except (TimeoutError, ConnectionError, ClientError, RequestPayloadError):
            raise
        except Exception as error:
            counters.inc("ims_internal_error")
            log(IMS, ERROR, f"MM1: {request.method} failed inside: {error!r}", id=peer)
            return _failure(request, peer, _Refused(500, "The server has failed."))
        response = web.StreamResponse(headers=_SERVER)
        if body:
            response.content_type = MMS_MESSAGE.media
        if not request.content.at_eof():  # a body that was too long: what is left of it is not worth reading
            response.force_close()
        return response, body

    async def _treat(self, request: web.BaseRequest, peer: str) -> bytes:
        assert self._core is not None
        match request.method:
            case "POST":
                if request.content_type.lower() != MMS_MESSAGE.media:
                    raise _Refused(415, f"Only {MMS_MESSAGE.media} is taken here.", Accept=MMS_MESSAGE.media)
                if request.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise _Refused(415, "Messages are taken as they are, not compressed.", Accept_Encoding="identity")
                async with self._body(request) as data:
                    return await self._core.on_pdu(data, peer)
            case "GET":
                name = _NAME.fullmatch(request.path)
                if name is None:
                    raise _Refused(404, "There is no message at this address, which is a server for MMS.")
                return await self._core.on_get(name[1], peer)
            case _:
                raise _Refused(405, "Messages are posted, or got.", Allow="GET, POST")

    @asynccontextmanager
    async def _body(self, request: web.BaseRequest) -> AsyncIterator[bytes]:
        """The body, one octet more than the limit at the most."""
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        data = bytearray()
        try:
            try:
                await self._receive(request, data)
            except TimeoutError:
                raise _Refused(408, "The rest of the message did not come in time.") from None
            yield bytes(data[: _LONGEST_BODY + 1])
        finally:
            self._octets -= len(data)

    async def _receive(self, request: web.BaseRequest, data: bytearray) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(IDLE_TIME) as idle:
            async for piece in request.content.iter_any():
                data += piece
                self._octets += len(piece)
                if self._octets > MOST_OCTETS:
                    raise _Refused(503, "Too many messages at a time.", Retry_After="10")
                if len(data) > _LONGEST_BODY:
                    return
                idle.reschedule(loop.time() + IDLE_TIME)

    async def _send(self, request: web.BaseRequest, response: web.StreamResponse, body: bytes) -> None:
        """Write an answer piece by piece; a client that takes none of it for too long is given up."""
        response.content_length = len(body)
        self._answered += len(body)
        try:
            await response.prepare(request)
            for start in range(0, len(body), _PIECE):
                async with asyncio.timeout(IDLE_TIME):
                    await response.write(body[start : start + _PIECE])
            await response.write_eof()
        finally:
            self._answered -= len(body)


class _Busy(asyncio.Protocol):
    """Answers a connection that is one too many.

    It is closed a moment later: closed at once, with a request that nobody has read, it would be reset, and a client
    may then never see the answer.
    """

    _transport: asyncio.Transport
    _end: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none, but do the same
        self._transport.write(_BUSY)
        self._end = asyncio.get_running_loop().call_later(BUSY_TIME, self._transport.abort)

    def connection_lost(self, _error: Exception | None) -> None:
        self._end.cancel()


def _failure(request: web.BaseRequest, peer: str, refused: _Refused) -> tuple[web.StreamResponse, bytes]:
    counters.inc("mms_http_error")
    log(IMS, INFO, f"MM1: {request.method} answered {refused.status}: {refused.why}", id=peer)
    response = web.StreamResponse(status=refused.status, headers=_SERVER | refused.headers)
    response.content_type, response.charset = "text/plain", "utf-8"
    if not request.content.at_eof():
        response.force_close()
    return response, f"{refused.why}\n".encode() if request.method != "HEAD" else b""


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A client that no longer takes what was sent is gone, whatever TCP still hopes
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(2000 * IDLE_TIME))
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        sock.bind((host, port))
        sock.listen(MOST_CONNECTIONS)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        hint = "is another server running?" if error.errno == errno.EADDRINUSE else "check mms_server_bind_addr"
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise OperatorError(f"cannot bind tcp {shown} for MMS: {error.strerror}: {hint}") from None
    return sock


class _ToTrace(logging.Handler):
    """What aiohttp has to say of broken requests."""

    def emit(self, record: logging.LogRecord) -> None:
        log(IMS, DEBUG, f"MM1: {record.getMessage()}")


def _logger() -> logging.Logger:
    logger = logging.Logger("mm1")
    logger.addHandler(_ToTrace())
    return logger
