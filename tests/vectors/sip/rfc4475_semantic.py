"""RFC 4475 3.2, 3.3 and 3.4: messages whose trouble lies above the syntax, in transaction, application or history.

`form` speaks of the octets, `answer` of what the section asks of a server. See vector.py.
"""

from tests.vectors.sip.vector import BAD_REQUEST, SUBSCRIBER_CODES, Form, Vector, message, sdp, served, text_body

_BADBRANCH = Vector(
    name="badbranch",
    section="3.2.1",
    point="a branch that is the magic cookie and nothing more",
    data=message(
        "OPTIONS sip:user@example.com SIP/2.0",
        """
To: sip:user@example.com
From: sip:caller@example.org;tag=33242
Max-Forwards: 3
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK
Accept: application/sdp
Call-ID: badbranch.sadonfo23i420jv0as0derf3j3n
CSeq: 8 OPTIONS
l: 0
""",
    ),
    form=Form.TOLERABLE,  # 400, or the transaction rules of RFC 2543
    answer=served("OPTIONS", 400),
    seen={"via branch": "z9hG4bK", "call_id": "badbranch.sadonfo23i420jv0as0derf3j3n"},
    depends_on_domain=True,
)

_INSUF = Vector(
    name="insuf",
    section="3.3.1",
    point="no To, From or Call-ID",
    data=message(
        "INVITE sip:user@example.com SIP/2.0",
        """
CSeq: 193942 INVITE
Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf
Content-Type: application/sdp
l: 152
""",
        sdp("192.0.2.95"),
    ),
    form=Form.BROKEN,
    answer=BAD_REQUEST,
    seen={"via branch": "z9hG4bKkdj.insuf", "cseq number": 193942, "call_id": "", "body count": 152},
)

_UNKSCM = Vector(
    name="unkscm",
    section="3.3.2",
    point="a Request-URI of an unknown scheme; To routes nothing",
    data=message(
        "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0",
        """
To: sip:user@example.com
From: sip:caller@example.net;tag=384
Max-Forwards: 3
Call-ID: unkscm.nasdfasser0q239nwsdfasdkl34
CSeq: 3923423 OPTIONS
Via: SIP/2.0/TCP host9.example.com;branch=z9hG4bKkdjuw39234
Content-Length: 0
""",
    ),
    form=Form.VALID,
    answer=frozenset({416}),
    seen={"target": "nobodyKnowsThisScheme:totallyopaquecontent", "uri scheme": "nobodyknowsthisscheme"},
    domain="",
)

_NOVELSC = Vector(
    name="novelsc",
    section="3.3.3",
    point="a Request-URI of a scheme that exists and is not for SIP",
    data=message(
        "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0",
        """
To: sip:user@example.com
From: sip:caller@example.net;tag=384
Max-Forwards: 3
Call-ID: novelsc.asdfasser0q239nwsdfasdkl34
CSeq: 3923423 OPTIONS
Via: SIP/2.0/TCP host9.example.com;branch=z9hG4bKkdjuw39234
Content-Length: 0
""",
    ),
    form=Form.VALID,
    answer=frozenset({416}),
    seen={"target": "soap.beep://192.0.2.103:3002", "uri scheme": "soap.beep"},
    domain="",
)

_UNKSM2 = Vector(
    name="unksm2",
    section="3.3.4",
    point="To, From and Contact of other schemes; a registrar wants a SIP address of record in To",
    data=message(
        "REGISTER sip:example.com SIP/2.0",
        """
To: isbn:2983792873
From: <http://www.example.com>;tag=3234233
Call-ID: unksm2.daksdj@hyphenated-host.example.com
CSeq: 234902 REGISTER
Max-Forwards: 70
Via: SIP/2.0/UDP 192.0.2.21:5060;branch=z9hG4bKkdjuw
Contact: <name:John_Smith>
l: 0
""",
    ),
    form=Form.VALID,
    answer=frozenset({400, 403, 404}),
    seen={
        "to uri scheme": "isbn",
        "to uri text": "isbn:2983792873",
        "from uri scheme": "http",
        "from uri text": "http://www.example.com",
        "from tag": "3234233",
        "contacts 0 uri scheme": "name",
        "contacts 0 uri text": "name:John_Smith",
    },
)

_BEXT01 = Vector(
    name="bext01",
    section="3.3.5",
    point="Require and Proxy-Require of unknown options: 420 with Unsupported",
    data=message(
        "OPTIONS sip:user@example.com SIP/2.0",
        """
To: sip:j_user@example.com
From: sip:caller@example.net;tag=242etr
Max-Forwards: 6
Call-ID: bext01.0ha0isndaksdj
Require: nothingSupportsThis, nothingSupportsThisEither
Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis
CSeq: 8 OPTIONS
Via: SIP/2.0/TLS fold-and-staple.example.com;branch=z9hG4bKkdjuw
Content-Length: 0
""",
    ),
    form=Form.VALID,
    answer=frozenset({420}),
    seen={
        "values require": ["nothingSupportsThis", "nothingSupportsThisEither"],
        "values proxy-require": ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"],
        "via transport": "TLS",
    },
)

