"""The torture messages of RFC 5118 section 4: IPv6 references in every place, in the form of vector.py.

The lengths of bodies are counted anew with CRLF ends (the RFC's own do not fit its text): the point is IPv6.
"""

from tests.vectors.sip.vector import BAD_REQUEST, Form, Vector, message, served, text_body

CALL_ID = "SSG9559905523997077@hlau_4100"


def _register(target: str) -> bytes:
    return message(
        f"REGISTER {target} SIP/2.0",
        f"""
To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: {CALL_ID}
Max-Forwards: 70
Contact: "Caller" <sip:caller@[2001:db8::1]>
CSeq: 98176 REGISTER
Content-Length: 0
""",
    )


def _with_body(start: str, head: str, body: str) -> bytes:
    octets = text_body(body)
    return message(start, f"{head.strip()}\nContent-Type: application/sdp\nContent-Length: {len(octets)}", octets)


_GOOD = Vector(
    name="ipv6-good",
    section="4.1",
    point="IPv6 references in Request-URI, Via and Contact",
    data=_register("sip:[2001:db8::10]"),
    form=Form.VALID,
    answer=served("REGISTER"),
    seen={
        "uri host": "2001:db8::10",
        "uri port": None,
        "via host": "2001:db8::9:1",
        "via port": None,
        "contacts 0 display": "Caller",
        "contacts 0 uri host": "2001:db8::1",
        "contacts 0 uri text": "sip:caller@[2001:db8::1]",
        "call_id": CALL_ID,
    },
    domain="2001:db8::10",
    depends_on_domain=True,
)

_BAD = Vector(
    name="ipv6-bad",
    section="4.2",
    point="an IPv6 address without brackets in the Request-URI",
    data=_register("sip:2001:db8::10"),
    form=Form.BROKEN,
    answer=BAD_REQUEST,
    domain="",
)

_AMBIGUOUS = Vector(
    name="port-ambiguous",
    section="4.3",
    point="5070 stands inside the brackets: it is the end of the address, and there is no port",
    data=_register("sip:[2001:db8::10:5070]"),
    form=Form.VALID,
    answer=served("REGISTER"),
    seen={"uri host": "2001:db8::10:5070", "uri port": None},
    domain="2001:db8::10:5070",
    depends_on_domain=True,
)

_UNAMBIGUOUS = Vector(
    name="port-unambiguous",
    section="4.4",
    point="5070 stands behind the brackets: it is the port",
    data=_register("sip:[2001:db8::10]:5070"),
    form=Form.VALID,
    answer=served("REGISTER"),
    seen={"uri host": "2001:db8::10", "uri port": 5070},
    domain="2001:db8::10",
    depends_on_domain=True,
)

_RECEIVED_BRACKETS = Vector(
    name="via-received-param-with-delim",
    section="4.5",
    point="received with brackets, which the grammar forbids and everybody accepts",
    data=message(
        "BYE sip:[2001:db8::10] SIP/2.0",
        f"""
To: sip:user@example.com;tag=bd76ya
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111
Call-ID: {CALL_ID}
Max-Forwards: 70
CSeq: 321 BYE
Content-Length: 0
""",
    ),
    form=Form.VALID,
    answer=served("BYE"),
    seen={
        "via host": "2001:db8::9:1",
        "via params received": "[2001:db8::9:255]",
        "via branch": "z9hG4bKas3-111",
        "to tag": "bd76ya",
    },
    domain="2001:db8::10",
)

_RECEIVED_BARE = Vector(
    name="via-received-param-no-delim",
    section="4.5",
    point="received without brackets, as the grammar has it",
    data=message(
        "OPTIONS sip:[2001:db8::10] SIP/2.0",
        """
To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3
Call-ID: SSG95523997077@hlau_4100
Max-Forwards: 70
Contact: "Caller" <sip:caller@[2001:db8::9:1]>
CSeq: 921 OPTIONS
Content-Length: 0
""",
    ),
    form=Form.VALID,
    answer=served("OPTIONS"),
    seen={"via params received": "2001:db8::9:255", "via branch": "z9hG4bKas3", "contacts 0 uri host": "2001:db8::9:1"},
    domain="2001:db8::10",
    depends_on_domain=True,
)

_IN_SDP = Vector(
    name="ipv6-in-sdp",
    section="4.6",
    point="IPv6 addresses in SDP, where they never have brackets",
    data=_with_body(
        "INVITE sip:user@[2001:db8::10] SIP/2.0",
        f"""
To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111
Call-ID: {CALL_ID}
Contact: "Caller" <sip:caller@[2001:db8::20]>
CSeq: 8612 INVITE
Max-Forwards: 70
""",
        """
v=0
o=assistant 971731711378798081 0 IN IP6 2001:db8::20
s=Live video feed for today's meeting
c=IN IP6 2001:db8::20
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
""",
    ),
    form=Form.VALID,
    answer=served("INVITE"),
    seen={"uri user": "user", "uri host": "2001:db8::10", "to uri host": "2001:db8::10", "body count": 251},
    domain="2001:db8::10",
    depends_on_domain=True,
)

