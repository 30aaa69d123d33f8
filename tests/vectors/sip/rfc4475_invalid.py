"""RFC 4475 3.1.2: messages that are malformed. Each is refused, or where the section allows it, read as it was meant.

The status codes over UDP stand in `answer`; malformed responses are dropped. See vector.py.
"""

from tests.vectors.sip.vector import BAD_REQUEST, UNKNOWN_METHOD, Form, Vector, message, sdp, served

_BADINV01 = Vector(
    name="badinv01",
    section="3.1.2.1",
    point="separators in Via and Contact with nothing between them",
    data=message(
        "INVITE sip:user@example.com SIP/2.0",
        """
To: sip:j.user@example.com
From: sip:caller@example.net;tag=134161461246
Max-Forwards: 7
Call-ID: badinv01.0ha0isndaksdjasdf3234nas
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.15;;,;,,
Contact: "Joe" <sip:joe@example.org>;;;;
Content-Length: 152
Content-Type: application/sdp
""",
        sdp("192.0.2.15"),
    ),
    form=Form.BROKEN,
    answer=BAD_REQUEST,
)

_CLERR = Vector(
    name="clerr",
    section="3.1.2.2",
    point="Content-Length larger than the datagram",
    data=message(
        "INVITE sip:user@example.com SIP/2.0",
        """
Max-Forwards: 80
To: sip:j.user@example.com
From: sip:caller@example.net;tag=93942939o2
Contact: <sip:caller@hungry.example.net>
Call-ID: clerr.0ha0isndaksdjweiafasdk3
CSeq: 8 INVITE
Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bK-39234-23523
Content-Type: application/sdp
Content-Length: 9999
""",
        sdp("192.0.2.155"),
    ),
    form=Form.BROKEN,
    answer=BAD_REQUEST,
    seen={"call_id": "clerr.0ha0isndaksdjweiafasdk3", "via branch": "z9hG4bK-39234-23523"},
)

_NCL = Vector(
    name="ncl",
    section="3.1.2.3",
    point="a negative Content-Length",
    data=message(
        "INVITE sip:user@example.com SIP/2.0",
        """
Max-Forwards: 254
To: sip:j.user@example.com
From: sip:caller@example.net;tag=32394234
Call-ID: ncl.0ha0isndaksdj2193423r542w35
CSeq: 0 INVITE
Via: SIP/2.0/UDP 192.0.2.53;branch=z9hG4bKkdjuw
Contact: <sip:caller@example53.example.net>
Content-Type: application/sdp
Content-Length: -999
""",
        sdp("192.0.2.53"),
    ),
    form=Form.BROKEN,
    answer=BAD_REQUEST,
)

_SCALAR02 = Vector(
    name="scalar02",
    section="3.1.2.4",
    point="numbers too large: CSeq 2**65, Max-Forwards 300, Expires of 101 digits, expires in Contact",
    data=message(
        "REGISTER sip:example.com SIP/2.0",
        f"""
Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bK342sdfoi3
To: <sip:user@example.com>
From: <sip:user@example.com>;tag=239232jh3
CSeq: {2**65} REGISTER
Call-ID: scalar02.23o0pd9vanlq3wnrlnewofjas9ui32
Max-Forwards: 300
Expires: 1{"0" * 100}
Contact: <sip:user@host129.example.com>
  ;expires=280297596632815
Content-Length: 0
""",
    ),
    form=Form.BROKEN,
    answer=BAD_REQUEST,
)

_SCALARLG = Vector(
    name="scalarlg",
    section="3.1.2.5",
    point="a response with a CSeq beyond 2**32, an overlarge Retry-After and a Warning code of four digits",
    data=message(
        "SIP/2.0 503 Service Unavailable",
        """
Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw;received=192.0.2.129
To: <sip:user@example.com>
From: <sip:other@example.net>;tag=2easdjfejw
CSeq: 9292394834772304023312 OPTIONS
Call-ID: scalarlg.noase0of0234hn2qofoaf0232aewf2394r
Retry-After: 949302838503028349304023988
Warning: 1812 overture "In Progress"
Content-Length: 0
""",
    ),
    form=Form.BROKEN,
    answer=None,
    domain="",
)

