"""The server is killed while short messages flow: each one that it has acknowledged arrives, none twice.

Twice is allowed where the RP-ACK of the first delivery was never answered: the phone sees the same RP-MR, time stamp
and text. LTEIMS_LONG=1 makes it 5,000 messages and ten kills.
"""

import os
import random
from functools import partial
from pathlib import Path

from tests.net.server import Server
from tests.peers.subscribers import DOMAIN
from tests.phone.texters import Texters, ue_db

LONG = os.environ.get("LTEIMS_LONG") == "1"
MESSAGES, KILLS = (5000, 10) if LONG else (600, 3)
PHONES = 48
EXTRA = f'domain: "{DOMAIN}",\nue_db_filename: "ims.db",\nsms_retry_delay: 2,\n'


def enough(texters: Texters, count: int) -> bool:
    """Have so many been acknowledged?"""
    return len(texters.acknowledged) >= count


def test_each_acknowledged_message_arrives(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", ue_db(PHONES), EXTRA, hosts=("127.0.0.1",), log_options="all.level=error")
    with server:
        texters = Texters(("127.0.0.1", server.port), PHONES)
        texters.register()
        kills = sorted(random.sample(range(20, MESSAGES - 60), KILLS))
        for at in (*kills, MESSAGES):
            texters.send(range(MESSAGES) if at == kills[0] else (), partial(enough, texters, at))
            if at == MESSAGES:
                break
            texters.listen(random.random() * 0.05)  # deliveries and reports are at any stage
            server.kill9()
            print(f"killed after {len(texters.acknowledged)} RP-ACKs, {len(texters.deliveries)} delivered")
            server.start()
        texters.settle()
        texters.listen(4.0)  # anything that comes twice comes now
        texters.close()
    twice = [n for n, deliveries in texters.deliveries.items() if len(deliveries) > 1]
    print(
        f"{MESSAGES} submitted, {len(texters.acknowledged)} acknowledged, {len(texters.deliveries)} delivered; "
        f"{len(twice)} came again since their RP-ACK was lost, {len(texters.duplicates)} repetitions were refused; "
        f"{texters.resent} requests sent again, {KILLS} kills"
    )
    assert not texters.wrong, "\n".join(texters.wrong[:20])
    assert texters.acknowledged == set(range(MESSAGES))
    assert texters.deliveries.keys() == texters.acknowledged
