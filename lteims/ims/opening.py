"""How a call is set up: its session, its branches, the INVITE to each contact (TS 24.229 5.2.7, 5.4.3, 5.7.5).

calls.py asks; what happens afterwards is decided there. SipError refuses a call before anything was set up.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from lteims.clock import WallClock
from lteims.config import ImpuConfig, ImsConfig
from lteims.ims.anchor import Anchor
from lteims.ims.branch import Branch
from lteims.ims.call import MO, MT, Call, groups_of
from lteims.ims.caller import ANONYMOUS, Caller
from lteims.ims.capabilities import ALLOW, tags_of
from lteims.ims.forced import final_of
from lteims.ims.icscf import Destination, Echo, Registered
from lteims.ims.leg import Leg, LegOwner
from lteims.ims.onward import onward_body
from lteims.ims.outbound import callee_identity, contact_user, invite_headers, origin_of, products, way_to
from lteims.ims.preferences import preferred_bindings
from lteims.ims.qos import Bearers, LegQos, Way, mode_of
from lteims.ims.record import DialogRecord, DialogRecords, DialogType
from lteims.ims.sdp_body import parse_sdp
from lteims.ims.session import Owner, Session
from lteims.ims.streams import Side
from lteims.ims.subscribers import Binding
from lteims.media.precondition import Watch, offers_preconditions
from lteims.media.template import Template
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Flow
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.dialog import Dialog
from lteims.sip.errors import SipError
from lteims.sip.headers import NameAddr
from lteims.sip.message import Request
from lteims.sip.session_timer import SessionTimer

# The header order of an INVITE that phones know
ORDER = (
    "via", "route", "from", "to", "call-id", "cseq", "contact", "content-type", "allow", "accept-contact", "min-se",
    "session-expires", "p-asserted-identity", "supported", "max-forwards",
)  # fmt: skip
MAX_BRANCHES = 32  # contacts of one callee that are called


class CallOwner(LegOwner, Owner, Protocol):
    """calls.py."""


class Opening:
    """Makes sessions, branches and INVITEs."""

    def __init__(
        self,
        config: ImsConfig,
        stack: SipStack,
        plane: MediaPlane,
        pools: Sequence[PortPool],
        bearers: Bearers,
        records: DialogRecords,
        owner: "CallOwner",
        wall: WallClock,
        templates: Callable[[str], Template | None],
    ) -> None:
        self._config = config
        self._stack = stack
        self._plane = plane
        self._pools = pools
        self._bearers = bearers
        self._records = records
        self._owner = owner
        self._wall = wall
        self._templates = templates
        self._sess_id = 0  # of the o= line that was given last

    # -- a call that came
    def incoming(
        self, transaction: ServerTransaction, caller: Caller, destination: Echo | Registered, offer: bytes | None
    ) -> Session:
        """The session of an INVITE. SipError 420, 422, 480 refuses it."""
        request = transaction.request
        options = destination.config if isinstance(destination, Echo) else destination.impu.config
        own = caller.impu.config if caller.impu is not None else None
        check_required(request, self._config, own, options if isinstance(destination, Echo) else None)
        groups: list[tuple[Binding, ...]] = []
        if isinstance(destination, Registered):
            groups = preferred_bindings(request, destination.bindings)
            if not groups:
                raise SipError(480, "no contact of the callee has what Accept-Contact asks for")
        type = DialogType.ECHO if isinstance(destination, Echo) else DialogType.SERVER
        session = self._session(type, caller, request, destination, [len(group) for group in groups] or [1])
        session.offer = offer
        session.primary = self._primary(transaction)
        session.primary.record = self.record(session, session.primary)
        session.primary.record.message("recv", request)
        reliable = caller_reliability(request, self._config, own, options if isinstance(destination, Echo) else None)
        for number, binding in enumerate(b for group in groups for b in group):
            session.branches.append(self._branch(session, number, binding, own, options))
        if not groups:
            session.branches.append(self._branch(session, 0, None, own, options))
        for branch in session.branches:
            branch.offered = offer is not None
            branch.caller_reliable = reliable
            branch.anchor.place(MO, self._side(transaction.flow, request.call_id))
        session.primary.branch = session.branches[0]
        session.primary.record.medias_of = lambda: session.branch.medias(MO)
        return session

    def _session(
        self, type: DialogType, caller: Caller, request: Request, destination: Destination, sizes: list[int]
    ) -> Session:
        return Session(
            owner=self._owner,
            call=Call(caller.binding.id if caller.binding is not None else "-", groups_of(sizes)),
            type=type,
            caller=caller,
            caller_impu=str(caller.impu.uri if caller.impu else request.from_.uri),
            callee_impu=str(request.uri),
            first=request,
            destination=destination if isinstance(destination, Registered) else None,
            forced=final_of(destination),
            template=self._templates(self._config.sdp_file) if type is DialogType.ECHO else None,
            urgent=caller.emergency,
            identity=callee_identity(destination) if isinstance(destination, Echo) else "",
        )

    def _primary(self, transaction: ServerTransaction) -> Leg:
        request = transaction.request
        dialog = Dialog.of_request(request, transaction.to_tag)
        user = request.uri.number or request.uri.user
        leg = Leg(self._stack, self._owner, MO, dialog, transaction.flow, user, self._timer())
        leg.heard(request)
        leg.attend(transaction)
        return leg

    def _timer(self) -> SessionTimer:
        return SessionTimer(self._config.session_expires)

    def _branch(
        self, session: Session, number: int, binding: Binding | None, own: ImpuConfig | None, options: ImpuConfig | None
    ) -> Branch:
        # RFC 8866 5.2: no two descriptions of a session id and version, not in two early dialogs either
        self._sess_id = max(self._sess_id + 1, int(self._stack.loop.time() * 1000))
        anchor = Anchor(self._plane, self._sess_id, urgent=session.urgent)
        watch = Watch()
        echo = session.type is DialogType.ECHO
        qos = (
            LegQos(MO, mode_of(self._config, options if echo else own), watch),
            LegQos(MT, mode_of(self._config, None if echo else options), watch),
        )
        return Branch(session, number, anchor, qos, self._bearers, binding)

    def _side(self, flow: Flow, call_id: str) -> Side:
        """The media of a dialog; in the log it has the dialog's id (manual 8.3)."""
        endpoint = self._stack.endpoints[flow.local]
        return Side(endpoint.host, endpoint.bind_host, self._pools[endpoint.base], self._stack.log_id(call_id))

    def early_leg(self, session: Session, branch: Branch) -> Leg:
        """The caller's early dialog of a branch: each has a tag of its own (RFC 3261 12.1)."""
        primary = session.primary
        assert primary is not None
        assert primary.uas is not None
        if not session.primary_taken:
            session.primary_taken = True
            leg = primary
        else:
            leg = primary.sibling(Dialog.of_request(primary.uas.request, self._stack.tokens.tag()))
            leg.record = self.record(session, leg)
        self._join(branch, leg, MO)
        return leg

    def join_echo(self, session: Session) -> None:
        """The caller's leg of a call to the echo; its preconditions end here."""
        branch, primary = session.branches[0], session.primary
        assert primary is not None
        assert session.first is not None
        session.primary_taken = True
        self._join(branch, primary, MO)
        qos = branch.qos[MO]
        speaks = branch.caller_reliable and "precondition" in tags_of(session.first)
        if session.offer and qos.on and speaks and offers_preconditions(parse_sdp(session.offer)):
            qos.end_here(reserved=True)

    def adopt(self, session: Session, branch: Branch, leg: Leg) -> None:
        """The callee's leg of a branch that a proxy behind it has made."""
        leg.record = self.record(session, leg)
        self._join(branch, leg, MT)

    def _join(self, branch: Branch, leg: Leg, side: int) -> None:
        leg.branch = branch
        if side == MO:
            branch.mo = leg
        else:
            branch.mt = leg
        if leg.record is not None:
            leg.record.medias_of = lambda: branch.medias(side)
        branch.joined(side)
        mo, mt = branch.mo, branch.mt
        if mo is not None and mt is not None and mo.record is not None and mt.record is not None:
            mo.record.mt_dialog, mt.record.mo_dialog = mt.record.id, mo.record.id

    def record(self, session: Session, leg: Leg) -> DialogRecord:
        """A record for a leg's dialog."""
        found = DialogRecord(
            self._stack.log_id(leg.dialog.call_id), session.type, session.callee_impu, session.caller_impu,
            self._plane.clock, int(self._wall()),
        )  # fmt: skip
        self._records.add(found)
        return found

    # -- the INVITE to a contact
    def callee_leg(self, session: Session, branch: Branch) -> tuple[Leg, Request]:
        """The leg to a branch's contact and its INVITE, to be sent. SipError 488, 503 where the media cannot be had."""
        destination, binding = session.destination, branch.binding
        assert destination is not None
        assert binding is not None
        way = way_to(destination.subscriber, binding, self._stack.connected(binding.flow))
        tokens = self._stack.tokens
        call_id = tokens.call_id()
        branch.anchor.place(MT, self._side(way.flow, call_id))
        body = self._offer(session, branch, binding, destination.impu.config)
        request = session.first
        if request is not None:
            to, origin = NameAddr(request.to.uri, request.to.display).encode(), origin_of(request, session.caller)
            user = contact_user(request)
        else:
            to, origin = f"<{destination.impu.uri}>", session.caller_named
            caller = NameAddr.parse(origin, "From").uri
            user = caller.number or caller.user
        dialog = Dialog(call_id, origin, tokens.tag(), to, way.target)
        dialog.routes = list(way.routes)
        leg = Leg(self._stack, self._owner, MT, dialog, way.flow, user, self._timer())
        leg.record = self.record(session, leg)
        self._join(branch, leg, MT)
        invite = dialog.request("INVITE")
        invite.body = body
        self._complete(session, branch, destination, invite)
        return leg, invite

    def _offer(self, session: Session, branch: Branch, binding: Binding, options: ImpuConfig) -> bytes:
        rel = self._config.rel100 and options.rel100
        request = session.first
        if request is None:
            template = session.template
            qos = branch.qos[MT]
            asks = template is not None and offers_preconditions(template.with_ports())
            if qos.on and rel and (binding.volte or asks):
                qos.end_here(reserved=False)
            return branch.anchor.own_offer(MT, template)
        body = session.offer
        sdp = parse_sdp(body) if body else None
        speaks = sdp is not None and offers_preconditions(sdp)
        supports = "precondition" in tags_of(request)
        branch.choose_ways(
            sdp, caller_speaks=(speaks or sdp is None) and supports and bool(branch.caller_reliable),
            callee_may=binding.volte and rel,
        )  # fmt: skip
        return branch.carry(MO, body, offer=True) if body else b""

    def _complete(self, session: Session, branch: Branch, destination: Registered, invite: Request) -> None:
        config, request = self._config, session.first
        if request is not None:
            kind, invite.body = onward_body(request, invite.body)
            invite.headers["content-type"] = [kind]
            invite_headers(invite, request, session.caller, destination, ALLOW, config.p_called_party_id)
            if not config.force_user_agent:
                invite.headers |= products(request)
        else:
            made = Request("INVITE", "", {"to": [f"<{destination.impu.uri}>"], "from": [session.caller_named]})
            invite_headers(invite, made, session.caller, destination, ALLOW, config.p_called_party_id)
        tags = []
        rel = config.rel100 and destination.impu.config.rel100
        # an offer that may come in a 18x needs a caller who can answer it in a PRACK
        if rel and (invite.body or branch.caller_reliable):
            if branch.qos[MT].way is not Way.OFF:
                tags.append("precondition")
            tags.append("100rel")
            branch.callee_reliable = True
        if config.session_expires:
            tags.append("timer")
        if tags:
            invite.headers["supported"] = [",".join(tags)]
        if config.session_expires:  # their places; the leg fills them in
            invite.headers["min-se"], invite.headers["session-expires"] = ["90"], [str(config.session_expires)]
        ordered = {name: invite.headers[name] for name in ORDER if name in invite.headers}
        invite.headers = ordered | invite.headers

    # -- a call that the server makes
    def outgoing(
        self, destination: Registered, caller: Caller | None, caller_impu: str, template: Template | None
    ) -> Session:
        """The session of a call from the server to all contacts of a user."""
        bindings = sorted(destination.bindings, key=lambda b: -b.q)[:MAX_BRANCHES]
        groups = sorted({binding.q for binding in bindings}, reverse=True)
        sizes = [sum(binding.q == q for binding in bindings) for q in groups]
        session = Session(
            owner=self._owner,
            call=Call(destination.bindings[0].id, groups_of(sizes)),
            type=DialogType.MT_CALL,
            caller=caller or ANONYMOUS,
            caller_impu=caller_impu,
            callee_impu=str(destination.impu.uri),
            destination=destination,
            template=template,
        )
        shown = caller.impu.shown if caller is not None and caller.impu is not None else f"<{caller_impu}>"
        session.caller_named = shown
        for number, binding in enumerate(bindings):
            branch = self._branch(session, number, binding, None, destination.impu.config)
            branch.caller_reliable = "supported"
            session.branches.append(branch)
        return session


def check_required(request: Request, config: ImsConfig, *options: ImpuConfig | None) -> None:
    """Require of an INVITE: 420 with what is switched off here (RFC 3261 8.2.2.3)."""
    if "require" not in request.headers:
        return
    off = set()
    if not (config.rel100 and all(o.rel100 for o in options if o is not None)):
        off.add("100rel")
    if not any(str(mode_of(config, o)) == "on" for o in options or (None,)):
        off.add("precondition")
    unsupported = [tag for tag in request.tokens("require") if tag in off]
    if unsupported:
        raise SipError(420, f"Require: {', '.join(unsupported)}", {"unsupported": ", ".join(unsupported)})


def caller_reliability(request: Request, config: ImsConfig, *options: ImpuConfig | None) -> str:
    """The caller's 100rel: "required", "supported", or "" where it or we do not want it."""
    if not (config.rel100 and all(o.rel100 for o in options if o is not None)):
        return ""
    if "100rel" in request.words("require"):
        return "required"
    return "supported" if "100rel" in request.words("supported") else ""