_IN_HEADERS = Vector(
    name="mult-ip-in-header",
    section="4.7",
    point="IPv4 and IPv6 in the Vias of one message",
    data=message(
        "BYE sip:user@host.example.net SIP/2.0",
        """
Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144
Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200
Call-ID: 997077@lau_4100
Max-Forwards: 70
CSeq: 89187 BYE
To: sip:user@example.net;tag=9817--94
From: sip:user@example.com;tag=81x2
Content-Length: 0
""",
    ),
    form=Form.VALID,
    answer=served("BYE"),
    seen={
        "vias count": 3,
        "via host": "2001:db8::9:1",
        "via port": 6050,
        "vias 1 host": "192.0.2.1",
        "vias 2 host": "2001:db8::9:255",
        "vias 2 params received": "192.0.2.200",
        "to tag": "9817--94",
    },
    domain="host.example.net",
)

_MULT_IN_SDP = Vector(
    name="mult-ip-in-sdp",
    section="4.8",
    point="one medium on IPv4 and one on IPv6, no connection line of the session",
    data=_with_body(
        "INVITE sip:user@[2001:db8::10] SIP/2.0",
        f"""
To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: {CALL_ID}
Contact: "Caller" <sip:caller@[2001:db8::9:1]>
Max-Forwards: 70
CSeq: 8912 INVITE
""",
        """
v=0
o=bob 280744730 28977631 IN IP4 host.example.com
s=
t=0 0
m=audio 22334 RTP/AVP 0
c=IN IP4 192.0.2.1
m=video 6024 RTP/AVP 107
c=IN IP6 2001:db8::1
a=rtpmap:107 H263-1998/90000
""",
    ),
    form=Form.VALID,
    answer=served("INVITE"),
    seen={"uri host": "2001:db8::10", "contacts 0 uri host": "2001:db8::9:1", "body count": 189},
    domain="2001:db8::10",
    depends_on_domain=True,
)

_MAPPED = Vector(
    name="ipv4-mapped-ipv6",
    section="4.9",
    point="IPv4-mapped IPv6 addresses in Via, Contact and SDP",
    data=_with_body(
        "INVITE sip:user@example.com SIP/2.0",
        f"""
To: sip:user@example.com
From: sip:user@east.example.com;tag=81x2
Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19
Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111
Call-ID: {CALL_ID}
Contact: "T. desk phone" <sip:ted@[::ffff:192.0.2.2]>
CSeq: 612 INVITE
Max-Forwards: 70
""",
        """
v=0
o=assistant 971731711378798081 0 IN IP6 ::ffff:192.0.2.2
s=Call me soon, please!
c=IN IP6 ::ffff:192.0.2.2
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
""",
    ),
    form=Form.VALID,
    answer=served("INVITE"),
    seen={
        "vias count": 2,
        "via host": "::ffff:192.0.2.10",
        "via port": 19823,
        "vias 1 host": "::ffff:192.0.2.2",
        "contacts 0 display": "T. desk phone",
        "contacts 0 uri host": "::ffff:192.0.2.2",
        "body count": 245,
    },
    depends_on_domain=True,
)


def _options(host: str) -> bytes:
    return message(
        f"OPTIONS sip:user@[{host}] SIP/2.0",
        f"""
To: sip:user@[{host}]
From: sip:user@example.com;tag=810x2
Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111
Call-ID: G9559905523997077@hlau_4100
CSeq: 689 OPTIONS
Max-Forwards: 70
Content-Length: 0
""",
    )


_THREE_COLONS = Vector(
    name="ipv6-bug-abnf-3-colons",
    section="4.10",
    point="three colons before the IPv4 part, which RFC 3261's grammar asks for by mistake: to be tolerated",
    data=_options("2001:db8:::192.0.2.1"),
    form=Form.VALID,
    answer=served("OPTIONS"),
    seen={"uri user": "user", "uri port": None, "from tag": "810x2", "to uri user": "user"},  # host: either spelling
    domain="2001:db8:::192.0.2.1",
    depends_on_domain=True,
)

_TWO_COLONS = Vector(
    name="ipv6-correct-abnf-2-colons",
    section="4.10",
    point="the same with the two colons of RFC 4291",
    data=_options("2001:db8::192.0.2.1"),
    form=Form.VALID,
    answer=served("OPTIONS"),
    seen={"uri user": "user", "uri host": "2001:db8::192.0.2.1", "uri port": None},
    domain="2001:db8::192.0.2.1",
    depends_on_domain=True,
)

VECTORS: tuple[Vector, ...] = (
    _GOOD,
    _BAD,
    _AMBIGUOUS,
    _UNAMBIGUOUS,
    _RECEIVED_BRACKETS,
    _RECEIVED_BARE,
    _IN_SDP,
    _IN_HEADERS,
    _MULT_IN_SDP,
    _MAPPED,
    _THREE_COLONS,
    _TWO_COLONS,
)
