"""Session timers (RFC 4028): negotiation in both roles, 422, when to refresh and when to give up."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response
from lteims.sip.session_timer import SessionExpires, SessionTimer

WEEK = 7 * 86400


def request(se: str = "", supported: str = "timer", method: str = "INVITE", min_se: str = "") -> Request:
    """A request of the peer."""
    lines = {"session-expires": se, "supported": supported, "min-se": min_se}
    return Request(method, "sip:b@example.com", {name: [value] for name, value in lines.items() if value})


def response(code: int = 200, se: str = "", min_se: str = "", method: str = "INVITE") -> Response:
    """A response of the peer."""
    lines = {"session-expires": se, "min-se": min_se, "cseq": f"1 {method}"}
    return Response(code, headers={name: [value] for name, value in lines.items() if value})


# -- the header
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1800", SessionExpires(1800)),
        (" 1800 ; Refresher = UAC ", SessionExpires(1800, "uac")),
        ("00090;x=y;refresher=uas;;", SessionExpires(90, "uas")),
        ("90;refresher=proxy", SessionExpires(90)),
        ("90;refresher", SessionExpires(90)),
        ("4294967295", SessionExpires(4294967295)),
        ("0", SessionExpires(0)),
    ],
)
def test_session_expires_is_read(text: str, value: SessionExpires) -> None:
    assert SessionExpires.parse(text) == value


BAD = [
    "",
    "x",
    "-1",
    "1.5",
    "4294967296",
    "9" * 5000,
    ";refresher=uac",
    "90 refresher=uac",
    "90;=x",
    '90;x="',
    "\u0661",
]


@pytest.mark.parametrize("text", BAD)
def test_a_session_expires_that_cannot_be_read_is_a_400(text: str) -> None:
    with pytest.raises(SipError) as caught:
        SessionExpires.parse(text)
    assert caught.value.code == 400


# -- we are the UAS: RFC 4028 9, table 2
@pytest.mark.parametrize(
    ("ours", "se", "supported", "header", "require", "by_us"),
    [
        (3600, "1800", "timer", "1800;refresher=uac", True, False),
        (3600, "1800;refresher=uac", "timer", "1800;refresher=uac", True, False),
        (3600, "1800;refresher=uas", "timer", "1800;refresher=uas", True, True),
        (3600, "1800", "100rel", "1800;refresher=uas", False, True),  # put in by a proxy
        (3600, "1800;refresher=uac", "100rel", "1800;refresher=uac", True, False),  # knows it without saying so
        (3600, "", "timer", "3600;refresher=uas", True, True),
        (3600, "", "", "3600;refresher=uas", False, True),
        (900, "1800", "TIMER", "900;refresher=uac", True, False),
        (0, "1800", "timer", "1800;refresher=uac", True, False),
        (0, "1800;refresher=uas", "timer", "1800;refresher=uas", True, True),
        (0, "4294967295", "timer", f"{WEEK};refresher=uac", True, False),
        (30, "", "timer", "90;refresher=uas", True, True),
    ],
)
def test_table_2(ours: int, se: str, supported: str, header: str, require: bool, by_us: bool) -> None:
    timer = SessionTimer(ours)
    assert timer.on_request(request(se, supported)) == {
        "session-expires": header, **({"require": "timer"} if require else {}),
    }  # fmt: skip
    assert (timer.interval, timer.refresher_is_us, timer.next()) == (0, None, None)  # the 2xx has not left
    timer.answered(10.0)
    assert (timer.interval, timer.refresher_is_us) == (int(header.partition(";")[0]), by_us)


@pytest.mark.parametrize("supported", ["", "timer"])
def test_nothing_where_neither_side_wants_it(supported: str) -> None:
    timer = SessionTimer(0)
    assert timer.on_request(request("", supported)) == {}
    timer.answered(0.0)
    assert timer.next() is None


@pytest.mark.parametrize(
    ("ours", "se", "min_se", "interval"),
    [
        (600, "1800", "1200", 1200),  # cut, but not below the UAC's Min-SE
        (600, "1800", "1800", 1800),
        (600, "1800", "2400", 1800),  # never raised: RFC 4028 9
        (600, "1800", "10", 600),  # below 90 is read as 90
        (600, "", "1200", 1200),
        (0, "1800", "600", 1800),
    ],
)
def test_the_min_se_of_the_uac_is_kept(ours: int, se: str, min_se: str, interval: int) -> None:
    timer = SessionTimer(ours)
    timer.on_request(request(se, min_se=min_se))
    timer.answered(0.0)
    assert timer.interval == interval


def test_an_absurd_min_se_means_no_timer_of_ours() -> None:
    timer = SessionTimer(600)
    assert timer.on_request(request("", min_se="4294967295")) == {}


@pytest.mark.parametrize(
    ("ours", "se", "least"), [(90, "89", "90"), (20, "60", "90"), (300, "299", "300"), (90, "0", "90")]
)
def test_too_small_is_a_422_with_our_min_se(ours: int, se: str, least: str) -> None:
    timer = SessionTimer(3600, min_se=ours)
    with pytest.raises(SipError) as caught:
        timer.on_request(request(se))
    assert (caught.value.code, caught.value.headers) == (422, {"min-se": least})
    timer.answered(0.0)
    assert timer.next() is None
    assert timer.on_request(request(least))["session-expires"] == f"{least};refresher=uac"


@pytest.mark.parametrize("text", [text for text in BAD if text])
def test_a_request_that_cannot_be_read_is_a_400(text: str) -> None:
    with pytest.raises(SipError) as caught:
        SessionTimer(3600).on_request(request(text))
    assert caught.value.code == 400


def test_an_unreadable_min_se_is_a_400() -> None:
    with pytest.raises(SipError) as caught:
        SessionTimer(3600).on_request(request("1800", min_se="often"))
    assert caught.value.code == 400


@pytest.mark.parametrize("se", ["1800;refresher=uac", "x", "1"])
def test_a_session_expires_in_a_prack_says_nothing(se: str) -> None:
    timer = SessionTimer(3600)
    assert timer.on_request(request(se, method="PRACK")) == {}
    timer.answered(0.0)
    assert timer.next() is None


def test_an_update_before_the_answer_leaves_the_invite_its_terms() -> None:
    timer = SessionTimer(0)
    timer.on_request(request("1800"))
    assert timer.on_request(request("", method="UPDATE")) == {}
    timer.answered(1.0, "UPDATE")
    assert timer.next() is None
    timer.answered(5.0, "INVITE")
    assert timer.next() == ("expire", 5.0 + 1800 - 32)
    timer.answered(9.0, "INVITE")  # nothing was asked since
    assert timer.next() == ("expire", 5.0 + 1800 - 32)


def test_the_latest_request_is_the_one_that_is_answered() -> None:
    timer = SessionTimer(0)
    timer.on_request(request("1800"))
    timer.on_request(request("900", method="UPDATE"))
    timer.answered(0.0)
    assert timer.interval == 900
    timer.answered(0.0)
    assert timer.interval == 1800


def test_the_peer_moves_and_keeps_the_refresher() -> None:
    timer = SessionTimer(1800)
    timer.on_request(request("1800;refresher=uac"))
    timer.answered(0.0)
    assert timer.on_request(request("1800"))["session-expires"] == "1800;refresher=uac"
    timer.on_request(request("1800;refresher=uas", method="UPDATE"))
    timer.answered(100.0, "UPDATE")
    assert timer.next() == ("refresh", 1000.0)
    assert timer.on_request(request("1800"))["session-expires"] == "1800;refresher=uas"  # as before
    assert timer.on_request(request())["session-expires"] == "1800;refresher=uas"


def test_the_peer_turns_the_timer_off() -> None:
    timer = SessionTimer(0)
    timer.on_request(request("1800"))
    timer.answered(0.0)
    assert timer.on_request(request()) == {}
    timer.answered(1.0)
    assert (timer.next(), timer.refresher_is_us, timer.interval) == (None, None, 0)


# -- we are the UAC
def test_the_first_request_leaves_the_refresher_open() -> None:
    timer = SessionTimer(1800, min_se=100)
    for method in ("INVITE", "UPDATE"):
        assert timer.for_request(method) == {"session-expires": "1800", "min-se": "100"}
    for method in ("PRACK", "BYE", "ACK", "invite"):
        assert timer.for_request(method) == {}
    assert SessionTimer(0).for_request("INVITE") == {}
    assert SessionTimer(-5).for_request("INVITE") == {}
    assert SessionTimer(30, min_se=10).for_request("INVITE") == {"session-expires": "90", "min-se": "90"}


@pytest.mark.parametrize(
    ("se", "upcoming", "again"),
    [
        ("1200;refresher=uac", ("refresh", 610.0), "1200;refresher=uac"),
        ("1200;refresher=uas", ("expire", 1178.0), "1200;refresher=uas"),
        ("90;refresher=uas", ("expire", 70.0), "90;refresher=uas"),  # a third is less than 32 s
        ("1200", ("refresh", 610.0), "1200;refresher=uac"),
        ("", ("refresh", 910.0), "1800;refresher=uac"),  # the peer knows no timers: we refresh
        ("x", ("refresh", 910.0), "1800;refresher=uac"),
        ("0;refresher=uac", ("refresh", 55.0), "90;refresher=uac"),
        ("4294967295;refresher=uac", ("refresh", 10.0 + WEEK / 2), f"{WEEK};refresher=uac"),
    ],
)
def test_the_2xx_says_who_and_how_often(se: str, upcoming: tuple[str, float], again: str) -> None:
    timer = SessionTimer(1800)
    timer.for_request("INVITE")
    timer.on_success(response(se=se), 10.0)
    assert timer.next() == upcoming
    assert timer.for_request("UPDATE")["session-expires"] == again


def test_a_peer_may_want_a_timer_that_we_did_not_ask_for() -> None:
    timer = SessionTimer(0)
    timer.for_request("INVITE")
    timer.on_success(response(), 0.0)
    assert timer.next() is None
    timer.on_success(response(se="600;refresher=uac", method="UPDATE"), 0.0)
    assert timer.next() == ("refresh", 300.0)
    assert timer.for_request("UPDATE") == {"session-expires": "600;refresher=uac", "min-se": "90"}


@pytest.mark.parametrize("other", [response(180, "900"), response(422, "900"), response(200, "900", method="PRACK")])
def test_other_responses_say_nothing(other: Response) -> None:
    timer = SessionTimer(1800)
    timer.on_success(other, 0.0)
    assert timer.next() is None


def test_a_refresh_begins_the_interval_anew_and_a_refused_one_waits_for_the_end() -> None:
    timer = SessionTimer(1800)
    timer.for_request("INVITE")
    timer.on_success(response(se="1800;refresher=uac"), 0.0)
    timer.refused()
    assert timer.next() == ("expire", 1768.0)
    timer.for_request("UPDATE")
    timer.on_success(response(se="1800;refresher=uac", method="UPDATE"), 1000.0)
    assert timer.next() == ("refresh", 1900.0)


# -- 422
def test_a_422_is_followed_with_its_min_se() -> None:
    timer = SessionTimer(100)
    timer.for_request("INVITE")
    assert timer.on_too_small(response(422, min_se="200"))
    assert timer.for_request("INVITE") == {"session-expires": "200", "min-se": "200"}
    assert timer.on_too_small(response(422, min_se="300"))
    timer.for_request("INVITE")
    timer.on_success(response(se="300;refresher=uac"), 0.0)
    assert timer.for_request("UPDATE") == {"session-expires": "300;refresher=uac", "min-se": "300"}


@pytest.mark.parametrize("min_se", ["", "x", "1800", "90", "0", "-1", "604801", "4294967295", "9" * 99])
def test_a_422_that_makes_no_sense(min_se: str) -> None:
    timer = SessionTimer(1800)
    before = timer.for_request("INVITE")
    assert not timer.on_too_small(response(422, min_se=min_se))
    assert timer.for_request("INVITE") == before


def test_a_422_to_what_we_did_not_ask_and_another_code() -> None:
    timer = SessionTimer(0)
    timer.for_request("INVITE")
    assert not timer.on_too_small(response(422, min_se="200"))
    timer = SessionTimer(100)
    timer.for_request("INVITE")
    assert not timer.on_too_small(response(423, min_se="200"))


def test_422_after_422_comes_to_an_end() -> None:
    timer = SessionTimer(100)
    tries = 0
    for least in range(101, 1000):
        timer.for_request("INVITE")
        if not timer.on_too_small(response(422, min_se=str(least))):
            break
        tries += 1
    assert tries == 5


def test_the_min_se_of_the_peer_stays_in_our_refreshes() -> None:
    timer = SessionTimer(600)
    timer.on_request(request("1800;refresher=uas", min_se="1200"))
    timer.answered(0.0)
    assert timer.for_request("UPDATE") == {"session-expires": "1200;refresher=uac", "min-se": "1200"}


# -- whatever the peer sends
def values() -> Iterator[str]:
    """Values of Session-Expires and Min-SE."""
    for number in ("", "0", "89", "90", "91", "1800", "604801", "4294967295", "4294967296", "-1", "x"):
        yield number
        if number:
            yield from (f"{number};refresher=uac", f"{number};refresher=uas")


VALUES = sorted(set(values()))


@given(
    st.integers(0, 5000),
    st.lists(st.tuples(st.sampled_from(["ask", "in", "out", "ok", "422"]), st.sampled_from(VALUES),
                       st.sampled_from(VALUES), st.sampled_from(["", "timer"])), max_size=15),
)  # fmt: skip
def test_no_order_of_events_raises_or_leaves_absurd_terms(ours: int, events: list[tuple[str, str, str, str]]) -> None:
    timer = SessionTimer(ours)
    for now, (event, se, min_se, supported) in enumerate(events):
        match event:
            case "ask":
                timer.for_request("INVITE")
            case "in":
                try:
                    timer.on_request(request(se, supported, min_se=min_se))
                except SipError as error:
                    code = error.code
                    if code == 422:
                        assert int(error.headers["min-se"]) >= 90  # noqa: PT017
            case "out":
                timer.answered(float(now))
            case "ok":
                timer.on_success(response(se=se), float(now))
            case _:
                timer.on_too_small(response(422, min_se=min_se))
        upcoming = timer.next()
        assert (upcoming is None) == (timer.interval == 0) == (timer.refresher_is_us is None)
        if upcoming:
            assert timer.interval >= 90
            assert upcoming[1] < now + timer.interval
            headers = timer.for_request("UPDATE")
            assert int(headers["session-expires"].partition(";")[0]) >= int(headers["min-se"]) >= 90
