"""File descriptors of the process, and who may have how many (floor 5): phones over TCP, media, clients of the API.

app.py asks once, before anything is opened, so that no side can take what another one needs.
"""

import resource
from dataclasses import dataclass
from typing import Final

from lteims.config import ImsConfig
from lteims.net.mm1 import MOST_CONNECTIONS
from lteims.oam.api import MOST_CLIENTS

OTHERS: Final = 128  # sockets that listen, log, state file, terminal, what the runtime opens for a moment
MOST_TCP: Final = 65536
LEAST: Final = 64  # of each side, however few there are
UNLIMITED: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Shares:
    """How many connections each side may have; media takes what its ports need, but not all."""

    tcp: int
    api: int


def shares(limit: int, config: ImsConfig) -> Shares:
    """What becomes of `limit` descriptors.

    Clients of the remote API get an eighth at the most. Of what remains, media may need a descriptor for each of its
    ports, and gets half where that is more than the other half leaves to phones over TCP.
    """
    api = max(LEAST, min(MOST_CLIENTS, limit // 8)) if config.com_addr is not None else 0
    mms = MOST_CONNECTIONS if config.mms_server_bind_addr is not None else 0
    rest = limit - OTHERS - api - mms
    ports = sum(address.port_max - address.port_min + 1 for address in config.sip_addr)
    return Shares(max(LEAST, min(MOST_TCP, rest - min(ports, rest // 2))), api)


def raise_limit() -> int:
    """Take as many descriptors as the system allows; how many those are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard and hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft if 0 < soft < UNLIMITED else UNLIMITED