_INVUT = Vector(
    name="invut",
    section="3.3.6",
    point="a body of an unknown type",
    data=message(
        "INVITE sip:user@example.com SIP/2.0",
        """
Contact: <sip:caller@host5.example.net>
To: sip:j.user@example.com
From: sip:caller@example.net;tag=8392034
Max-Forwards: 70
Call-ID: invut.0ha0isndaksdjadsfij34n23d
CSeq: 235448 INVITE
Via: SIP/2.0/UDP somehost.example.com;branch=z9hG4bKkdjuw
Content-Type: application/unknownformat
Content-Length: 40
""",
        text_body(
            """
<audio>
 <pcmu port="443"/>
</audio>
"""
        ),
    ),
    form=Form.VALID,
    answer=SUBSCRIBER_CODES | {415},  # who asks for the user first may say so first
    seen={"media 0": "application/unknownformat", "body count": 40},
    depends_on_domain=True,
)

_REGAUT01 = Vector(
    name="regaut01",
    section="3.3.7",
    point="credentials of an unknown scheme are as none",
    data=message(
        "REGISTER sip:example.com SIP/2.0",
        """
To: sip:j.user@example.com
From: sip:j.user@example.com;tag=87321hj23128
Max-Forwards: 8
Call-ID: regaut01.0ha0isndaksdj
CSeq: 9338 REGISTER
Via: SIP/2.0/TCP 192.0.2.253;branch=z9hG4bKkdjuw
Authorization: NoOneKnowsThisScheme opaque-data=here
Content-Length:0
""",
    ),
    form=Form.VALID,
    answer=served("REGISTER"),
    seen={
        "header authorization 0": "NoOneKnowsThisScheme opaque-data=here",
        "auth authorization opaque-data": "here",
        "contacts count": 0,
    },
)

_MULTI01 = Vector(
    name="multi01",
    section="3.3.8",
    point="two each of CSeq, Call-ID, From, To and Max-Forwards",
    data=message(
        "INVITE sip:user@company.com SIP/2.0",
        """
Contact: <sip:caller@host25.example.net>
Via: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bKkdjuw
Max-Forwards: 70
CSeq: 5 INVITE
Call-ID: multi01.98asdh@192.0.2.1
CSeq: 59 INVITE
Call-ID: multi01.98asdh@192.0.2.2
From: sip:caller@example.com;tag=3413415
To: sip:user@example.com
To: sip:other@example.net
From: sip:caller@example.net;tag=2923420123
Content-Type: application/sdp
l: 154
Contact: <sip:caller@host36.example.net>
Max-Forwards: 5
""",
        sdp("192.0.2.25") + b"\r\n",
    ),
    form=Form.BROKEN,
    answer=BAD_REQUEST,
    domain="company.com",
)

_MCL01 = Vector(
    name="mcl01",
    section="3.3.9",
    point="two Content-Lengths that contradict each other",
    data=message(
        "OPTIONS sip:user@example.com SIP/2.0",
        """
Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bK293423
To: sip:user@example.com
From: sip:other@example.net;tag=3923942
Call-ID: mcl01.fhn2323orihawfdoa3o4r52o3irsdf
CSeq: 15932 OPTIONS
Content-Length: 13
Max-Forwards: 60
Content-Length: 5
Content-Type: text/plain
""",
        b"There's no way to know how many octets are supposed to be here.\r\n\r\n",
    ),
    form=Form.BROKEN,
    answer=BAD_REQUEST,
)

_BCAST = Vector(
    name="bcast",
    section="3.3.10",
    point="a 200 whose second Via is the broadcast address: discarded, never sent on",
    data=message(
        "SIP/2.0 200 OK",
        """
Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23
Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf
CSeq: 35 INVITE
From: sip:user@example.com;tag=11141343
To: sip:user@example.edu;tag=2229
Content-Length: 154
Content-Type: application/sdp
Contact: <sip:user@host28.example.com>
""",
        sdp("192.0.2.198"),
    ),
    form=Form.VALID,
    answer=None,
    seen={"code": 200, "reason": "OK", "vias count": 2, "vias 1 host": "255.255.255.255", "body count": 154},
    domain="",
)

_ZEROMF = Vector(
    name="zeromf",
    section="3.3.11",
    point="Max-Forwards 0: a proxy says 483, an endpoint serves the request",
    data=message(
        "OPTIONS sip:user@example.com SIP/2.0",
        """
To: sip:user@example.com
From: sip:caller@example.net;tag=3ghsd41
Call-ID: zeromf.jfasdlfnm2o2l43r5u0asdfas
CSeq: 39234321 OPTIONS
Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw2349i
Max-Forwards: 0
Content-Length: 0
""",
    ),
    form=Form.VALID,
    answer=frozenset({200, 483}),
    seen={"number max-forwards": 0},
)

