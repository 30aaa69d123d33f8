"""What the remote API starts with (manual 5.2 com_*): its socket, its certificate, its password; api.py asks for them.

Each is an OperatorError, in the operator's words, where it cannot be had.
"""

import errno
import socket
import ssl
from pathlib import Path

from lteims.config import ComAuth, ImsConfig
from lteims.errors import OperatorError
from lteims.ids import RandomBytes
from lteims.oam.api_auth import Gate
from lteims.oam.api_client import STALLED


def gate_of(name: str, auth: ComAuth, random: RandomBytes) -> Gate:
    """The password of com_auth, ready to be asked for."""
    password = auth.password
    if auth.passfile:
        try:
            password = Path(auth.passfile).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeError) as error:
            raise OperatorError(f"com_auth: passfile {auth.passfile} cannot be read: {error}") from None
    if not password:
        raise OperatorError(f"com_auth: passfile {auth.passfile} is empty: write the password into it")
    return Gate(name, password, random, unsecure=auth.unsecure)


def tls_of(config: ImsConfig) -> ssl.SSLContext:
    """TLS with com_ssl_certificate; com_ssl_peer_verify wants a certificate of the client that it has signed."""
    certificate, key = config.com_ssl_certificate, config.com_ssl_key
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
        if config.com_ssl_peer_verify:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cafile=certificate)
    except (OSError, ssl.SSLError) as error:
        raise OperatorError(
            f"com_ssl_certificate {certificate} with com_ssl_key {key} cannot be used: {error}"
        ) from None
    return context


def bound(host: str, port: int) -> socket.socket:
    """A TCP socket that listens; port 0 takes any."""
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    sock: socket.socket | None = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is accepted inherits these: a client without power or cable is noticed, though nobody pings
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(2000 * STALLED))
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        sock.bind(address)
        sock.listen(512)
        sock.setblocking(False)
    except OSError as error:
        if sock is not None:
            sock.close()
        hint = "is another server running?" if error.errno == errno.EADDRINUSE else "check com_addr"
        raise OperatorError(f"cannot bind tcp {shown} for the remote API: {error.strerror}: {hint}") from None
    return sock
