"""The ladder of arrows: columns, directions, times, long ones cut."""

from collections.abc import Iterator

from lteims.sim.ladder import WIDTH, Ladder


def ladder() -> Ladder:
    times: Iterator[float] = iter(n / 10 for n in range(10, 10000))
    return Ladder(lambda: next(times))


def test_three_phones_and_a_server() -> None:
    made = ladder()
    made.sent("alice", "REGISTER")
    made.received("alice", "200 REGISTER")
    made.received("bob", "INVITE (SDP)")
    made.sent("bob", "180 INVITE")
    made.sent("carol", "BYE")
    made.note("bob", "the card refuses")
    head, *lines = made.render().splitlines()
    assert head.split() == ["alice", "server", "bob", "carol"]
    assert lines[0].startswith("   0.000  |---")
    assert "REGISTER ---" in lines[0]
    assert ">|" in lines[0]
    assert "0.100" in lines[1]
    assert "|<-" in lines[1]
    assert lines[2].index("INVITE (SDP)") > WIDTH
    assert ">|" in lines[2]
    assert "<-" in lines[3]
    assert len(lines[4]) > 3 * WIDTH
    assert "BYE" in lines[4]
    assert "* the card refuses" in lines[5]
    assert all(len(line) <= 10 + 3 * WIDTH + 1 for line in lines)


def test_a_long_one_shows_its_end() -> None:
    made = ladder()
    for n in range(30):
        made.sent("alice", f"MESSAGE {n}")
    text = made.render(last=5)
    assert "25 before" in text
    assert "MESSAGE 29" in text
    assert "MESSAGE 3 " not in text


def test_a_label_wider_than_the_room_is_cut() -> None:
    made = ladder()
    made.sent("alice", "x" * 200)
    assert len(made.render().splitlines()[1]) == 10 + WIDTH + 1


def test_nothing_was_said() -> None:
    assert ladder().render() == ""
