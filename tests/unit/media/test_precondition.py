"""Preconditions (RFC 3312, TS 24.229 6.1): whole flows message by message, and what phones do besides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.media.precondition import (
    Preconditions,
    Qos,
    Watch,
    offers_preconditions,
    unmet,
    without_preconditions,
)
from lteims.media.sdp import Sdp

HEAD = "v=0\no=- 1 1 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\n"
AUDIO = "m=audio 4000 RTP/AVP 96\na=rtpmap:96 AMR-WB/16000\n"
VIDEO = "m=video 4002 RTP/AVP 97\na=rtpmap:97 H264/90000\n"


def sdp(*medias: str) -> Sdp:
    return Sdp.parse((HEAD + "".join(medias)).encode())


def terms(*lines: str) -> str:
    return "".join(f"a={line}\n" for line in lines)


def told(description: Sdp, index: int = 0) -> list[str]:
    """The qos lines of one media."""
    found = description.medias[index].attributes
    return [f"{name}:{text}" for name, text in found if name in ("curr", "des", "conf") and text.startswith("qos")]


FIRST = terms(
    "curr:qos local none",
    "curr:qos remote none",
    "des:qos mandatory local sendrecv",
    "des:qos none remote sendrecv",
)
REACHED = terms(
    "curr:qos local sendrecv",
    "curr:qos remote none",
    "des:qos mandatory local sendrecv",
    "des:qos mandatory remote sendrecv",
)
DONE = terms(
    "curr:qos local sendrecv",
    "curr:qos remote sendrecv",
    "des:qos mandatory local sendrecv",
    "des:qos mandatory remote sendrecv",
)
WAITING = terms(
    "curr:qos local none",
    "curr:qos remote none",
    "des:qos mandatory local sendrecv",
    "des:qos mandatory remote sendrecv",
    "conf:qos remote sendrecv",
)


def test_a_phone_calls() -> None:
    """INVITE, 183 with conf, UPDATE when the phone's bearer stands, 200; ours comes between."""
    leg = Preconditions(reserved=False)
    invite = sdp(AUDIO + FIRST)
    assert offers_preconditions(invite)
    assert unmet(invite)
    leg.heard(invite)
    assert leg.states() == [Qos.REQUIRED]
    assert leg.active
    leg.pending()
    assert leg.states() == [Qos.PENDING]
    progress = leg.answer(sdp(AUDIO))
    assert told(progress) == [
        "curr:qos local none",
        "curr:qos remote none",
        "des:qos mandatory local sendrecv",
        "des:qos mandatory remote sendrecv",
        "conf:qos remote sendrecv",
    ]
    assert not leg.may_alert
    leg.reserved()
    assert not leg.may_alert  # the phone has not reached its own
    assert not leg.news  # it did not ask to be told: our 180 says it
    assert leg.states() == [Qos.PENDING]
    update = sdp(AUDIO + REACHED)
    assert not unmet(update)
    leg.heard(update)
    assert leg.may_alert
    assert told(leg.answer(sdp(AUDIO))) == [
        "curr:qos local sendrecv",
        "curr:qos remote sendrecv",
        "des:qos mandatory local sendrecv",
        "des:qos mandatory remote sendrecv",
    ]
    assert not leg.news
    assert leg.states() == [Qos.ERAB_SET]


def test_a_phone_is_called() -> None:
    """The server offers, the phone's 183 asks by conf, UPDATE when our bearer stands, 200."""
    leg = Preconditions(reserved=False)
    assert told(leg.offer(sdp(AUDIO))) == [
        "curr:qos local none",
        "curr:qos remote none",
        "des:qos mandatory local sendrecv",
        "des:qos none remote sendrecv",
    ]
    assert not leg.active
    assert not leg.may_alert
    assert leg.states() == [Qos.REQUIRED]
    leg.heard(sdp(AUDIO + WAITING))
    assert leg.active
    assert not leg.news
    leg.pending(0)
    assert leg.states() == [Qos.PENDING]
    leg.reserved(0)
    assert leg.news
    assert told(leg.offer(sdp(AUDIO))) == [
        "curr:qos local sendrecv",
        "curr:qos remote none",
        "des:qos mandatory local sendrecv",
        "des:qos mandatory remote sendrecv",
    ]
    assert not leg.news
    leg.heard(sdp(AUDIO + DONE))
    assert leg.may_alert
    assert not leg.news
    assert leg.states() == [Qos.ERAB_SET]


