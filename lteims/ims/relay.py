"""Requests outside dialogs that go from one phone to another as they are: pager-mode MESSAGE (RFC 3428).

Back to back like calls: our own Call-ID and From tag towards the callee, the callee's answer back to the caller.
"""

from lteims.config import ImsConfig
from lteims.ims.caller import Caller
from lteims.ims.icscf import Registered
from lteims.ims.outbound import hops_left, identities, origin_of, products, way_to
from lteims.net.sip import SipStack
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.headers import NameAddr
from lteims.sip.message import Request, Response, copy_headers

_END_TO_END = ("content-type", "content-disposition", "content-language", "date", "in-reply-to", "priority", "subject")
_BACK = ("content-type", "retry-after", "warning", "reason")
_NOT_FOR_THE_CALLER = (401, 407, 503)  # it could not act on them


class Relay:
    """Forwards to the best binding; without a configuration by the defaults of every property."""

    def __init__(self, stack: SipStack, config: ImsConfig | None = None) -> None:
        self._stack = stack
        self._config = config or ImsConfig()

    def forward(self, transaction: ServerTransaction, caller: Caller, destination: Registered) -> None:
        """Send the request on and its final answer back."""
        request = transaction.request
        binding = destination.bindings[0]
        way = way_to(destination.subscriber, binding, self._stack.connected(binding.flow))
        tokens = self._stack.tokens
        headers = {"via": [""]}
        if way.routes:
            headers["route"] = list(way.routes)
        headers["from"] = [f"{origin_of(request, caller)};tag={tokens.tag()}"]
        headers["to"] = [NameAddr(request.to.uri, request.to.display).encode()]
        headers["call-id"] = [tokens.call_id()]
        headers["cseq"] = [f"1 {request.method}"]
        headers |= copy_headers(request, _END_TO_END)
        onward = Request(request.method, way.target, headers, request.body)
        identities(onward, request, caller, destination, self._config.p_called_party_id)
        if not self._config.force_user_agent:
            onward.headers |= products(request)
        onward.headers["max-forwards"] = [str(hops_left(request))]

        def answered(response: Response) -> None:
            if response.code >= 200:
                self._answer(transaction, response)

        def failed(code: int, why: str) -> None:
            transaction.reply(480 if code == 503 else code)

        self._stack.send_request(onward, way.flow, answered, failed)

    def _answer(self, transaction: ServerTransaction, response: Response) -> None:
        code = response.code
        if code in _NOT_FOR_THE_CALLER or 300 <= code < 400:
            transaction.reply(480)
            return
        back = transaction.make(code, response.reason)
        back.headers |= copy_headers(response, _BACK)
        back.body = response.body
        if not self._config.force_user_agent:
            back.headers |= products(response)
        transaction.respond(back)