_QUOTBAL = Vector(
    name="quotbal",
    section="3.1.2.6",
    point="a display name whose quoted string never ends",
    data=message(
        "INVITE sip:user@example.com SIP/2.0",
        """
To: "Mr. J. User <sip:j.user@example.com>
From: sip:caller@example.net;tag=93334
Max-Forwards: 10
Call-ID: quotbal.aksdj
Contact: <sip:caller@host59.example.net>
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.59:5050;branch=z9hG4bKkdjuw39234
Content-Type: application/sdp
Content-Length: 152
""",
        sdp("192.0.2.15"),
    ),
    form=Form.TOLERABLE,  # a reader may infer the closing quote
    answer=served("INVITE", 400),
    seen={"to uri text": "sip:j.user@example.com", "via port": 5050},
    depends_on_domain=True,
)

_LTGTRURI = Vector(
    name="ltgtruri",
    section="3.1.2.7",
    point="angle brackets around the Request-URI",
    data=message(
        "INVITE <sip:user@example.com> SIP/2.0",
        """
To: sip:user@example.com
From: sip:caller@example.net;tag=39291
Max-Forwards: 23
Call-ID: ltgtruri.1@192.0.2.5
CSeq: 1 INVITE
Via: SIP/2.0/UDP 192.0.2.5
Contact: <sip:caller@host5.example.net>
Content-Type: application/sdp
Content-Length: 159
""",
        sdp("192.0.2.5", time="3149328700 0"),
    ),
    form=Form.TOLERABLE,
    answer=served("INVITE", 400),
    seen={"uri user": "user", "uri host": "example.com"},
    depends_on_domain=True,
)

_LWSRURI = Vector(
    name="lwsruri",
    section="3.1.2.8",
    point="white space inside the Request-URI",
    data=message(
        "INVITE sip:user@example.com; lr SIP/2.0",
        """
To: sip:user@example.com;tag=3xfe-9921883-z9f
From: sip:caller@example.net;tag=231413434
Max-Forwards: 5
Call-ID: lwsruri.asdfasdoeoi2323-asdfwrn23-asd834rk423
CSeq: 2130706432 INVITE
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKkdjuw2395
Contact: <sip:caller@host1.example.net>
Content-Type: application/sdp
Content-Length: 159
""",
        sdp("192.0.2.1", time="3149328700 0"),
    ),
    form=Form.TOLERABLE,
    answer=served("INVITE", 400, 481),
    seen={"uri host": "example.com", "uri params": {"lr": None}, "cseq number": 2130706432},
    depends_on_domain=True,
)

_LWSSTART = Vector(
    name="lwsstart",
    section="3.1.2.9",
    point="two blanks between the elements of the request line",
    data=message(
        "INVITE  sip:user@example.com  SIP/2.0",
        """
Max-Forwards: 8
To: sip:user@example.com
From: sip:caller@example.net;tag=8814
Call-ID: lwsstart.dfknq234oi243099adsdfnawe3@example.com
CSeq: 1893884 INVITE
Via: SIP/2.0/UDP host1.example.com;branch=z9hG4bKkdjuw3923
Contact: <sip:caller@host1.example.net>
Content-Type: application/sdp
Content-Length: 150
""",
        sdp("192.0.2.1"),
    ),
    form=Form.TOLERABLE,
    answer=served("INVITE", 400),
    seen={"method": "INVITE", "target": "sip:user@example.com"},
    depends_on_domain=True,
)

_TRWS = Vector(
    name="trws",
    section="3.1.2.10",
    point="blanks behind the version of the request line",
    data=message(
        "OPTIONS sip:remote-target@example.com SIP/2.0  ",
        """
Via: SIP/2.0/TCP host1.examle.com;branch=z9hG4bK299342093
To: <sip:remote-target@example.com>
From: <sip:local-resource@example.com>;tag=329429089
Call-ID: trws.oicu34958239neffasdhr2345r
Accept: application/sdp
CSeq: 238923 OPTIONS
Max-Forwards: 70
Content-Length: 0
""",
    ),
    form=Form.TOLERABLE,
    answer=served("OPTIONS", 400),
    seen={"method": "OPTIONS", "target": "sip:remote-target@example.com"},
    depends_on_domain=True,
)