def test_a_server_that_needs_no_bearer_calls() -> None:
    leg = Preconditions(reserved=True)
    assert told(leg.offer(sdp(AUDIO)))[:2] == ["curr:qos local sendrecv", "curr:qos remote none"]
    assert leg.states() == [Qos.REQUIRED]
    leg.heard(sdp(AUDIO + WAITING))
    assert not leg.news  # it knows
    assert not leg.may_alert
    assert leg.states() == [Qos.PENDING]
    leg.settled()  # the phone rings without another word
    assert leg.may_alert
    assert leg.states() == [Qos.ERAB_SET]


def test_a_server_that_needs_no_bearer_is_called() -> None:
    leg = Preconditions(reserved=True)
    leg.heard(sdp(AUDIO + FIRST))
    assert leg.states() == [Qos.REQUIRED]
    assert told(leg.answer(sdp(AUDIO))) == [
        "curr:qos local sendrecv",
        "curr:qos remote none",
        "des:qos mandatory local sendrecv",
        "des:qos mandatory remote sendrecv",
        "conf:qos remote sendrecv",
    ]
    assert leg.states() == [Qos.PENDING]
    leg.heard(sdp(AUDIO + DONE))
    assert leg.may_alert
    assert leg.states() == [Qos.ERAB_SET]


def test_a_phone_that_has_its_bearer_already() -> None:
    leg = Preconditions(reserved=True)
    leg.heard(sdp(AUDIO + REACHED))
    assert leg.may_alert
    assert "conf:qos remote sendrecv" not in told(leg.answer(sdp(AUDIO)))


def test_a_peer_without_preconditions() -> None:
    leg = Preconditions(reserved=False)
    leg.offer(sdp(AUDIO, VIDEO))
    leg.heard(sdp(AUDIO, VIDEO))
    assert not leg.active
    assert leg.may_alert
    leg.reserved()
    assert not leg.news
    assert leg.states() == [Qos.DISABLED, Qos.DISABLED]
    assert told(leg.offer(sdp(AUDIO, VIDEO, AUDIO)), 2) == []  # it showed that it does not know them


def test_an_offer_without_preconditions_gets_an_answer_without() -> None:
    leg = Preconditions(reserved=False)
    leg.heard(sdp(AUDIO, VIDEO + FIRST))
    answer = leg.answer(sdp(AUDIO + DONE, VIDEO + DONE))
    assert told(answer, 0) == []
    assert told(answer, 1)[0] == "curr:qos local none"
    assert leg.states() == [Qos.DISABLED, Qos.REQUIRED]


def test_what_the_other_leg_wrote_is_replaced_and_other_types_stay() -> None:
    sec = terms("curr:sec e2e none", "des:sec mandatory e2e sendrecv")
    leg = Preconditions(reserved=True)
    offer = leg.offer(sdp(AUDIO + WAITING + sec))
    assert told(offer)[0] == "curr:qos local sendrecv"
    assert len(told(offer)) == 4
    assert offer.medias[0].attribute_values("des")[0] == "sec mandatory e2e sendrecv"


def test_without_preconditions() -> None:
    sec = terms("curr:sec e2e none")
    before = Sdp.parse((HEAD + "a=curr:qos local none\n" + AUDIO + WAITING + sec + VIDEO).encode())
    assert without_preconditions(before) == sdp(AUDIO + sec, VIDEO)
    assert not offers_preconditions(without_preconditions(before))


def test_video_added_and_taken_out() -> None:
    leg = Preconditions(reserved=False)
    leg.heard(sdp(AUDIO + FIRST))
    leg.answer(sdp(AUDIO))
    leg.reserved()
    leg.heard(sdp(AUDIO + DONE))
    leg.answer(sdp(AUDIO))
    leg.heard(sdp(AUDIO + DONE, VIDEO + FIRST))
    assert not leg.may_alert
    assert leg.states() == [Qos.ERAB_SET, Qos.REQUIRED]
    answer = leg.answer(sdp(AUDIO, VIDEO))
    assert told(answer, 0)[0] == "curr:qos local sendrecv"
    assert told(answer, 1)[0] == "curr:qos local none"
    leg.reserved(1)
    leg.heard(sdp(AUDIO + DONE, VIDEO + DONE))
    assert leg.may_alert
    leg.heard(sdp(AUDIO + DONE, VIDEO.replace("4002", "0")))
    assert leg.states() == [Qos.ERAB_SET, Qos.DISABLED]
    leg.heard(sdp(AUDIO + DONE, VIDEO + FIRST))  # its bearer went with it
    assert leg.states() == [Qos.ERAB_SET, Qos.REQUIRED]


