"""SIP as a transport of short messages (TS 24.341 5.3.3.4): which contact gets a message, as RPDU or as text.

sms_delivery.py calls `send`; the MESSAGEs themselves are made in sms_sip.py.
"""

from collections.abc import Collection
from functools import partial

from lteims.clock import WallClock
from lteims.config import ImsConfig
from lteims.ims.sms_sip import RPDU, TEXT, Onward, SmsOverSip
from lteims.ims.sms_store import SmsStore
from lteims.ims.sms_text import sender_uri, text_of
from lteims.ims.sms_transport import Later, OnEnd, Outcome, Parcel, Sent
from lteims.ims.subscribers import Binding, Impu, Subscriber
from lteims.trace import IMS, INFO, log

JOIN_TIME = 30.0  # seconds that a softphone's message waits for its other parts


class SipTransport:
    """Sends to registered contacts."""

    def __init__(self, config: ImsConfig, sip: SmsOverSip, store: SmsStore, wall: WallClock) -> None:
        self._config = config
        self._sip = sip
        self._store = store
        self._wall = wall
        self._own_name = own_name(config)

    def send(self, parcel: Parcel, on_end: OnEnd) -> Sent | Later | None:
        """sms_transport.Transport."""
        message = parcel.message
        binding = choose(parcel.subscriber, message.impu_key, sos=message.sos, tried=parcel.tried)
        if binding is None:
            return None
        if binding.sms_over_ip:
            return self._send_rpdu(parcel, binding, on_end)
        return self._send_text(parcel, binding, on_end)

    def _send_rpdu(self, parcel: Parcel, binding: Binding, on_end: OnEnd) -> Sent:
        """TS 24.341 5.3.3.4.1: RP-DATA in a MESSAGE."""
        to = _impu(parcel).uri.text
        name = self._own_name
        onward = Onward(parcel.subscriber, binding, name, to, RPDU, parcel.rp_data().encode(), asserted=name)
        answered = partial(_answered, parcel, binding, on_end, Outcome.ARRIVED)
        return Sent(binding.id, self._sip.send(onward, answered))

    def _send_text(self, parcel: Parcel, binding: Binding, on_end: OnEnd) -> Sent | Later:
        """A softphone reads text: all parts of a message in one MESSAGE, once they are there."""
        message = parcel.message
        found = text_of(message, self._store.of(message.impi))
        age = self._wall() - message.received_at
        if found is None and age < JOIN_TIME and not message.once:
            return Later(min(JOIN_TIME, JOIN_TIME - age))
        text, parts = found or text_of(message, [message], alone=True) or ("", (message.id,))
        sender = f"<{sender_uri(message.sender, self._config.domain)}>"
        body = text.encode("utf-8", "replace")
        onward = Onward(parcel.subscriber, binding, sender, _impu(parcel).uri.text, f"{TEXT};charset=UTF-8", body)
        answered = partial(_answered, parcel, binding, on_end, Outcome.TAKEN)
        return Sent(binding.id, self._sip.send(onward, answered), parts)


def own_name(config: ImsConfig) -> str:
    """P-Asserted-Identity of what the server sends by itself: where phones send their reports to."""
    return f"<sip:ipsmgw@{config.domain}>"


def _impu(parcel: Parcel) -> Impu:
    return parcel.subscriber.impu(parcel.message.impu_key) or parcel.subscriber.impus[0]


def _answered(parcel: Parcel, binding: Binding, on_end: OnEnd, success: Outcome, code: int) -> None:
    if code >= 300:
        log(IMS, INFO, f"a short message to {parcel.subscriber.impi} was answered {code}", id=binding.id)
        on_end(Outcome.FAILED)
    else:
        on_end(success)


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