_ESCRURI = Vector(
    name="escruri",
    section="3.1.2.11",
    point="headers in the Request-URI: refused, or ignored and never passed on",
    data=message(
        "INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0",
        """
To: sip:user@example.com
From: sip:caller@example.net;tag=341518
Max-Forwards: 7
Contact: <sip:caller@host39923.example.net>
Call-ID: escruri.23940-asdfhj-aje3br-234q098w-fawerh2q-h4n5
CSeq: 149209342 INVITE
Via: SIP/2.0/UDP host-of-the-hour.example.com;branch=z9hG4bKkdjuw
Content-Type: application/sdp
Content-Length: 150
""",
        sdp("192.0.2.1"),
    ),
    form=Form.TOLERABLE,
    answer=served("INVITE", 400),
    seen={"uri user": "user", "uri host": "example.com", "values route count": 0},
    depends_on_domain=True,
)

_BADDATE = Vector(
    name="baddate",
    section="3.1.2.12",
    point="a Date in a time zone other than GMT; who does not use Date should not mind",
    data=message(
        "INVITE sip:user@example.com SIP/2.0",
        """
To: sip:user@example.com
From: sip:caller@example.net;tag=2234923
Max-Forwards: 70
Call-ID: baddate.239423mnsadf3j23lj42--sedfnm234
CSeq: 1392934 INVITE
Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKkdjuw
Date: Fri, 01 Jan 2010 16:00:00 EST
Contact: <sip:caller@host5.example.net>
Content-Type: application/sdp
Content-Length: 150
""",
        sdp("192.0.2.5"),
    ),
    form=Form.TOLERABLE,
    answer=served("INVITE", 400),
    seen={"header date 0": "Fri, 01 Jan 2010 16:00:00 EST", "cseq number": 1392934},
    depends_on_domain=True,
)

_REGBADCT = Vector(
    name="regbadct",
    section="3.1.2.13",
    point="a Contact URI with headers that lacks its angle brackets",
    data=message(
        "REGISTER sip:example.com SIP/2.0",
        """
To: sip:user@example.com
From: sip:user@example.com;tag=998332
Max-Forwards: 70
Call-ID: regbadct.k345asrl3fdbv@10.0.0.1
CSeq: 1 REGISTER
Via: SIP/2.0/UDP 135.180.130.133:5060;branch=z9hG4bKkdjuw
Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E
l: 0
""",
    ),
    form=Form.TOLERABLE,
    answer=served("REGISTER", 400),
    seen={"contacts 0 uri host": "example.com", "contacts 0 uri headers": "Route=%3Csip:sip.example.com%3E"},
)

_BADASPEC = Vector(
    name="badaspec",
    section="3.1.2.14",
    point="blanks inside the angle brackets",
    data=message(
        "OPTIONS sip:user@example.org SIP/2.0",
        """
Via: SIP/2.0/UDP host4.example.com:5060;branch=z9hG4bKkdju43234
Max-Forwards: 70
From: "Bell, Alexander" <sip:a.g.bell@example.com>;tag=433423
To: "Watson, Thomas" < sip:t.watson@example.org >
Call-ID: badaspec.sdf0234n2nds0a099u23h3hnnw009cdkne3
Accept: application/sdp
CSeq: 3923239 OPTIONS
l: 0
""",
    ),
    form=Form.TOLERABLE,
    answer=served("OPTIONS", 400),
    seen={
        "from display": "Bell, Alexander",
        "from tag": "433423",
        "to display": "Watson, Thomas",
        "to uri text": "sip:t.watson@example.org",
    },
    domain="example.org",
    depends_on_domain=True,
)

