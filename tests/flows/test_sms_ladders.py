"""Short messages as ladders in virtual time (TS 24.341 5.3, TS 23.040 3): ims/ipsmgw.py and what is around it.

a and b are phones with SMS over IP; c is a softphone. phones.py explains the lines.
"""

from functools import partial

import pytest

from lteims.sip.message import Request, Response
from lteims.sms import rp, text, tpdu
from lteims.sms.address import Address
from lteims.sms.octets import Direction
from lteims.sms.report import SmsDeliverReport, SmsSubmitReport
from tests.flows.phones import Lab, Phone

RPDU = "application/vnd.3gpp.sms"


def submit(message: Request | Response, mr: int, to: str, content: str, *, srr: bool = False) -> None:
    """Bend a MESSAGE: RP-DATA with a SMS-SUBMIT."""
    (part,) = text.split(content)
    sms = tpdu.SmsSubmit(
        tp_mr=mr, tp_da=Address.number(to), tp_udl=part.tp_udl, tp_ud=part.tp_ud, tp_dcs=part.tp_dcs, tp_srr=srr
    )
    message.set("content-type", RPDU)
    message.body = rp.RpData(Direction.MS_TO_SC, mr, None, Address.number("+491"), sms.encode()).encode()


def report(message: Request | Response, of: Request, cause: int = 0) -> None:
    """Bend a MESSAGE: RP-ACK, or RP-ERROR with a cause, to what the server delivered."""
    data = rp.parse(of.body, Direction.SC_TO_MS)
    ud = SmsDeliverReport(tp_fcs=0xD3 if cause else None).encode()
    answer: rp.RpAck | rp.RpError = rp.RpAck(Direction.MS_TO_SC, data.rp_mr, ud)
    if cause:
        answer = rp.RpError(Direction.MS_TO_SC, data.rp_mr, cause, ud)
    message.set("content-type", RPDU)
    message.set("in-reply-to", of.call_id)
    message.body = answer.encode()


def heard(phone: Phone, count: int = -1) -> rp.RpMessage:
    """What the server's last MESSAGE to a phone says."""
    message = [m for m in phone.inbox if isinstance(m, Request) and m.method == "MESSAGE"][count]
    return rp.parse(message.body, Direction.SC_TO_MS)


def read(data: rp.RpMessage) -> str:
    """The text of an RP-DATA."""
    assert isinstance(data, rp.RpData)
    found = tpdu.parse(data.rp_ud, Direction.SC_TO_MS)
    assert isinstance(found, tpdu.SmsDeliver)
    return str(found.user_data.text)


@pytest.fixture
def smsip(lab: Lab) -> Lab:
    """a and b take SMS over IP."""
    for phone in (lab.a, lab.b):
        for subscriber in lab.subscribers:
            for binding in subscriber.bindings:
                binding.sms_over_ip = binding.sms_over_ip or binding.flow == phone.flow
    lab.a.target = lab.b.target = "sip:+491@ims.mnc001.mcc001.3gppnetwork.org"
    return lab


def test_from_phone_to_phone(smsip: Lab) -> None:
    smsip.a.bend = partial(submit, mr=7, to="+49302", content="Hello b")
    smsip.play("""
        a --> MESSAGE
        a <-- 202 MESSAGE
        a <-- MESSAGE
        a --> 200 MESSAGE
        0.1 s
                    MESSAGE --> b
                    200 MESSAGE <-- b
    """)
    ack = heard(smsip.a)
    assert isinstance(ack, rp.RpAck)
    assert (ack.rp_mr, smsip.a.last("MESSAGE").get("in-reply-to")) == (7, smsip.a.sent[0].call_id)
    assert SmsSubmitReport.parse(ack.rp_ud or b"", rp_error=False).tp_fcs is None
    delivered = heard(smsip.b)
    assert read(delivered) == "Hello b"
    assert isinstance(delivered, rp.RpData)
    deliver = tpdu.parse(delivered.rp_ud, Direction.SC_TO_MS)
    assert isinstance(deliver, tpdu.SmsDeliver)
    assert str(deliver.tp_oa) == "+49301"
    assert smsip.gateway.load() == 1
    smsip.b.bend = partial(report, of=smsip.b.last("MESSAGE"))
    smsip.play("""
                    MESSAGE <-- b
                    202 MESSAGE --> b
    """)
    assert smsip.gateway.load() == 0
