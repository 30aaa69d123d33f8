"""The S-CSCF as registrar (TS 24.229 5.4.1, RFC 3261 10.3): REGISTER authenticated, contacts bound, 200 built.

pcscf.on_register calls `Registrar.register` with who it is; the answer goes back the same way. A contact is bound
and durable before its 200 leaves.
"""

import re
from typing import Final

from lteims.clock import WallClock
from lteims.config import AuthentType, ImsConfig
from lteims.ims.challenge import (
    Challenge,
    Challenges,
    Integrity,
    Judgement,
    Verdict,
    credentials_of,
    level_of,
    shows_qop,
)
from lteims.ims.contact import Features, features_of, imei_of
from lteims.ims.hss import Assignment, Hss
from lteims.ims.subscribers import Binding, Impu, Subscriber, Subscribers, same_imei
from lteims.net.sip_flow import Flow
from lteims.sip.errors import SipError
from lteims.sip.headers import AuthValue, NameAddr
from lteims.sip.message import Request
from lteims.sip.uri import authority
from lteims.store.state import StateStore
from lteims.trace import IMS, INFO, log

MAX_BINDINGS: Final = 32  # contacts of one user
MIN_EXPIRES: Final = 60  # seconds; less is answered 423, unless binding_expires itself is less
MAX_CONTACTS: Final = 10  # in one REGISTER
MAX_DIGITS: Final = 10  # of a delta-seconds
_QVALUE: Final = re.compile(r"[0-9](?:\.[0-9]{0,9})?|\.[0-9]{1,9}")
DEFAULT_EXPIRES: Final = 3600  # seconds, where a Contact's expires is no number (RFC 3261 20.10)
_FIRST: Final = Judgement(Verdict.CHALLENGE, "no credentials yet")
_AGAIN: Final = Judgement(Verdict.CHALLENGE, "auth_on_refresh asks for a new one")


class Unauthorized(SipError):
    """401 with a challenge."""

    def __init__(self, value: str, why: str, challenge: Challenge) -> None:
        super().__init__(401, why, {"www-authenticate": value})
        self.challenge = challenge


