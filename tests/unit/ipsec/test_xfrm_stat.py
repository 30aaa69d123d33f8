"""The kernel's table of refused packets, read."""

from lteims.ipsec.xfrm_stat import parse, refusals

TABLE = """XfrmInError             \t0
XfrmInNoStates          \t{no_states}
XfrmInStateProtoError   \t1
XfrmInPolBlock          \t{block}
XfrmAcquireError        \t9
XfrmInStateSeqError     \tmany

rubbish
"""


def test_parse() -> None:
    found = parse(TABLE.format(no_states=7, block=0))
    assert found == {"XfrmInError": 0, "XfrmInNoStates": 7, "XfrmInStateProtoError": 1, "XfrmInPolBlock": 0}
    assert parse("") == {}


def test_refusals() -> None:
    before, after = (parse(TABLE.format(no_states=n, block=m)) for n, m in ((7, 0), (9, 1)))
    assert refusals(before, before) == []
    assert refusals(before, after) == [
        ("esp_unknown_spi", 2, "no SA has their SPI (XfrmInNoStates)"),
        ("esp_clear", 1, "they were clear text to a protected port (XfrmInPolBlock)"),
    ]
    assert refusals(after, before) == []  # another namespace's, or a kernel that began anew
