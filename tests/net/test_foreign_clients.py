"""Clients that others wrote drive the remote API: npm's nodejs-websocket and PyPI's websocket-client.

Each in clear, over TLS and with a client certificate, with a password and without; each is refused what it must be.
"""

import base64
import hmac
import json
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any, Protocol

import pytest
import websocket

from tests.net.ports import free_port
from tests.net.server import Server
from tests.phone.account import Account, ue_db

BOB = Account("001010000000002", "none", impu='["001010000000002", "tel:+492"]')
PEER = Path(__file__).resolve().parents[1] / "peers" / "websocket"
PASSWORD = "pässwörd"
LONG = "übergrößenträger ✓ " * 4000  # longer than 65535 octets, so that frames have their longest form
REQUESTS: tuple[Any, ...] = (
    {"message": "config_get", "message_id": {"any": ["type", None]}},
    [{"message": "help", "message_id": 1}, {"message": "stats", "message_id": 2.5}],
    {"message": "bar", "message_id": "foo"},
    {"message": "log_set", "log": LONG, "layer": "IMS", "level": "error", "message_id": "set"},
    {"message": "log_get", "layers": {"IMS": "error"}, "start_time": 0.2, "message_id": "get"},
)
FRAMES = 6  # answers to these
Frames = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Papers:
    """Files of a client: whom it trusts, and what it shows."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class Refused(Exception):
    """The connection ended before everything was answered; the argument is what had come."""


class Driver(Protocol):
    """A foreign client: connects, answers challenges with one password after the other, sends, and tells all frames."""

    def __call__(
        self,
        url: str,
        papers: Papers,
        passwords: Sequence[str] = (),
        requests: Sequence[Any] = REQUESTS,
        frames: int = FRAMES,
        origin: str = "foreign",
    ) -> Frames:
        """The frames; Refused when it did not get so many."""


class Node:
    """nodejs-websocket, driven by tests/peers/websocket/client.js."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        url: str,
        papers: Papers,
        passwords: Sequence[str] = (),
        requests: Sequence[Any] = REQUESTS,
        frames: int = FRAMES,
        origin: str = "foreign",
    ) -> Frames:
        files = {name: str(getattr(papers, name) or "") for name in ("ca", "cert", "key")}
        task = {"url": url, "passwords": passwords, "requests": requests, "frames": frames, "origin": origin, **files}
        ran = subprocess.run(
            ["node", "client.js"], input=json.dumps(task), cwd=self.folder, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        found = [json.loads(text) for text in ran.stdout.splitlines()]
        if ran.returncode:
            raise Refused(found, ran.stderr)
        return found


def drive_python(
    url: str,
    papers: Papers,
    passwords: Sequence[str] = (),
    requests: Sequence[Any] = REQUESTS,
    frames: int = FRAMES,
    origin: str = "foreign",
) -> Frames:
    """websocket-client."""
    tls: dict[str, Any] = {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": str(papers.ca)} if papers.ca else {}
    if papers.cert:
        tls |= {"certfile": str(papers.cert), "keyfile": str(papers.key)}
    found: Frames = []
    left = list(passwords)
    try:
        client = websocket.create_connection(
            url, timeout=60, sslopt=tls, origin=origin or None, suppress_origin=not origin, http_no_proxy=["127.0.0.1"]
        )
        while frames:
            frame = json.loads(client.recv())
            found.append(frame)
            if frame["message"] == "ready" or frame.get("ready"):
                for request in requests:
                    client.send(json.dumps(request))
            elif frame["message"] == "authenticate":
                if not left:
                    break
                key = f"{frame['type']}:{left.pop(0)}:{frame['name']}".encode()
                res = hmac.new(key, frame["challenge"].encode(), "sha256").hexdigest()
                client.send(json.dumps({"message": "authenticate", "message_id": "login", "res": res}))
            else:
                frames -= 1
        client.close()
    except (OSError, ValueError, websocket.WebSocketException) as error:
        raise Refused(found, error) from None
    return found


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    folder = copytree(PEER, tmp_path_factory.mktemp("node") / "client")
    line = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    ran = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return Node(folder)


@pytest.fixture(params=["nodejs-websocket", "websocket-client"])
def drive(request: pytest.FixtureRequest) -> Driver:
    """Each of the two clients."""
    if request.param == "websocket-client":
        return drive_python
    found: Node = request.getfixturevalue("node")
    return found


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def authority(folder: Path, name: str) -> Papers:
    """A certificate that signs itself and others."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=lteims lab", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert,
    )  # fmt: skip
    return Papers(cert=cert, key=key)


def signed(folder: Path, name: str, by: Papers, days: int = 2) -> Papers:
    """A client's certificate."""
    cert, key, request = folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}.csr"
    openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
        "-keyout", key, "-out", request,
    )  # fmt: skip
    assert by.cert
    assert by.key
    openssl(
        "x509", "-req", "-in", request, "-CA", by.cert, "-CAkey", by.key, "-set_serial", "7", "-days", str(days),
        "-out", cert,
    )  # fmt: skip
    return Papers(cert=cert, key=key)


@dataclass(frozen=True, slots=True)
class Lab:
    """Certificates: of the server, of a client that it knows, of those that it does not."""

    server: Papers
    known: Papers
    strangers: tuple[Papers, ...]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("certificates")
    server, namesake = authority(folder, "server"), authority(folder, "namesake")
    ca = server.cert

    def trusting(papers: Papers) -> Papers:
        return Papers(ca, papers.cert, papers.key)

    return Lab(
        server,
        trusting(signed(folder, "client", server)),
        (
            Papers(ca),  # none at all
            trusting(namesake),  # one that signed itself, under the name of the server's
            trusting(signed(folder, "stranger", namesake)),
            trusting(signed(folder, "expired", server, days=-1)),
        ),
    )