class Registrar:
    """The registrar of all users."""

    def __init__(
        self,
        config: ImsConfig,
        subscribers: Subscribers,
        hss: Hss,
        challenges: Challenges,
        store: StateStore,
        wall: WallClock,
    ) -> None:
        self._config = config
        self._subscribers = subscribers
        self._hss = hss
        self._challenges = challenges
        self._store = store
        self._wall = wall

    async def register(
        self, request: Request, flow: Flow, integrity: Integrity | None = None
    ) -> tuple[Subscriber, Impu, list[Binding]]:
        """Carry out a REGISTER; returns the user's bindings afterwards. SipError is the refusal, 401 included.

        `flow` is how the phone is reached from now on, `integrity` what the SA proves that the request came by.
        """
        if not self._subscribers.is_local(request.uri.host):  # RFC 3261 10.3 step 1
            raise SipError(404, f"REGISTER for {request.uri}, and the domain here is {self._subscribers.domain}")
        credentials = credentials_of(request, lambda name: self._subscribers.by_impi(name) is not None)
        username = credentials.get("username") if credentials else ""
        subscriber, impu = await self._hss.user_authorization(
            username, request.to.uri, leaving=_leaves(request), sos=any(map(is_sos, request.contacts))
        )
        if integrity is not None and integrity.impi != subscriber.impi:
            raise SipError(403, f"REGISTER of {subscriber.impi} by the SA of {integrity.impi}")
        for contact in request.contacts:  # at once: behind a 401 this would be the end of the SAs that it began
            if contact.uri.scheme != "*":
                self._expires(contact, request)
        authenticated = await self.authenticate(subscriber, impu, request, credentials, integrity, register=True)
        if subscriber.external and request.contacts and not _leaves(request):
            self._plan(subscriber, request)  # what is refused here the HSS does not hear of
            subscriber, impu = await self._hss.server_assignment(subscriber, impu, Assignment.REGISTRATION)
        self._apply(subscriber, impu, request, flow, authenticated, integrity is not None)
        await self._store.commit()
        return subscriber, impu, subscriber.bindings

    async def authenticate(
        self,
        subscriber: Subscriber,
        impu: Impu,
        request: Request,
        credentials: AuthValue | None,
        integrity: Integrity | None = None,
        *,
        register: bool,
    ) -> bool:
        """True if the request proves who sent it, False if nobody asks for that; SipError 401 or 403 otherwise."""
        minimum = subscriber.user.authent_type
        if minimum is AuthentType.NONE or not impu.config.authentication:
            return False
        if integrity is not None and integrity.established and self._is_enough(request):
            return True
        level = self._level(subscriber, minimum, request, credentials)
        if credentials is None or not credentials.get("nonce"):
            judgement = _FIRST
        elif integrity is not None and integrity.established and credentials.get("nonce") == integrity.nonce:
            judgement = _AGAIN
        else:
            judgement = self._challenges.judge(subscriber, request, credentials, integrity)
            if judgement.verdict is Verdict.OK:
                return True
            if judgement.verdict is Verdict.REFUSED:
                if subscriber.external and register:
                    await self._hss.server_assignment(subscriber, impu, Assignment.AUTHENTICATION_FAILURE)
                raise SipError(403, judgement.why)
            if judgement.verdict is Verdict.CHALLENGE:
                log(IMS, INFO, f"{request.method} of {subscriber.impi}: a new 401, since {judgement.why}")
        vector = await self._hss.multimedia_auth(subscriber, level, judgement.resync)
        stale = judgement.verdict is Verdict.STALE
        value, challenge = self._challenges.issue(
            subscriber, vector, register=register, qop=shows_qop(credentials), stale=stale
        )
        raise Unauthorized(value, judgement.why, challenge)

    def _is_enough(self, request: Request) -> bool:
        """Is an established SA enough for this REGISTER? Who leaves is not asked (TS 24.229 5.4.1.4.1)."""
        if not self._config.auth_on_refresh:
            return True
        return not request.contacts or _leaves(request)  # without contacts it only asks what is registered

    def _level(
        self, subscriber: Subscriber, minimum: AuthentType, request: Request, credentials: AuthValue | None
    ) -> AuthentType | None:
        """The manual's rule: the client's algorithm if it is at least authent_type, else a refusal (5.2.1).

        An HSS knows itself what its user can, unless the phone says (TS 24.229 5.4.1.2.1): then it is None.
        """
        algorithm = credentials.get("algorithm") if credentials else ""
        if not algorithm:
            if not subscriber.external:
                return minimum
            return AuthentType.AKAV1 if "security-client" in request.headers else None
        level = level_of(algorithm)
        if level is None or not level.at_least(minimum):
            raise SipError(403, f"{subscriber.impi} offers {algorithm[:20]}, authent_type asks for {minimum} or more")
        if credentials is not None and not credentials.get("nonce") and not self._possible(subscriber, level):
            return minimum
        return level

    @staticmethod
    def _possible(subscriber: Subscriber, level: AuthentType) -> bool:
        return subscriber.external or bool(subscriber.user.pwd if level is AuthentType.MD5 else subscriber.user.k)

    # -- contacts
    def _apply(
        self, subscriber: Subscriber, impu: Impu, request: Request, flow: Flow, authenticated: bool, protected: bool
    ) -> None:
        """RFC 3261 10.3 steps 6 and 7: all contacts of the request, or none."""
        contacts = request.contacts
        if contacts and contacts[0].uri.scheme == "*":
            self._remove_all(subscriber, request, flow)
            return
        for contact, expires, q in self._plan(subscriber, request):
            self._bind(subscriber, impu, request, flow, contact, expires, q, authenticated, protected)

    def _plan(self, subscriber: Subscriber, request: Request) -> list[tuple[NameAddr, int, float]]:
        """Each contact with its lifetime and q; SipError if one of them cannot be had."""
        contacts = request.contacts
        if len(contacts) > MAX_CONTACTS:
            raise SipError(400, f"{len(contacts)} contacts in one REGISTER")
        planned = [(contact, self._expires(contact, request), _q_of(contact)) for contact in contacts]
        for contact, expires, _ in planned:
            if not contact.uri.is_sip:
                raise SipError(400, f"a contact that is no SIP URI: {contact.uri}", reason="Bad Contact")
            if expires == 0 and is_sos(contact):  # TS 24.229 5.4.8.3: it stays for the call back, until it expires
                raise SipError(501, f"{subscriber.impi} wants to end an emergency registration")
            old = self._known(subscriber, contact, request)
            if old is not None:
                _check_order(old, request)
            if old is None and expires and len(subscriber.bindings) + len(planned) > MAX_BINDINGS:
                raise SipError(403, f"{subscriber.impi} has {len(subscriber.bindings)} bindings already")
        return planned

    def _remove_all(self, subscriber: Subscriber, request: Request, flow: Flow) -> None:
        """RFC 3261 10.3 step 6; with multi_sim a phone speaks for itself alone, not for the others with its SIM.

        Emergency registrations stay (TS 24.229 5.4.8.3).
        """
        if len(request.contacts) > 1 or request.number("expires") != 0:
            raise SipError(400, "Contact: * goes with Expires: 0 alone", reason="Bad Contact")
        own = [b for b in subscriber.bindings if not subscriber.user.multi_sim or b.flow.host == flow.host]
        own = [b for b in own if not b.sos]
        for binding in own:
            _check_order(binding, request)
        for binding in own:
            self._subscribers.unbind(subscriber, binding, "unregistered")

    def _expires(self, contact: NameAddr, request: Request) -> int:
        """The parameter, else the header, else the default; never above binding_expires; 423 if too brief."""
        most = self._config.binding_expires
        value = contact.params.get("expires")
        if value is None:
            wanted = request.number("expires")
        else:  # RFC 3261 20.10: a malformed value is as good as none
            wanted = int(value) if value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS else DEFAULT_EXPIRES
        if wanted is None:
            return most
        least = min(MIN_EXPIRES, most)
        if 0 < wanted < least:
            raise SipError(423, f"{wanted} s are too brief", {"min-expires": str(least)})
        return min(wanted, most)

    def _known(self, subscriber: Subscriber, contact: NameAddr, request: Request) -> Binding | None:
        """The binding that a contact refreshes: the same URI (RFC 3261 10.3), or the same phone with another one.

        An emergency registration stands beside the normal one (TS 24.229 5.1.6).
        """
        if not subscriber.bindings:
            return None
        instance, sos, place = contact.params.get("+sip.instance") or "", is_sos(contact), authority(contact.uri.text)
        for binding in subscriber.bindings:
            if binding.sos == sos and authority(binding.contact) == place and binding.uri.equals(contact.uri):
                return binding
        if not instance:
            return None
        for binding in subscriber.bindings:
            same_reg_id = binding.params.get("reg-id") == contact.params.get("reg-id")
            if binding.instance == instance and binding.sos == sos and same_reg_id:
                return binding
        return None

    def _bind(
        self,
        subscriber: Subscriber,
        impu: Impu,
        request: Request,
        flow: Flow,
        contact: NameAddr,
        expires: int,
        q: float,
        authenticated: bool,
        protected: bool,
    ) -> None:
        old = self._known(subscriber, contact, request)
        if expires == 0:
            if old is not None:
                self._subscribers.unbind(subscriber, old, "unregistered")
            return
        instance = contact.params.get("+sip.instance") or ""
        imei = imei_of(instance)
        if old is None and not subscriber.user.multi_sim and imei:
            self._drop_swapped(subscriber, imei, is_sos(contact))
        features: Features = features_of(contact)
        binding = Binding(
            id=old.id if old else self._subscribers.new_binding_id(),
            impi=subscriber.impi,
            contact=contact.uri.text,
            params={n: v for n, v in contact.params.items() if n not in ("expires", "q")},
            q=q,
            expires_at=self._wall() + expires,
            call_id=request.call_id,
            cseq=request.cseq.number,
            flow=flow,
            impu_key=impu.key,
            path=[path.encode() for path in request.name_addrs("path")],
            instance=instance,
            imei=imei,
            sos=is_sos(contact),
            user_agent=request.get("user-agent")[:200],
            authenticated=authenticated,
            protected=protected,
            sms_over_ip=features.sms,
            volte=features.volte,
            video=features.video,
        )
        self._subscribers.bind(subscriber, binding)

    def _drop_swapped(self, subscriber: Subscriber, imei: str, sos: bool) -> None:
        """Without multi_sim a SIM is in one phone: one that reports another IMEI has taken it over."""
        for binding in subscriber.bindings:
            if binding.imei and binding.sos == sos and not same_imei(binding.imei, imei):
                self._subscribers.unbind(subscriber, binding, "deactivated")

    # -- the answer
    def contact_lines(self, bindings: list[Binding]) -> list[str]:
        """The Contact lines of a 200: every binding with the time that it has left."""
        now = self._wall()
        return [f"{binding.line};expires={max(0, round(binding.expires_at - now))}" for binding in bindings]

    def time_left(self, binding: Binding) -> float:
        """Seconds that a binding has left."""
        return max(0.0, binding.expires_at - self._wall())

    @staticmethod
    def associated_uris(subscriber: Subscriber, binding: Binding) -> list[str]:
        """The P-Associated-URI values (RFC 7315 4.1): the default IMPU first. A service URN is no one's identity."""
        return [impu.shown for impu in subscriber.registered_impus(binding) if impu.uri.scheme != "urn"]


