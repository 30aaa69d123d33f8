"""The WAP push of a notification: narrated octets, the forms of other servers, what is no push for a client."""

import pytest

from lteims.mm1.content_type import ContentType
from lteims.mm1.errors import MmsError
from lteims.mm1.pdu import MAcknowledgeInd
from lteims.mm1.push import MMS_USER_AGENT, PORT, Push
from tests.vectors.mm1.pdus import PUSH_NARRATED, PUSH_OTHERWISE
from tests.vectors.mm1.vector import octets

PDU = MAcknowledgeInd(transaction_id="n1")


def test_the_form_that_is_sent() -> None:
    push = Push.of(42, PDU)
    assert push.encode() == octets(PUSH_NARRATED)
    assert Push.parse(push.encode()) == push
    assert push.pdu() == PDU
    assert PORT == 2948


def test_the_forms_of_others() -> None:
    push = Push.parse(octets(PUSH_OTHERWISE))
    assert (push.transaction_id, push.application_id) == (0, MMS_USER_AGENT)
    assert push.pdu() == PDU


def test_another_application() -> None:
    push = Push(1, b"<si/>", ContentType("text/vnd.wap.si"), "x-own:app")
    assert Push.parse(push.encode()) == push
    assert Push.parse(Push(1, b"", application_id="").encode()).application_id == ""
    with pytest.raises(MmsError, match=r"text/vnd\.wap\.si"):
        push.pdu()


def test_truncations() -> None:
    for narrated, header in ((PUSH_NARRATED, 6), (PUSH_OTHERWISE, 72)):
        data = octets(narrated)
        for length in range(header):
            with pytest.raises(MmsError):
                Push.parse(data[:length])
        for length in range(header, len(data) - 2):
            with pytest.raises(MmsError):
                Push.parse(data[:length]).pdu()


@pytest.mark.parametrize("data", ["01 04 00", "01 06 00", "01 06 02 BE AF 84", "01 06 7F BE"])
def test_refused(data: str) -> None:
    with pytest.raises(MmsError):
        Push.parse(octets(data))
