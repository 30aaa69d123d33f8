"""Short messages over SIP (TS 24.341 5.3.3): MESSAGEs with RPDUs to phones, with text to softphones.

sms_delivery.py and ipsmgw.py decide what is sent to whom; what comes from phones enters in ipsmgw.py.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from lteims.config import ImsConfig
from lteims.ims.outbound import way_to
from lteims.ims.subscribers import Binding, Subscriber
from lteims.net.sip import SipStack
from lteims.sip.message import Request, Response

RPDU = "application/vnd.3gpp.sms"
TEXT = "text/plain"
_SMSIP_ONLY = "*;+g.3gpp.smsip;require;explicit"
OnAnswer = Callable[[int], None]  # the final code; 408 or 503 where none came


@dataclass(frozen=True, slots=True)
class Onward:
    """One MESSAGE to a contact."""

    subscriber: Subscriber
    binding: Binding
    sender: str  # From, a name-addr
    to: str  # an URI
    content_type: str
    body: bytes
    asserted: str = ""  # P-Asserted-Identity
    in_reply_to: str = ""  # the Call-ID of the phone's MESSAGE that this answers


class SmsOverSip:
    """Sends MESSAGEs."""

    def __init__(self, stack: SipStack, config: ImsConfig) -> None:
        self._stack = stack
        self._config = config

    def send(self, onward: Onward, on_answer: OnAnswer) -> str:
        """Send a MESSAGE; `on_answer` hears its end. The Call-ID, to which the phone's report will refer."""
        binding = onward.binding
        way = way_to(onward.subscriber, binding, self._stack.connected(binding.flow))
        tokens = self._stack.tokens
        call_id = tokens.call_id()
        headers = {"via": [""]}
        if way.routes:
            headers["route"] = list(way.routes)
        headers["from"] = [f"{onward.sender};tag={tokens.tag()}"]
        headers["to"] = [f"<{onward.to}>"]
        headers["call-id"] = [call_id]
        headers["cseq"] = ["1 MESSAGE"]
        headers["content-type"] = [onward.content_type]
        if onward.content_type == RPDU:
            headers["content-transfer-encoding"] = ["binary"]
            headers["accept-contact"] = [_SMSIP_ONLY]  # TS 24.341 5.3.3.4.1
            headers["request-disposition"] = ["no-fork"]
        if onward.asserted:
            headers["p-asserted-identity"] = [onward.asserted]
        if onward.in_reply_to:
            headers["in-reply-to"] = [onward.in_reply_to]
        if self._config.p_called_party_id and onward.content_type != RPDU:
            headers["p-called-party-id"] = [f"<{onward.to}>"]
        headers["max-forwards"] = ["70"]
        request = Request("MESSAGE", way.target, headers, onward.body)

        def answered(response: Response) -> None:
            if response.code >= 200:
                on_answer(response.code)

        def failed(code: int, why: str) -> None:
            on_answer(code)

        self._stack.send_request(request, way.flow, answered, failed)
        return call_id


def choose(
    subscriber: Subscriber, impu_key: str, *, sos: bool, tried: Collection[str] = ()
) -> Binding | None:  # fmt: skip
    """The contact for a message (T-ADS, TS 23.204 6.1): one that takes SMS, then the best by q and age.

    An emergency registration is the last resort, or the only one with `sos`; with `multi_sim` an IMPU that has an
    IMEI belongs to that phone, and one that is there for several IMEIs to those. `tried` are the ids of contacts that
    have failed.
    """
    impus = [impu for impu in subscriber.impus if impu.key == impu_key]
    found = [
        b for b in subscriber.bindings
        if b.id not in tried and (b.sos or not sos)
        and (not impus or any(subscriber.carries(b, impu) for impu in impus))
    ]  # fmt: skip
    if not found:
        return None
    return min(found, key=lambda b: (b.sos and not sos, not b.sms_over_ip, -b.q, -b.expires_at))
