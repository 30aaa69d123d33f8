"""Debian's freeDiameterd as a relay agent on the loopback: a Diameter implementation of somebody else's.

It has a certificate, since it does not start without one, and lets our clients in without TLS.
"""

import asyncio
import datetime
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lteims import counters, trace
from lteims.config.endpoint import Endpoint
from lteims.diameter.command import CX, RX, Answer, Node, Plain
from lteims.diameter.cx import Lia, Lir, Maa, Mar, Rtr
from lteims.diameter.cx_attributes import ReasonCode
from lteims.diameter.cx_auth import AuthRequest, DigestVector, Scheme
from lteims.diameter.rx import Aaa, Aar, Str
from lteims.diameter.rx_media import Media
from lteims.net.diameter import DiameterClient
from lteims.net.diameter_peer import Party
from lteims.net.timers import TimerWheel

HOST, REALM = "relay.example.net", "example.net"
WATCHDOG = 6  # seconds, the least that it takes
_CONF = """
Identity = "{host}";
Realm = "{realm}";
Port = {port};
SecPort = 0;
{transport};
ListenOn = "{address}";
TwTimer = {watchdog};
AppServThreads = 1;
TLS_Cred = "{folder}/cert.pem", "{folder}/key.pem";
TLS_CA = "{folder}/cert.pem";
LoadExtension = "acl_wl.fdx" : "{folder}/acl.conf";
LoadExtension = "dbg_msg_dumps.fdx" : "0x0080";
LoadExtension = "dict_nasreq.fdx";
LoadExtension = "dict_dcca.fdx";
LoadExtension = "dict_dcca_3gpp.fdx";
"""


class FreeDiameter:
    """One relay; `log` is what it has said."""

    def __init__(self, folder: Path, address: str, port: int, *, sctp: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        _certificate(folder)
        (folder / "acl.conf").write_text("ALLOW_IPSEC *.example.net\nALLOW_IPSEC *.example\n")
        conf = _CONF.format(
            host=HOST,
            realm=REALM,
            port=port,
            transport="No_TCP" if sctp else "No_SCTP",
            address=address,
            watchdog=WATCHDOG,
            folder=folder,
        )
        (folder / "freediameter.conf").write_text(conf)

    def __enter__(self) -> "FreeDiameter":
        command = ["freeDiameterd", "-c", str(self._folder / "freediameter.conf")]
        with open(self._folder / "log", "wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self._folder)
        return self

    @property
    def log(self) -> str:
        """What it has said."""
        return (self._folder / "log").read_text(errors="replace")

    def terminate(self) -> None:
        """Have it take leave."""
        self._process.send_signal(signal.SIGTERM)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )


async def answers(request: Any, session: str, origin: Node) -> Answer:
    """What both of our ends answer each other."""
    match request:
        case Mar():
            return Maa(vectors=(DigestVector("ims", "00" * 16),) * request.count)
        case Lir():
            return Lia(name=session)
        case Aar():
            return Aaa(ip_can_type=5)
    return Plain()


def _client(name: str, endpoint: Endpoint, watchdog: float) -> DiameterClient:
    loop = asyncio.get_running_loop()
    party = Party(Node(f"{name}.example.net", f"{name}.example"), (CX, RX), trace.CX, answers, watchdog)
    return DiameterClient(loop, TimerWheel(loop.call_at, loop.time), party, (endpoint,), None, os.urandom)


async def _until(relay: FreeDiameter, condition: Callable[[], object]) -> None:
    end = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < end, relay.log
        await asyncio.sleep(0.05)


async def through_the_relay(folder: Path, endpoint: Endpoint) -> None:
    """Capabilities, watchdogs each way, requests each way and their routes, and leave taken by either side."""
    with FreeDiameter(folder, endpoint.host, endpoint.port, sctp=endpoint.transport != "tcp") as relay:
        ims, hss = _client("ims", endpoint, 0.5), _client("hss", endpoint, 0)
        ims.start()
        hss.start()
        await _until(relay, lambda: ims.remote and hss.remote)
        assert ims.remote is not None
        assert ims.remote.node == Node(HOST, REALM)
        mar = Mar("u", "sip:u", AuthRequest(Scheme.DIGEST), "sip:s", 3)
        assert len((await ims.ask(mar, realm="hss.example")).vectors) == 3
        assert (await ims.ask(Lir("sip:u"), session="a;1;2", realm="hss.example")).name == "a;1;2"
        assert (await ims.ask(Aar((Media(1),)), realm="hss.example", host="hss.example.net")).ip_can_type == 5
        assert (await ims.ask(Str(), realm="hss.example", host="hss.example.net")).result.ok
        rtr = Rtr("u", ReasonCode.PERMANENT_TERMINATION)
        assert (await hss.ask(rtr, realm="ims.example", host="ims.example.net")).result.ok
        assert (await ims.ask(Lir("sip:u"), realm="nowhere.example")).result.code == 3002
        watched = counters.get("diam_dwa"), counters.get("diam_dwr")
        await asyncio.sleep(WATCHDOG + 3)  # its own watchdog has a jitter of 2 seconds
        assert counters.get("diam_dwa") >= watched[0] + 10  # those of ours, and its own
        assert ims.remote is not None
        assert hss.remote is not None
        await ims.close()
        await _until(relay, lambda: "Peer 'ims.example.net' sent a DPR with cause: REBOOTING" in relay.log)
        relay.terminate()
        await _until(relay, lambda: hss.remote is None)
        await hss.close()
        await _until(relay, lambda: "SND to 'hss.example.net':" in relay.log)
        # It has no dictionary of Cx and Rx, and says so; of what it reads it has nothing bad to say
        for trouble in ("Invalid", "invalid", "parse", "FATAL"):
            assert trouble not in relay.log.partition("FATAL! Initiating freeDiameter shutdown")[0], relay.log