def running(folder: Path, options: str) -> Server:
    extra = f'com_addr: "127.0.0.1:{free_port()}", com_name: "Läb", {options}\n'
    return Server(folder, ue_db([BOB]), extra, log_options="all.level=debug,all.max_size=0", hosts=("127.0.0.1",))


def url(server: Server) -> str:
    return f"{'wss' if 'wss://' in server.ready else 'ws'}://127.0.0.1:{server.ready.rpartition(':')[2]}/"


def tls_options(lab: Lab, verify: bool = False) -> str:
    options = f'com_ssl_certificate: "{lab.server.cert}", com_ssl_key: "{lab.server.key}",'
    return options + ("com_ssl_peer_verify: true," if verify else "")


@pytest.fixture(scope="module", params=["clear", "TLS", "client certificate"])
def transport(request: pytest.FixtureRequest, lab: Lab) -> tuple[str, Papers]:
    """The server's options, and what a client needs then."""
    if request.param == "clear":
        return "", Papers()
    if request.param == "TLS":
        return tls_options(lab), Papers(lab.server.cert)
    return tls_options(lab, verify=True), lab.known


@pytest.fixture(scope="module", params=["open", "password"])
def served(
    request: pytest.FixtureRequest, transport: tuple[str, Papers], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Papers, bool]]:
    options, papers = transport
    secret = request.param == "password"
    options += f'com_auth: {{password: "{PASSWORD}"}},' if secret else ""
    with running(tmp_path_factory.mktemp("server"), options) as server:
        yield server, papers, secret
    assert "Traceback" not in server.log
    assert "internal error" not in server.log


def check(frames: Frames) -> None:
    """The answers to REQUESTS, in any order: a log_get that waits is answered when it is time."""
    assert all("time" in frame and "utc" in frame for frame in frames)
    by_id = {json.dumps(frame["message_id"]): frame for frame in frames}
    assert len(by_id) == FRAMES
    config = by_id[json.dumps({"any": ["type", None]})]
    assert (config["type"], config["name"]) == ("IMS", "Läb")
    assert "log_get" in by_id["1"]["messages"]
    assert by_id["2.5"]["counters"]["messages"]["api_frame"] >= 1
    assert by_id['"foo"'] | {"time": 0, "utc": 0} == {
        "message": "bar", "message_id": "foo", "error": "Unknown message: bar", "time": 0, "utc": 0,
    }  # fmt: skip
    assert "error" not in by_id['"set"']
    assert any(LONG.strip() in line for entry in by_id['"get"']["logs"] for line in entry["data"])


def test_every_message_passes(served: tuple[Server, Papers, bool], drive: Driver) -> None:
    server, papers, secret = served
    frames = drive(url(server), papers, [PASSWORD] if secret else [])
    hello = frames[0]
    assert (hello["type"], hello["name"]) == ("IMS", "Läb")
    if secret:
        assert hello["message"] == "authenticate"
        assert frames[1]["ready"] is True
        assert frames[1]["message_id"] == "login"
        check(frames[2:])
    else:
        assert hello["message"] == "ready"
        check(frames[1:])


def test_a_wrong_password_brings_a_new_challenge(tmp_path: Path, drive: Driver) -> None:
    with running(tmp_path / "server", f'com_auth: {{password: "{PASSWORD}"}},') as server:
        frames = drive(url(server), Papers(), ["wrong", "", PASSWORD])
        first, second, third = (frame["challenge"] for frame in frames[:3])
        assert len({first, second, third}) == 3
        assert all(frame["error"] == "Authentication failed" for frame in frames[1:3])
        assert frames[3]["ready"] is True
        check(frames[4:])


def test_clients_without_a_good_certificate_are_refused(tmp_path: Path, lab: Lab, drive: Driver) -> None:
    with running(tmp_path / "server", tls_options(lab, verify=True)) as server:
        for papers in lab.strangers:
            with pytest.raises(Refused) as refused:
                drive(url(server), papers)
            assert refused.value.args[0] == []  # not even a greeting
        check(drive(url(server), lab.known)[1:])
    assert "Traceback" not in server.log + server.output


def test_a_client_knows_a_false_server(tmp_path: Path, lab: Lab, drive: Driver) -> None:
    with running(tmp_path / "server", tls_options(lab)) as server:
        with pytest.raises(Refused):
            drive(url(server), Papers(lab.strangers[1].cert))
        with pytest.raises(Refused):
            drive(url(server).replace("wss", "ws"), Papers())


def test_a_client_without_origin_is_refused(tmp_path: Path, drive: Driver) -> None:
    with running(tmp_path / "server", "") as server:
        with pytest.raises(Refused) as refused:
            drive(url(server), Papers(), origin="")
        assert refused.value.args[0] == []
        check(drive(url(server), Papers(), origin="null")[1:])


def test_binary_of_a_short_message(tmp_path: Path, drive: Driver) -> None:
    request = {"message": "sms", "impu": "tel:+492", "binary": base64.b64encode(bytes(140)).decode(), "dcs": 4}
    with running(tmp_path / "server", "") as server:
        answer = drive(url(server), Papers(), requests=[request], frames=1)[1]
        assert "error" not in answer