def test_a_media_that_we_reject_holds_nothing_up() -> None:
    leg = Preconditions(reserved=True)
    leg.heard(sdp(AUDIO + REACHED, VIDEO + FIRST))
    assert not leg.may_alert
    answer = leg.answer(sdp(AUDIO, VIDEO.replace("4002", "0")))
    assert told(answer, 1) == []
    assert leg.may_alert
    assert leg.states() == [Qos.ERAB_SET, Qos.DISABLED]


def test_a_strength_is_not_lowered() -> None:
    leg = Preconditions(reserved=True)
    leg.heard(sdp(AUDIO + WAITING))
    leg.answer(sdp(AUDIO))
    leg.heard(sdp(AUDIO + terms("curr:qos local none", "des:qos optional local sendrecv")))
    assert not leg.may_alert
    assert "des:qos mandatory remote sendrecv" in told(leg.answer(sdp(AUDIO)))


def test_optional_holds_nothing_up_and_is_raised() -> None:
    leg = Preconditions(reserved=True)
    leg.heard(sdp(AUDIO + terms("curr:qos local none", "des:qos optional local sendrecv")))
    assert leg.may_alert
    assert told(leg.answer(sdp(AUDIO)))[2:] == ["des:qos mandatory local sendrecv", "des:qos optional remote sendrecv"]
    assert leg.states() == [Qos.PENDING]
    leg.heard(sdp(AUDIO + terms("des:qos mandatory local sendrecv")))
    assert not leg.may_alert


def test_one_way_is_seen_from_the_other_side() -> None:
    leg = Preconditions(reserved=True)
    leg.heard(sdp(AUDIO + terms("curr:qos local recv", "des:qos mandatory local send", "des:qos optional local recv")))
    assert not leg.may_alert
    assert told(leg.answer(sdp(AUDIO))) == [
        "curr:qos local sendrecv",
        "curr:qos remote send",
        "des:qos mandatory local sendrecv",
        "des:qos optional remote send",
        "des:qos mandatory remote recv",
        "conf:qos remote recv",
    ]
    leg.heard(sdp(AUDIO + terms("curr:qos local send", "curr:qos local recv")))
    assert leg.may_alert


def test_the_status_may_go_down_again() -> None:
    leg = Preconditions(reserved=True)
    leg.heard(sdp(AUDIO + REACHED))
    leg.heard(sdp(AUDIO + WAITING))
    assert not leg.may_alert


def test_what_makes_no_sense_is_passed_over() -> None:
    leg = Preconditions(reserved=True)
    leg.heard(sdp(AUDIO + REACHED))
    bad = (
        "curr:qos local",
        "curr:qos local both",
        "curr:qos near none",
        "curr:qos e2e none",
        "des:qos must local send",
    )
    leg.heard(sdp(AUDIO + terms("curr:qos remote none", "conf:qos local send", *bad)))
    assert leg.may_alert
    assert not offers_preconditions(sdp(AUDIO + terms(*bad[:4])))


def test_our_reservation_fails() -> None:
    leg = Preconditions(reserved=False)
    leg.heard(sdp(AUDIO + FIRST, VIDEO))
    leg.pending()
    assert leg.failed(0)
    assert leg.states() == [Qos.REQUIRED, Qos.DISABLED]
    assert not leg.may_alert
    body = leg.refusal(sdp(AUDIO + FIRST, VIDEO))
    assert told(body, 0) == ["des:qos failure local sendrecv"]
    assert told(body, 1) == []


def test_a_failure_without_preconditions_is_none() -> None:
    leg = Preconditions(reserved=False)
    leg.heard(sdp(AUDIO))
    assert not leg.failed()
    assert told(leg.refusal(sdp(AUDIO + FIRST))) == ["des:qos failure local sendrecv"]


@pytest.mark.parametrize("strength", ["failure", "unknown"])
def test_the_peer_fails(strength: str) -> None:
    leg = Preconditions(reserved=False)
    leg.offer(sdp(AUDIO))
    leg.heard(sdp(AUDIO + terms(f"des:qos {strength} local sendrecv")))
    assert leg.refused


