"""Short messages over SIP (TS 24.341 5.3.3): MESSAGEs with RPDUs to phones, with text to softphones.

sms_sip_transport.py and ipsmgw.py decide what is sent to whom; what comes from phones enters in ipsmgw.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lteims.config import ImsConfig
from lteims.ims.outbound import way_to
from lteims.ims.subscribers import Binding, Subscriber
from lteims.net.sip import SipStack
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response
from lteims.trace import IMS, INFO, log

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
        """Send a MESSAGE; `on_answer` hears its end. The Call-ID, to which the phone's report will refer.

        A contact that no way leads to, since its Path or URI reads otherwise than when it came, has failed as one
        that does not answer; `on_answer` is not called before this has returned.
        """
        binding, tokens = onward.binding, self._stack.tokens
        call_id = tokens.call_id()
        try:
            way = way_to(onward.subscriber, binding, self._stack.connected(binding.flow))
        except SipError as error:
            log(IMS, INFO, f"there is no way to {binding.contact[:100]}: {error.why}", id=binding.id)
            self._stack.wheel.add(0.0, on_answer, error.code)
            return call_id
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
