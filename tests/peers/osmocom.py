"""Debian's osmo-msc with osmo-hlr in a node of a lab: a VLR with SGs and a message centre of somebody else's."""

import sqlite3
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from netns.network import Lab

VLR_NAME = "vlr.example.net"
_LOG = """log stderr
 logging filter all 1
 logging color 0
 logging print category 1
 logging print file 0
 logging level set-all info
"""
_HLR = """line vty
 bind 127.0.0.1
ctrl
 bind 127.0.0.1
hlr
 gsup
  bind ip 127.0.0.1
"""
_MSC = """line vty
 bind 127.0.0.1
network
 network country code 001
 mobile network code 01
 short name lab
 long name Laboratory
 encryption a5 0
 authentication optional
 mm info 1
msc
 assign-tmsi
hlr
 remote-ip 127.0.0.1
smsc
 database {folder}/sms.db
sgs
 local-ip {address}
 local-port 29118
 vlr-name {vlr}
"""


class OsmoMsc:
    """Both programs; `log` is what the MSC has said."""

    def __init__(self, lab: Lab, node: str, folder: Path, users: Mapping[str, str]) -> None:
        """`users`: the number of each IMSI."""
        folder.mkdir(parents=True, exist_ok=True)
        self._lab, self._node, self._folder = lab, node, folder
        self.address = lab.address(node)
        (folder / "hlr.cfg").write_text(_LOG + _HLR, encoding="ascii")
        msc = _MSC.format(folder=folder, address=self.address, vlr=VLR_NAME)
        (folder / "msc.cfg").write_text(_LOG + msc, encoding="ascii")
        self._users = users
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "OsmoMsc":
        database = str(self._folder / "hlr.db")
        subprocess.run(["osmo-hlr-db-tool", "-l", database, "create"], check=True, capture_output=True, timeout=60)
        with sqlite3.connect(database) as table:
            table.executemany("INSERT INTO subscriber (imsi, msisdn) VALUES (?, ?)", list(self._users.items()))
        table.close()
        self._start("hlr", "-l", database)
        self._start("msc")
        end = time.monotonic() + 60.0
        while "SGs socket bound to" not in self.log:
            assert time.monotonic() < end, self.log
            assert all(each.poll() is None for each in self._running), self.log
            time.sleep(0.1)
        return self

    def _start(self, name: str, *more: str) -> None:
        command = [f"osmo-{name}", "-c", str(self._folder / f"{name}.cfg"), *more]
        with (self._folder / f"{name}.log").open("wb") as log:
            self._running.append(
                self._lab.popen(self._node, command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )

    @property
    def log(self) -> str:
        return (self._folder / "msc.log").read_text(encoding="utf-8", errors="replace")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._running:
            each.kill()
            each.wait(20)