def test_an_offer_that_was_refused_has_told_nothing() -> None:
    leg = Preconditions(reserved=False)
    leg.heard(sdp(AUDIO + WAITING))
    leg.answer(sdp(AUDIO))
    leg.reserved()
    assert leg.news
    leg.offer(sdp(AUDIO))
    assert not leg.news
    leg.offer(sdp(AUDIO))  # the same once more
    leg.withdrawn()  # 491
    assert leg.news
    leg.offer(sdp(AUDIO))
    leg.heard(sdp(AUDIO + DONE))
    leg.offer(sdp(AUDIO))
    leg.withdrawn()  # another one, that had nothing new in it
    assert not leg.news


def test_an_answer_is_told_even_if_the_next_offer_is_refused() -> None:
    leg = Preconditions(reserved=False)
    leg.heard(sdp(AUDIO + WAITING))
    leg.reserved()
    leg.answer(sdp(AUDIO))
    leg.offer(sdp(AUDIO))
    leg.withdrawn()
    assert not leg.news


def test_a_first_offer_that_was_refused() -> None:
    leg = Preconditions(reserved=False)
    leg.offer(sdp(AUDIO))
    leg.withdrawn()
    assert leg.may_alert
    assert leg.states() == [Qos.DISABLED]
    assert len(told(leg.offer(sdp(AUDIO)))) == 4


def test_the_phones_settle_it_between_them() -> None:
    watch = Watch()
    watch.heard(0, sdp(AUDIO + FIRST), offer=True)
    assert watch.states(0) == watch.states(1) == [Qos.REQUIRED]
    watch.heard(1, sdp(AUDIO + WAITING), offer=False)
    assert watch.states(0) == watch.states(1) == [Qos.PENDING]
    watch.heard(0, sdp(AUDIO + REACHED), offer=True)
    assert (watch.states(0), watch.states(1)) == ([Qos.ERAB_SET], [Qos.PENDING])
    watch.heard(1, sdp(AUDIO + WAITING), offer=False)
    assert watch.states(1) == [Qos.PENDING]
    watch.settled(1)  # its 180
    assert watch.states(1) == [Qos.ERAB_SET]
    watch.heard(0, sdp(AUDIO + DONE, VIDEO + FIRST), offer=True)
    assert watch.states(1) == [Qos.ERAB_SET, Qos.REQUIRED]
    watch.heard(1, sdp(AUDIO + DONE, VIDEO.replace("4002", "0")), offer=False)
    assert watch.states(0) == [Qos.ERAB_SET, Qos.DISABLED]


def test_a_called_phone_without_preconditions_ends_the_watch() -> None:
    watch = Watch()
    assert watch.states(0) == []
    watch.heard(0, sdp(AUDIO + FIRST), offer=True)
    watch.heard(1, sdp(AUDIO), offer=False)
    assert watch.states(0) == [Qos.DISABLED]
    watch.settled(0)
    assert watch.states(0) == [Qos.DISABLED]


WORDS = st.sampled_from(["qos", "sec", "local", "remote", "e2e", "none", "send", "recv", "sendrecv", "mandatory"])
NAMES = st.sampled_from(["curr", "des", "conf"])
ATTRIBUTES = st.lists(st.tuples(NAMES, st.lists(WORDS, max_size=5)), max_size=8)


@given(st.lists(st.tuples(st.sampled_from("hoawrpfs"), ATTRIBUTES, st.sampled_from([0, 4000])), max_size=8))
def test_any_order_of_events(events: list[tuple[str, list[tuple[str, list[str]]], int]]) -> None:
    leg, watch = Preconditions(reserved=False), Watch()
    for event, attributes, port in events:
        lines = terms(*(f"{name}:{' '.join(words)}" for name, words in attributes))
        body = sdp(AUDIO.replace("4000", str(port)) + lines)
        match event:
            case "h":
                leg.heard(body)
                watch.heard(0, body, offer=True)
            case "o":
                leg.offer(body)
            case "a":
                answer = leg.answer(body)
                assert Sdp.parse(answer.encode()) == answer
                watch.heard(1, answer, offer=False)
            case "w":
                leg.withdrawn()
            case "r":
                leg.reserved()
            case "p":
                leg.pending()
            case "f":
                leg.failed()
            case "s":
                leg.settled()
        assert len(leg.states()) <= 1
        if leg.states() == [Qos.ERAB_SET]:
            assert leg.may_alert
