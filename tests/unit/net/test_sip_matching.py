"""Messages and their transactions: RFC 3261 17.2.3, 8.2.2.2, and room for what is new; net/sip_matching.py."""

from typing import Any, cast

import pytest

from lteims.net import sip_matching
from lteims.net.sip_matching import Transactions, server_key
from lteims.net.sip_transaction import ServerTransaction
from lteims.net.timers import TimerWheel
from lteims.sip.message import Request


def request(method: str = "INVITE", branch: str = "z9hG4bK1", to_tag: str = "", via: str = "a") -> Request:
    headers = {
        "via": [f"SIP/2.0/UDP {via}:5060;branch={branch}"], "from": ["<sip:1@x>;tag=f"],
        "to": ["<sip:2@x>" + (f";tag={to_tag}" if to_tag else "")], "call-id": ["c"], "cseq": [f"1 {method}"],
    }  # fmt: skip
    return Request(method, "sip:2@x", headers)


class Served:
    """A server transaction as far as the tables know it."""

    def __init__(self, table: Transactions, its: Request) -> None:
        self.table, self.request, self.key = table, its, server_key(its)
        self.origin: Any = None
        self.ended = False

    def drop(self) -> None:
        self.ended = True
        self.table.served(self.origin)
        self.table.forget_server(cast(ServerTransaction, self))


@pytest.fixture
def table() -> Transactions:
    return Transactions(TimerWheel(cast(Any, None), lambda: 0.0), lambda: 0.0, 32.0)


def served(table: Transactions, its: Request) -> ServerTransaction:
    transaction = cast(ServerTransaction, Served(table, its))
    table.adopt_server(transaction)
    return transaction


@pytest.mark.parametrize("branch", ["z9hG4bK1", "1"])
def test_ack_and_cancel_find_the_invite(table: Transactions, branch: str) -> None:
    invite = served(table, request(branch=branch))
    assert table.server(server_key(request("ACK", branch, to_tag="t"))) is invite
    assert table.invite(server_key(request("CANCEL", branch))) is invite


def test_another_sender_has_another_transaction(table: Transactions) -> None:
    served(table, request())
    assert table.server(server_key(request(via="b"))) is None


def test_a_request_that_came_by_two_ways_is_merged_until_it_is_served(table: Transactions) -> None:
    first, second = served(table, request()), served(table, request(branch="z9hG4bK2"))
    assert not table.is_merged(first)
    assert table.is_merged(second)
    first.drop()
    assert not table.is_merged(second)


def test_inside_a_dialog_nothing_is_merged(table: Transactions) -> None:
    assert not any(table.is_merged(served(table, request(to_tag="t", branch=f"z9hG4bK{n}"))) for n in range(2))


def test_the_oldest_that_only_waits_makes_room(table: Transactions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_matching, "MAX_FINISHED_OCTETS", 350)
    four = [served(table, request(branch=f"z9hG4bK{n}")) for n in range(4)]
    for transaction in four[:2]:
        table.finished(transaction, 100)
    four[0].drop()
    for transaction in four[2:]:
        table.finished(transaction, 100)
    assert [transaction.ended for transaction in four] == [True, False, False, False]
    table.finished(served(table, request(branch="z9hG4bK9")), 100)
    assert [transaction.ended for transaction in four] == [True, True, False, False]
    assert table.load() == {"server": 3, "client": 0}
