"""The server is killed in the middle of registrations: what it acknowledged is there afterwards, no SQN goes back.

Every phone has a card of its own, which refuses a challenge whose SQN it has seen (TS 33.102 annex C).
"""

import random
import re
from pathlib import Path

import pytest

from tests.net.server import Server
from tests.peers.subscribers import DOMAIN, subscribers, ue_db
from tests.phone.crowd import Crowd, Member, phones

EXTRA = f'domain: "{DOMAIN}",\nue_db_filename: "ims.db",\n'
KILLS = 3


@pytest.mark.parametrize("aka", [False, True], ids=["md5", "aka"])
def test_what_was_acknowledged_survives(tmp_path: Path, aka: bool) -> None:
    users = subscribers(600, aka=aka)
    crowd = phones(users)
    acknowledged: dict[str, str] = {}
    with Server(tmp_path / "server", ue_db(users), EXTRA, hosts=("127.0.0.1",)) as server:
        for kill in range(1, KILLS + 1):
            client = Crowd(("127.0.0.1", server.port))
            at = random.randrange(100, 500)

            def kill_at(done: int, at: int = at) -> bool:
                if done >= at:
                    server.kill9()
                return done >= at

            done = client.run(crowd, kill_at)
            acknowledged |= {phone.subscriber.imsi: client.host for phone in crowd if phone.registered}
            print(f"kill {kill}: {done} registrations acknowledged")
            assert done >= at
            client.close()
            server.start()
            look_up(server, crowd, acknowledged)


def look_up(server: Server, crowd: list[Member], acknowledged: dict[str, str]) -> None:
    """Ask for each acknowledged binding; the questions' challenges go to the same cards."""
    client = Crowd(("127.0.0.1", server.port))
    asked = [phone for phone in crowd if phone.subscriber.imsi in acknowledged]
    for phone in asked:
        phone.fetch, phone.registered = True, False
    client.run(asked)
    client.close()
    lost = []
    for phone in asked:
        host = acknowledged[phone.subscriber.imsi]
        if not any(re.search(rf"@{re.escape(host)}\b", contact) for contact in phone.contacts):
            lost.append(f"{phone.subscriber.imsi}: {host} is not among {phone.contacts}")
        phone.fetch, phone.registered = False, False
    assert not lost, "\n".join(lost)