def _leaves(request: Request) -> bool:
    """Does a REGISTER end all contacts that it names?"""
    contacts = request.contacts
    leaving = request.number("expires") == 0
    return bool(contacts) and all(
        (c.params.get("expires") or ("0" if leaving else "1")).strip("0") == "" for c in contacts
    )


def is_sos(contact: NameAddr) -> bool:
    """Does a contact ask for an emergency registration (TS 24.229 7.2A.13)? Some phones put `sos` behind the URI."""
    return "sos" in contact.uri.params or "sos" in contact.params or "+sos" in contact.params


def _check_order(binding: Binding, request: Request) -> None:
    """RFC 3261 10.3 steps 6 and 7: within a Call-ID, what was sent earlier must not win."""
    if binding.call_id == request.call_id and request.cseq.number <= binding.cseq:
        why = f"CSeq {request.cseq.number} after {binding.cseq} in one Call-ID"
        raise SipError(500, why, {"retry-after": "0"})


def _q_of(contact: NameAddr) -> float:
    """RFC 3261 20.10: 0 to 1 with at most three decimals; a phone that writes more is understood."""
    text = contact.params.get("q")
    if text is None:
        return 1.0
    if not _QVALUE.fullmatch(text):
        raise SipError(400, f"bad q: {text[:20]!r}", reason="Bad Contact")
    return min(1.0, float(text))
