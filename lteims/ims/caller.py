"""Who sends a request outside a dialog (TS 24.229 5.2.6.3): the identity claimed, proven or believed, and asserted.

pcscf.py asks before it hands an INVITE or MESSAGE on. Outside IPsec a user with authentication is challenged with
401; 407-style credentials (Proxy-Authorization) are read too.
"""

from dataclasses import dataclass

from lteims.config import AuthentType, ImpuConfig, ImsConfig
from lteims.ims.challenge import Integrity, credentials_of
from lteims.ims.contact import imei_of
from lteims.ims.scscf import Registrar
from lteims.ims.subscribers import Binding, Impu, Subscriber, Subscribers
from lteims.ims.wildcard import is_wildcard
from lteims.net.sip_flow import Flow
from lteims.sip.errors import SipError
from lteims.sip.message import Request
from lteims.trace import IMS, INFO, log

_NOBODY = "anonymous.invalid"  # RFC 3323 4.1.1.3


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request: a user of ours, or nobody that we know (anonymous emergency call)."""

    subscriber: Subscriber | None
    impu: Impu | None
    binding: Binding | None
    emergency: bool = False  # a call for help: it goes before others (TS 24.229 5.2.1)

    def asserted(self) -> str:
        """The first P-Asserted-Identity value (RFC 3325 9.1), "" for an anonymous caller."""
        return next(iter(self.identities()), "")

    def identities(self) -> list[str]:
        """The P-Asserted-Identity values: one, or a sip URI and a tel URI; none for an anonymous caller."""
        if self.subscriber is None or self.impu is None:
            return []
        return asserted_identities(self.subscriber, self.impu, self.binding)

    @property
    def name(self) -> str:
        """For the log."""
        return self.subscriber.impi if self.subscriber else "anonymous"


ANONYMOUS = Caller(None, None, None, emergency=True)


def asserted_identities(subscriber: Subscriber, impu: Impu, binding: Binding | None) -> list[str]:
    """What the server asserts of a user that appears under this IMPU (TS 24.229 5.4.3.2, 5.2.6.4.4).

    The IMPU itself, and the first one of the other scheme (sip, tel) where the user has both. IMPUs that are marked
    `asserted` take the place of all others; one that belongs to another phone of the SIM is not asserted.
    """
    own = [i for i in subscriber.impus if binding is None or subscriber.carries(binding, i)]
    own = [impu if i.key == impu.key and is_wildcard(i.uri) else i for i in own]
    own = [i for i in own if i.uri.scheme != "urn" and not is_wildcard(i.uri)]  # a service is no identity
    marked = [i for i in own if i.config.asserted]
    first = impu if impu in (marked or own) else next(iter(marked or own), None)
    if first is None:
        return [impu.shown]
    aliases = (i for i in marked or own if (i.uri.scheme == "tel") != (first.uri.scheme == "tel"))
    alias = next((i for i in aliases if i.config.associated or i.config.asserted), None)
    return [first.shown] if alias is None else [first.shown, alias.shown]


class Identifier:
    """Answers who it is."""

    def __init__(self, config: ImsConfig, subscribers: Subscribers, registrar: Registrar) -> None:
        self._config = config
        self._subscribers = subscribers
        self._registrar = registrar

    async def identify(
        self,
        request: Request,
        flow: Flow,
        callee: ImpuConfig | None,
        integrity: Integrity | None = None,
        *,
        emergency: bool = False,
    ) -> Caller:
        """The caller; `callee` are the options of the number called, which may let anybody in.

        `emergency`: is it a call for help? `integrity` is what the SA proves that the request came by. SipError 401
        asks for credentials, 403 turns the caller away.
        """
        if integrity is not None:
            return self._protected(request, flow, integrity, emergency)
        found = self._claimed(request, flow)
        binding = self._binding(found[0], flow, emergency) if found is not None else None
        if binding is None and callee is not None and callee.anonymous:  # an emergency call is taken from everybody
            log(IMS, INFO, f"anonymous {request.method} from {flow}{_device(request)} to {request.uri}")
            return ANONYMOUS
        if found is None and request.from_.uri.host == _NOBODY:
            found = self._seen(flow)
            binding = self._binding(found[0], flow, emergency) if found is not None else None
        if found is None:
            raise SipError(403, f"{request.from_.uri} is no user here")
        subscriber, impu = found
        if self._must_prove(subscriber, impu, callee) or (binding is not None and binding.protected):
            # what comes in clear from where a phone has SAs need not be that phone's (TS 33.203 7.1)
            await self._prove(subscriber, impu, request)
        elif binding is None:
            self._believe(subscriber, flow)
        if not subscriber.bindings:
            raise SipError(403, f"{subscriber.impi} is not registered")
        return Caller(subscriber, impu, binding, emergency)

    def _protected(self, request: Request, flow: Flow, integrity: Integrity, emergency: bool) -> Caller:
        """An SA says who it is; an identity that is not that phone's own does not count (TS 24.229 5.2.6.3.2)."""
        subscriber = self._subscribers.by_impi(integrity.impi)
        if subscriber is None or not subscriber.bindings:
            raise SipError(403, f"{integrity.impi} is not registered")
        binding = self._binding(subscriber, flow, emergency)
        named = request.name_addrs("p-preferred-identity") if "p-preferred-identity" in request.headers else []
        claims = (self._subscribers.by_impu(uri) for uri in (*(p.uri for p in named), request.from_.uri))
        impu = next((c[1] for c in claims if c is not None and c[0] is subscriber), None)
        if impu is None:
            own = subscriber.registered_impus(binding) if binding is not None else subscriber.impus
            impu = next((i for i in own if i.uri.scheme != "urn"), subscriber.impus[0])
        return Caller(subscriber, impu, binding, emergency)

    def _claimed(self, request: Request, flow: Flow) -> tuple[Subscriber, Impu] | None:
        """P-Preferred-Identity first, then From (TS 24.229 5.2.6.3.2).

        A preference that is not this phone's own does not count: whoever is registered where the request comes from
        goes before others.
        """
        found = self._subscribers.by_impu(request.from_.uri)
        if "p-preferred-identity" not in request.headers:
            return found
        preferred = [self._subscribers.by_impu(p.uri) for p in request.name_addrs("p-preferred-identity")]
        claims = [claim for claim in (*preferred, found) if claim is not None]
        here = (claim for claim in claims if any(b.flow.host == flow.host for b in claim[0].bindings))
        return next(here, None) or next(iter(claims), None)

    def _seen(self, flow: Flow) -> tuple[Subscriber, Impu] | None:
        """A phone that names nobody is known by where it registered, under its default IMPU (5.2.6.3.2)."""
        for subscriber in self._subscribers:
            for binding in subscriber.bindings:
                if binding.flow == flow:
                    own = [i for i in subscriber.registered_impus(binding) if i.uri.scheme != "urn"]
                    return (subscriber, own[0]) if own else None
        return None

    def _binding(self, subscriber: Subscriber, flow: Flow, emergency: bool) -> Binding | None:
        """The contact that the request comes from: its very flow, or the only one at that address.

        A phone that is registered twice from one address calls for help by its emergency registration (5.1.6.8.3).
        """
        at_host = [b for b in subscriber.bindings if b.flow.host == flow.host]
        if len(at_host) > 1:
            at_host.sort(key=lambda b: b.sos != emergency)
        exact = next((b for b in at_host if b.flow == flow), None)
        if exact is None and len(at_host) > 1:
            exact = next((b for b in at_host if b.uri.address()[1] == flow.port), None)
        return exact or (at_host[0] if at_host else None)

    def _must_prove(self, subscriber: Subscriber, impu: Impu, callee: ImpuConfig | None) -> bool:
        user = subscriber.user
        only_register = user.auth_on_register_only
        if only_register is None:
            only_register = self._config.auth_on_register_only
        if only_register or user.authent_type is AuthentType.NONE or not impu.config.authentication:
            return False
        return callee is None or callee.authentication

    async def _prove(self, subscriber: Subscriber, impu: Impu, request: Request) -> None:
        credentials = credentials_of(request, lambda name: self._subscribers.by_impi(name) is subscriber)
        if credentials is not None and credentials.get("username"):
            owner = self._subscribers.by_impi(credentials.get("username"))
            if owner is not subscriber:
                raise SipError(403, f"{request.from_.uri} does not belong to {credentials.get('username')[:80]!r}")
        await self._registrar.authenticate(subscriber, impu, request, credentials, register=False)

    def _believe(self, subscriber: Subscriber, flow: Flow) -> None:
        """Without a proof the request must at least come from where the user registered."""
        if subscriber.bindings:
            seen = ", ".join(sorted({b.flow.host for b in subscriber.bindings}))
            raise SipError(403, f"{subscriber.impi} is registered from {seen}, not from {flow.host}")


def _device(request: Request) -> str:
    """The IMEI that a phone without registration names in its Contact (TS 24.229 5.1.6.8.2), for the log."""
    try:
        instances = [contact.params.get("+sip.instance") or "" for contact in request.contacts]
    except SipError:
        return ""
    imei = next((imei for imei in map(imei_of, instances) if imei), "")
    return f", IMEI {imei}," if imei else ""