_BADDN = Vector(
    name="baddn",
    section="3.1.2.15",
    point="a comma in a display name without quotes",
    data=message(
        "OPTIONS sip:t.watson@example.org SIP/2.0",
        """
Via:     SIP/2.0/UDP c.example.com:5060;branch=z9hG4bKkdjuw
Max-Forwards:      70
From:    Bell, Alexander <sip:a.g.bell@example.com>;tag=43
To:      Watson, Thomas <sip:t.watson@example.org>
Call-ID: baddn.31415@c.example.com
Accept: application/sdp
CSeq:    3923239 OPTIONS
l: 0
""",
    ),
    form=Form.TOLERABLE,
    answer=served("OPTIONS", 400),
    seen={"from display": "Bell, Alexander", "from tag": "43", "to uri text": "sip:t.watson@example.org"},
    domain="example.org",
    depends_on_domain=True,
)

_BADVERS = Vector(
    name="badvers",
    section="3.1.2.16",
    point="a version of the protocol that nobody speaks",
    data=message(
        "OPTIONS sip:t.watson@example.org SIP/7.0",
        """
Via:     SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw
Max-Forwards:     70
From:    A. Bell <sip:a.g.bell@example.com>;tag=qweoiqpe
To:      T. Watson <sip:t.watson@example.org>
Call-ID: badvers.31417@c.example.com
CSeq:    1 OPTIONS
l: 0
""",
    ),
    form=Form.BROKEN,
    answer=frozenset({505}),
    domain="example.org",
)

_MISMATCH01 = Vector(
    name="mismatch01",
    section="3.1.2.17",
    point="the method of CSeq is not that of the request",
    data=message(
        "OPTIONS sip:user@example.com SIP/2.0",
        """
To: sip:j.user@example.com
From: sip:caller@example.net;tag=34525
Max-Forwards: 6
Call-ID: mismatch01.dj0234sxdfl3
CSeq: 8 INVITE
Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKkdjuw
l: 0
""",
    ),
    form=Form.BROKEN,
    answer=BAD_REQUEST,
    seen={"method": "OPTIONS", "cseq method": "INVITE"},
)

_MISMATCH02 = Vector(
    name="mismatch02",
    section="3.1.2.18",
    point="an unknown method, and a CSeq that names another",
    data=message(
        "NEWMETHOD sip:user@example.com SIP/2.0",
        """
To: sip:j.user@example.com
From: sip:caller@example.net;tag=34525
Max-Forwards: 6
Call-ID: mismatch02.dj0234sxdfl3
CSeq: 8 INVITE
Contact: <sip:caller@host.example.net>
Via: SIP/2.0/UDP host.example.net;branch=z9hG4bKkdjuw
Content-Type: application/sdp
l: 138
""",
        sdp("192.0.2.1").replace(b"s=-\r\n", b"").replace(b"t=0 0\r\n", b""),
    ),
    form=Form.BROKEN,
    answer=UNKNOWN_METHOD | BAD_REQUEST,
    seen={"method": "NEWMETHOD", "cseq method": "INVITE", "body count": 138},
)

_BIGCODE = Vector(
    name="bigcode",
    section="3.1.2.19",
    point="a status code of ten digits",
    data=message(
        f"SIP/2.0 {2**32 + 5} better not break the receiver",
        """
Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe
Call-ID: bigcode.asdof3uj203asdnf3429uasdhfas3ehjasdfas9i
CSeq: 353494 INVITE
From: <sip:user@example.com>;tag=39ansfi3
To: <sip:user@example.edu>;tag=902jndnke3
Content-Length: 0
Contact: <sip:user@host105.example.com>
""",
    ),
    form=Form.BROKEN,
    answer=None,
    domain="",
)

VECTORS: tuple[Vector, ...] = (
    _BADINV01,
    _CLERR,
    _NCL,
    _SCALAR02,
    _SCALARLG,
    _QUOTBAL,
    _LTGTRURI,
    _LWSRURI,
    _LWSSTART,
    _TRWS,
    _ESCRURI,
    _BADDATE,
    _REGBADCT,
    _BADASPEC,
    _BADDN,
    _BADVERS,
    _MISMATCH01,
    _MISMATCH02,
    _BIGCODE,
)
