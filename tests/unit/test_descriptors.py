"""Who may have how many descriptors, where there are many and where there are few."""

import pytest

from lteims.config import Endpoint, ImsConfig, SipAddr
from lteims.descriptors import LEAST, MOST_TCP, OTHERS, raise_limit, shares
from lteims.net.mm1 import MOST_CONNECTIONS
from lteims.oam.api import MOST_CLIENTS

HERE = Endpoint("127.0.0.1", 5060)
ADDRESS = SipAddr(HERE, HERE, 10000, 20000)
PORTS = 10001
ALL = ImsConfig(sip_addr=(ADDRESS,), com_addr=HERE, mms_server_bind_addr=HERE)


@pytest.mark.parametrize("limit", [4096, 20_000, 65_536, 524_288, 1 << 20])
def test_all_sides_together_never_need_more_than_there_are(limit: int) -> None:
    found = shares(limit, ALL)
    media = min(PORTS, limit - OTHERS - MOST_CONNECTIONS - found.api - found.tcp)
    assert found.tcp + found.api + media + OTHERS + MOST_CONNECTIONS <= limit
    assert media >= min(PORTS, limit // 4)
    assert found.tcp >= limit // 4 or found.tcp == MOST_TCP


def test_where_there_are_many_nobody_is_cut_short() -> None:
    assert (shares(1 << 20, ALL).tcp, shares(1 << 20, ALL).api) == (MOST_TCP, MOST_CLIENTS)


def test_where_there_are_few_everybody_has_some() -> None:
    found = shares(256, ALL)
    assert (found.tcp, found.api) == (LEAST, LEAST)


def test_who_is_not_there_needs_none() -> None:
    assert shares(10_000, ImsConfig()).api == 0
    assert shares(10_000, ImsConfig()).tcp == 10_000 - OTHERS


def test_the_limit_is_raised() -> None:
    assert raise_limit() >= 256
