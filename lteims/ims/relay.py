"""Requests outside dialogs that go from one phone to another as they are: pager-mode MESSAGE (RFC 3428).

Back to back like calls: our own Call-ID and From tag towards the callee, the callee's answer back to the caller.
"""

from lteims.ims.caller import Caller
from lteims.ims.icscf import Registered
from lteims.ims.outbound import way_to
from lteims.net.sip import SipStack
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.message import Request, Response, copy_headers

_END_TO_END = ("content-type", "content-disposition", "content-language", "date", "in-reply-to", "priority", "subject")


class Relay:
    """Forwards to the best binding."""

    def __init__(self, stack: SipStack) -> None:
        self._stack = stack

    def forward(self, transaction: ServerTransaction, caller: Caller, destination: Registered) -> None:
        """Send the request on and its final answer back."""
        request = transaction.request
        binding = destination.bindings[0]
        way = way_to(destination.subscriber, binding, self._stack.connected(binding.flow))
        tokens = self._stack.tokens
        headers = {"via": [""]}
        if way.routes:
            headers["route"] = list(way.routes)
        headers["from"] = [f"{request.from_.encode().partition(';tag=')[0]};tag={tokens.tag()}"]
        headers["to"] = [request.to.encode()]
        headers["call-id"] = [tokens.call_id()]
        headers["cseq"] = [f"1 {request.method}"]
        headers["max-forwards"] = [str((request.number("max-forwards") or 70) - 1)]
        if asserted := caller.asserted():
            headers["p-asserted-identity"] = [asserted]
        headers |= copy_headers(request, _END_TO_END)
        onward = Request(request.method, way.target, headers, request.body)

        def answered(response: Response) -> None:
            if response.code >= 200:
                transaction.reply(response.code, response.reason)

        def failed(code: int, why: str) -> None:
            transaction.reply(480 if code == 503 else code)

        self._stack.send_request(onward, way.flow, answered, failed)