_CPARAM01 = Vector(
    name="cparam01",
    section="3.3.12",
    point="a parameter behind a Contact without brackets belongs to the header",
    data=message(
        "REGISTER sip:example.com SIP/2.0",
        """
Via: SIP/2.0/UDP saturn.example.com:5060;branch=z9hG4bKkdjuw
Max-Forwards: 70
From: sip:watson@example.com;tag=DkfVgjkrtMwaerKKpe
To: sip:watson@example.com
Call-ID: cparam01.70710@saturn.example.com
CSeq: 2 REGISTER
Contact: sip:+19725552222@gw1.example.net;unknownparam
l: 0
""",
    ),
    form=Form.VALID,
    answer=served("REGISTER"),
    seen={
        "contacts 0 uri text": "sip:+19725552222@gw1.example.net",
        "contacts 0 uri params": {},
        "contacts 0 params": {"unknownparam": None},
        "from tag": "DkfVgjkrtMwaerKKpe",
    },
)

_CPARAM02 = Vector(
    name="cparam02",
    section="3.3.13",
    point="the same parameter inside the brackets belongs to the URI",
    data=message(
        "REGISTER sip:example.com SIP/2.0",
        """
Via: SIP/2.0/UDP saturn.example.com:5060;branch=z9hG4bKkdjuw
Max-Forwards: 70
From: sip:watson@example.com;tag=838293
To: sip:watson@example.com
Call-ID: cparam02.70710@saturn.example.com
CSeq: 3 REGISTER
Contact: <sip:+19725552222@gw1.example.net;unknownparam>
l: 0
""",
    ),
    form=Form.VALID,
    answer=served("REGISTER"),
    seen={
        "contacts 0 uri text": "sip:+19725552222@gw1.example.net;unknownparam",
        "contacts 0 uri params": {"unknownparam": None},
        "contacts 0 params": {},
    },
)

_REGESCRT = Vector(
    name="regescrt",
    section="3.3.14",
    point="a Contact URI with an escaped Route header: kept with the binding, it is no header of this request",
    data=message(
        "REGISTER sip:example.com SIP/2.0",
        """
To: sip:user@example.com
From: sip:user@example.com;tag=8
Max-Forwards: 70
Call-ID: regescrt.k345asrl3fdbv@192.0.2.1
CSeq: 14398234 REGISTER
Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw
M: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>
L:0
""",
    ),
    form=Form.VALID,
    answer=served("REGISTER"),
    seen={
        "contacts 0 uri text": "sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        "contacts 0 uri headers": "Route=%3Csip:sip.example.com%3E",
        "values route count": 0,
    },
)

_SDP01 = Vector(
    name="sdp01",
    section="3.3.15",
    point="Accept without application/sdp: no answer body would be acceptable",
    data=message(
        "INVITE sip:user@example.com SIP/2.0",
        """
To: sip:j_user@example.com
Contact: <sip:caller@host15.example.net>
From: sip:caller@example.net;tag=234
Max-Forwards: 5
Call-ID: sdp01.ndaksdj9342dasdd
Accept: text/nobodyKnowsThis
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw
Content-Length: 150
Content-Type: application/sdp
""",
        sdp("192.0.2.5"),
    ),
    form=Form.VALID,
    answer=SUBSCRIBER_CODES | {400, 406, 488},
    seen={"values accept": ["text/nobodyKnowsThis"], "media 0": "application/sdp", "body count": 150},
    depends_on_domain=True,
)

_OLD_BODY = sdp("192.0.2.5").partition(b" 12\r\n")[0] + b"\r\n"  # one audio line is all

_INV2543 = Vector(
    name="inv2543",
    section="3.4.1",
    point="as RFC 2543 had it: no branch, From tag, Max-Forwards or Content-Length; the body ends with the datagram",
    data=message(
        "INVITE sip:UserB@example.com SIP/2.0",
        """
Via: SIP/2.0/UDP iftgw.example.com
From: <sip:+13035551111@ift.client.example.net;user=phone>
Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>
To: sip:+16505552222@ss1.example.net;user=phone
Call-ID: inv2543.1717@ift.client.example.com
CSeq: 56 INVITE
Content-Type: application/sdp
""",
        _OLD_BODY,
    ),
    form=Form.VALID,
    answer=served("INVITE"),
    seen={
        "via host": "iftgw.example.com",
        "via branch": "",
        "from tag": "",
        "from uri params": {"user": "phone"},
        "to uri user": "+16505552222",
        "to params": {"user": "phone"},
        "number max-forwards": None,
        "addrs record-route 0 uri params": {"maddr": "ss1.example.com"},
        "body": _OLD_BODY,
    },
    depends_on_domain=True,
)

VECTORS: tuple[Vector, ...] = (
    _BADBRANCH,
    _INSUF,
    _UNKSCM,
    _NOVELSC,
    _UNKSM2,
    _BEXT01,
    _INVUT,
    _REGAUT01,
    _MULTI01,
    _MCL01,
    _BCAST,
    _ZEROMF,
    _CPARAM01,
    _CPARAM02,
    _REGESCRT,
    _SDP01,
    _INV2543,
)
