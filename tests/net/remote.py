"""A client of the remote API for tests of the running server (manual 6), and a server that it can ask.

It is the `websockets` library's blocking client and JSON, and no word of lteims: what is tested is what clients see.
"""

import contextlib
import itertools
import json
import ssl
import time
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.net.ports import free_port
from tests.net.server import Server
from tests.phone.account import DOMAIN, Account, ue_db

CONFIG = Path(__file__).parents[2] / "config"
BOB = Account("001010000000002", "none", impu='["001010000000002", "tel:+492"]')
IDS = itertools.count(1)


class Client:
    """One connection."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        scheme = "wss" if tls else "ws"
        self._open = contextlib.ExitStack()
        self.socket: ClientConnection = self._open.enter_context(
            connect(f"{scheme}://127.0.0.1:{port}", origin=Origin("test"), ssl=tls, proxy=None, max_size=None)
        )
        self.events: list[dict[str, Any]] = []  # that came before an answer
        self.greeting = self.take()

    def take(self, within: float = 20.0) -> dict[str, Any]:
        found = json.loads(self.socket.recv(within))
        assert isinstance(found, dict)
        assert found["time"] >= 0
        assert abs(found["utc"] - time.time()) < 60
        return found

    def ask(self, message: str, **params: Any) -> dict[str, Any]:
        """The answer to a request, whether it has an `error` or not."""
        id = next(IDS)
        self.socket.send(json.dumps({"message": message, "message_id": id, **params}))
        while "message_id" not in (found := self.take()):
            self.events.append(found)
        assert (found["message"], found["message_id"]) == (message, id)
        return found

    def event(self, name: str) -> dict[str, Any]:
        """The next event of this name; others before it are passed over."""
        while True:
            found = self.events.pop(0) if self.events else self.take()
            assert "message_id" not in found
            if found["message"] == name:
                return found

    def do(self, message: str, **params: Any) -> dict[str, Any]:
        found = self.ask(message, **params)
        assert "error" not in found, found
        return found

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def api_port(server: Server) -> int:
    return int(server.ready.rpartition(":")[2])


def served(folder: Path, extra: str = "") -> Server:
    folder.mkdir(parents=True, exist_ok=True)
    for path in CONFIG.glob("*.sdp"):
        (folder / path.name).write_bytes(path.read_bytes())
    text = f"""domain: "{DOMAIN}", timer_t1: 0.5, com_addr: "127.0.0.1:{free_port()}",
echo: ["tel:666", {{impu: "tel:102", remote_control: true}}], {extra}
"""
    return Server(folder, ue_db([BOB]), text, hosts=("127.0.0.1",))
