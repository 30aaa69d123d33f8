"""RFC 4475 3.1.1: valid messages that break careless parsers. Each must parse, and no answer may fault its form."""

import base64

from tests.vectors.sip.vector import UNKNOWN_METHOD, Form, Vector, message, sdp, served, text_body

_WSINV = Vector(
    name="wsinv",
    section="3.1.1.1",
    point="folding and white space everywhere, compact names, odd case, unknown headers, leading zeros",
    data=message(
        "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0",
        r"""
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 150
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33
""",
        sdp("192.0.2.3", "192.0.2.4"),
    ),
    form=Form.VALID,
    answer=served("INVITE", 481),  # it carries a To tag of a dialog that nobody knows
    seen={
        "method": "INVITE",
        "uri user": "vivekg",
        "uri host": "chair-dnrc.example.com",
        "uri params": {"unknownparam": None},
        "to display": "",
        "to uri text": "sip:vivekg@chair-dnrc.example.com",
        "to tag": "1918181833n",
        "from display": 'J Rosenberg \\"',
        "from uri user": "jdrosen",
        "from tag": "98asjd8",
        "number max-forwards": 68,
        "call_id": "wsinv.ndaksdj@192.0.2.1",
        "cseq number": 9,
        "cseq method": "INVITE",
        "vias count": 3,
        "via transport": "UDP",
        "via host": "192.0.2.2",
        "via port": None,
        "via branch": "390skdjuw",
        "vias 1 transport": "TCP",
        "vias 1 host": "spindle.example.com",
        "vias 1 branch": "z9hG4bK9ikj8",
        "vias 2 transport": "UDP",
        "vias 2 host": "192.168.255.111",
        "vias 2 branch": "z9hG4bK30239",
        "header subject 0": "",
        "header newfangledheader 0": "newfangled value continued newfangled value",
        "header unknownheaderwithunusualvalue 0": ";;,,;;,;",
        "media 0": "application/sdp",
        "addrs route 0 uri params": {"lr": None, "unknownwith": "value", "unknown-no-value": None},
        "contacts count": 1,
        "contacts 0 display": 'Quoted string ""',
        "contacts 0 uri text": "sip:jdrosen@example.com",
        "contacts 0 params": {"newparam": "newvalue", "secondparam": None, "q": "0.33"},
        "body count": 150,
    },
    domain="chair-dnrc.example.com",
    depends_on_domain=True,
)

_ODD_METHOD = "!interesting-Method0123456789_*+`.%indeed'~"
_ODD_USER = "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
_ODD_PASSWORD = "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"

_INTMETH = Vector(
    name="intmeth",
    section="3.1.1.2",
    point="every character that the grammar allows, a quoted NUL, UTF-8 in a parameter and in an unknown header",
    data=message(
        f"{_ODD_METHOD} sip:{_ODD_USER}:{_ODD_PASSWORD}@example.com SIP/2.0",
        rf"""
Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~
To: "BEL:\<07> NUL:\<00> DEL:\<7F>" <sip:{_ODD_USER}@example.com>
From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%="работающий";tag=_token~1'+`*%!-.
Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\/"][?}}{{
CSeq: 139122385 {_ODD_METHOD}
Max-Forwards: 255
extensionHeader-!.%*+_`'~:{chr(0xFEFF)}大停電
Content-Length: 0
""".replace("<07>", "\x07")
        .replace("<00>", "\x00")
        .replace("<7F>", "\x7f"),
    ),
    form=Form.VALID,
    answer=UNKNOWN_METHOD | {401, 403, 404, 407},
    seen={
        "method": _ODD_METHOD,
        "uri user": _ODD_USER,
        "uri password": _ODD_PASSWORD,
        "uri host": "example.com",
        "via branch": "z9hG4bK-.!%66*_+`'~",
        "to display": "BEL:\x07 NUL:\x00 DEL:\x7f",
        "to uri user": _ODD_USER,
        "from display": "token1~` token2'+_ token3*%!.-",
        "from params": {"fromparam''~+*_!.-%": "работающий", "tag": "_token~1'+`*%!-."},
        "call_id": "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
        "cseq number": 139122385,
        "cseq method": _ODD_METHOD,
        "number max-forwards": 255,
        "header extensionheader-!.%*+_`'~ 0": "\ufeff大停電",
        "body count": 0,
    },
)

_ESC01 = Vector(
    name="esc01",
    section="3.1.1.3",
    point="% escapes in user parts and in the names and values of URI parameters, undone once and no more",
    data=message(
        "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
        """
To: sip:%75se%72@example.com
From: <sip:I%20have%20spaces@example.net>;tag=938
Max-Forwards: 87
i: esc01.239409asdfakjkn23onasd0-3234
CSeq: 234234 INVITE
Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bKkdjuw
C: application/sdp
Contact:
  <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>
Content-Length: 150
""",
        sdp("192.0.2.1"),
    ),
    form=Form.VALID,
    answer=served("INVITE"),
    seen={
        "target": "sip:sips%3Auser%40example.com@example.net",
        "uri scheme": "sip",
        "uri user": "sips:user@example.com",
        "uri host": "example.net",
        "to uri user": "user",
        "from uri user": "I have spaces",
        "call_id": "esc01.239409asdfakjkn23onasd0-3234",
        "media 0": "application/sdp",
        "contacts 0 uri user": "caller",
        "contacts 0 uri params": {"lr": None, "name": "value%41"},
        "body count": 150,
    },
    domain="example.net",
    depends_on_domain=True,
)

_ESCNULL = Vector(
    name="escnull",
    section="3.1.1.4",
    point="%00 is a character like any other: it ends no string, and one of them differs from two",
    data=message(
        "REGISTER sip:example.com SIP/2.0",
        """
To: sip:null-%00-null@example.com
From: sip:null-%00-null@example.com;tag=839923423
Max-Forwards: 70
Call-ID: escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd
CSeq: 14398234 REGISTER
Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw
Contact: <sip:%00@host5.example.com>
Contact: <sip:%00%00@host5.example.com>
L:0
""",
    ),
    form=Form.VALID,
    answer=served("REGISTER"),
    seen={
        "to uri user": "null-\x00-null",
        "from uri user": "null-\x00-null",
        "from tag": "839923423",
        "contacts count": 2,
        "contacts 0 uri user": "\x00",
        "contacts 0 uri text": "sip:%00@host5.example.com",
        "contacts 1 uri user": "\x00\x00",
        "body count": 0,
    },
)

_ESC02 = Vector(
    name="esc02",
    section="3.1.1.5",
    point="% is no escape in a method, a display name, a branch or a header name",
    data=message(
        "RE%47IST%45R sip:registrar.example.com SIP/2.0",
        """
To: "%Z%45" <sip:resource@example.com>
From: "%Z%45" <sip:resource@example.com>;tag=f232jadfj23
Call-ID: esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf
Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234
CSeq: 29344 RE%47IST%45R
Max-Forwards: 70
Contact: <sip:alias1@host1.example.com>
C%6Fntact: <sip:alias2@host2.example.com>
Contact: <sip:alias3@host3.example.com>
l: 0
""",
    ),
    form=Form.VALID,
    answer=UNKNOWN_METHOD | {401, 403, 404, 407},
    seen={
        "method": "RE%47IST%45R",
        "cseq method": "RE%47IST%45R",
        "to display": "%Z%45",
        "from display": "%Z%45",
        "via branch": "z9hG4bK209%fzsnel234",
        "contacts count": 2,
        "contacts 0 uri user": "alias1",
        "contacts 1 uri user": "alias3",
        "header c%6fntact 0": "<sip:alias2@host2.example.com>",
    },
    domain="registrar.example.com",
)

_LWSDISP = Vector(
    name="lwsdisp",
    section="3.1.1.6",
    point="no white space between the display name and the angle bracket",
    data=message(
        "OPTIONS sip:user@example.com SIP/2.0",
        """
To: sip:user@example.com
From: caller<sip:caller@example.com>;tag=323
Max-Forwards: 70
Call-ID: lwsdisp.1234abcd@funky.example.com
CSeq: 60 OPTIONS
Via: SIP/2.0/UDP funky.example.com;branch=z9hG4bKkdjuw
l: 0
""",
    ),
    form=Form.VALID,
    answer=served("OPTIONS"),
    seen={
        "method": "OPTIONS",
        "from display": "caller",
        "from uri text": "sip:caller@example.com",
        "from tag": "323",
    },
    depends_on_domain=True,
)

_LONG_CALLER = "amazinglylongcallername" * 5
_VIA_NAMES = (
    "Via:", "v:", "V:", "Via:", "ViA:", "VIa:", "VIA:", "via:", "viA:", "vIa:", "vIA:", "V : ", "v : ", "V  :", "v  :",
    "Via :", "Via  :",
)  # fmt: skip
_LONG_VIAS = "\n".join(
    f"{_VIA_NAMES[33 - n] if 33 - n < len(_VIA_NAMES) else 'Via:'} SIP/2.0/TCP sip{n}.example.com"
    for n in range(33, 0, -1)
)

_LONGREQ = Vector(
    name="longreq",
    section="3.1.1.7",
    point="long header names, values, parameters and tags, 34 Via headers, no branch in the top one",
    data=message(
        "INVITE sip:user@example.com SIP/2.0",
        f"""
To: "I have a user name of {"extreme" * 10} proportion"<sip:user@example.com:6000;unknownparam1=very{"long" * 20}value\
;longparam{"name" * 25}=shortvalue;very{"long" * 25}ParameterNameWithNoValue>
F: sip:{_LONG_CALLER}@example.net;tag=12{"982" * 50}424;unknownheaderparam{"name" * 20}=unknowheaderparam{"value" * 15}\
;unknownValueless{"paramname" * 10}
Call-ID: longreq.one{"really" * 20}longcallid
CSeq: 3882340 INVITE
Unknown-{"Long" * 20}-Name: unknown-{"long" * 20}-value; unknown-{"long" * 20}-parameter-name = \
unknown-{"long" * 20}-parameter-value
{_LONG_VIAS}
Via: SIP/2.0/TCP host.example.com;received=192.0.2.5;branch=very{"long" * 50}branchvalue
Max-Forwards: 70
Contact: <sip:{_LONG_CALLER}@host5.example.net>
Content-Type: application/sdp
l: 150
""",
        sdp("192.0.2.1"),
    ),
    form=Form.VALID,
    answer=served("INVITE"),
    seen={
        "to display": f"I have a user name of {'extreme' * 10} proportion",
        "to uri port": 6000,
        "to uri params unknownparam1": f"very{'long' * 20}value",
        f"to uri params longparam{'name' * 25}": "shortvalue",
        f"to uri params very{'long' * 25}parameternamewithnovalue": None,
        "from uri user": _LONG_CALLER,
        "from tag": f"12{'982' * 50}424",
        f"from params unknownheaderparam{'name' * 20}": f"unknowheaderparam{'value' * 15}",
        f"from params unknownvalueless{'paramname' * 10}": None,
        "call_id": f"longreq.one{'really' * 20}longcallid",
        "vias count": 34,
        "via host": "sip33.example.com",
        "via branch": "",
        "vias 32 host": "sip1.example.com",
        "vias 33 params received": "192.0.2.5",
        "vias 33 branch": f"very{'long' * 50}branchvalue",
        f"header unknown-{'long' * 20}-name count": 1,
        "contacts 0 uri user": _LONG_CALLER,
        "body count": 150,
    },
    depends_on_domain=True,
)

_DBLREQ = Vector(
    name="dblreq",
    section="3.1.1.8",
    point="octets behind the message in its datagram are ignored, even if they are a second request",
    data=message(
        "REGISTER sip:example.com SIP/2.0",
        """
To: sip:j.user@example.com
From: sip:j.user@example.com;tag=43251j3j324
Max-Forwards: 8
I: dblreq.0ha0isndaksdj99sdfafnl3lk233412
Contact: sip:j.user@host.example.com
CSeq: 8 REGISTER
Via: SIP/2.0/UDP 192.0.2.125;branch=z9hG4bKkdjuw23492
Content-Length: 0
""",
        b"\r\n"
        + message(
            "INVITE sip:joe@example.com SIP/2.0",
            """
t: sip:joe@example.com
From: sip:caller@example.net;tag=141334
Max-Forwards: 8
Call-ID: dblreq.0ha0isnda977644900765@192.0.2.15
CSeq: 8 INVITE
Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw380234
Content-Type: application/sdp
Content-Length: 150
""",
            sdp("192.0.2.15").replace(b"m=video", b"m =video") + b"\r\n",
        ),
    ),
    form=Form.VALID,
    answer=served("REGISTER"),
    seen={
        "method": "REGISTER",
        "call_id": "dblreq.0ha0isndaksdj99sdfafnl3lk233412",
        "contacts count": 1,
        "contacts 0 uri text": "sip:j.user@host.example.com",
        "via branch": "z9hG4bKkdjuw23492",
        "vias count": 1,
        "body count": 0,
    },
)

_SEMIURI = Vector(
    name="semiuri",
    section="3.1.1.9",
    point="a semicolon before the @ belongs to the user part, and %40 there separates nothing",
    data=message(
        "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0",
        """
To: sip:j_user@example.com
From: sip:caller@example.org;tag=33242
Max-Forwards: 3
Call-ID: semiuri.0ha0isndaksdj
CSeq: 8 OPTIONS
Accept: application/sdp, application/pkcs7-mime,
        multipart/mixed, multipart/signed,
        message/sip, message/sipfrag
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw
l: 0
""",
    ),
    form=Form.VALID,
    answer=served("OPTIONS"),
    seen={
        "uri user": "user;par=u@example.net",
        "uri host": "example.com",
        "uri params": {},
        "values accept count": 6,
        "values accept 5": "message/sipfrag",
    },
    depends_on_domain=True,
)

_TRANSPORTS = Vector(
    name="transports",
    section="3.1.1.10",
    point="transports in Via that the receiver does not know",
    data=message(
        "OPTIONS sip:user@example.com SIP/2.0",
        """
To: sip:user@example.com
From: <sip:caller@example.com>;tag=323
Max-Forwards: 70
Call-ID:  transports.kijh4akdnaqjkwendsasfdj
Accept: application/sdp
CSeq: 60 OPTIONS
Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw
Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf
Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj
Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en
Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee
l: 0
""",
    ),
    form=Form.VALID,
    answer=served("OPTIONS"),
    seen={
        "call_id": "transports.kijh4akdnaqjkwendsasfdj",
        "vias count": 5,
        "vias 1 transport": "SCTP",
        "vias 3 transport": "UNKNOWN",
        "vias 3 host": "t4.example.com",
        "vias 4 branch": "z9hG4bK0a9idfnee",
    },
    depends_on_domain=True,
)

SIGNATURE = base64.b64decode(
    "MIIBUgYJKoZIhvcNAQcCoIIBQzCCAT8CAQExCTAHBgUrDgMCGjALBgkqhkiG9w0BBwExggEgMIIBHAIBATB8MHAxCzAJBgNVBAYT"
    "AlVTMRMwEQYDVQQIEwpDYWxpZm9ybmlhMREwDwYDVQQHEwhTYW4gSm9zZTEOMAwGA1UEChMFc2lwaXQxKTAnBgNVBAsTIFNpcGl0"
    "IFRlc3QgQ2VydGlmaWNhdGUgQXV0aG9yaXR5AggBlQBxAjMBEzAHBgUrDgMCGjANBgkqhkiG9w0BAQEFAASBgI70ZvlI8FIt0uWX"
    "jp2Vquny/hWgZllxYpLo2iqo2DUKaM7/rjy9K/8Wdd3VZI5ZPdZHKPJiIPfpQXSeMw2aFe2r25PRDEIQLntyidKcwMmuLvvHwM/5"
    "Fy87An5PwCfhVG3ktqo6uz5mzMtd1sZLg4MUnLjm/xgtlE/le2W8mdAF"
)

_MPART01 = Vector(
    name="mpart01",
    section="3.1.1.11",
    point="a multipart body whose second part is binary and holds NUL octets",
    data=message(
        "MESSAGE sip:kumiko@example.org SIP/2.0",
        """
Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-d87543-4dade06d0bdb11ee-1--d87543-;rport
Max-Forwards: 70
Route: <sip:127.0.0.1:5080>
Identity: r5mwreLuyDRYBi/0TiPwEsY3rEVsk/G2WxhgTV1PF7hHuLIK0YWVKZhKv9Mj8UeXqkMVbnVq37CD+813gvYjcBUaZngQmXc9WNZSDNGC\
zA+fWl9MEUHWIZo1CeJebdY/XlgKeTa0Olvq0rt70Q5jiSfbqMJmQFteeivUhkMWYUA=
Contact: <sip:fluffy@127.0.0.1:5070>
To: <sip:kumiko@example.org>
From: <sip:fluffy@example.com>;tag=2fb0dcc9
Call-ID: 3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA..
CSeq: 1 MESSAGE
Content-Transfer-Encoding: binary
Content-Type: multipart/mixed;boundary=7a9cbec02ceef655
Date: Sat, 15 Oct 2005 04:44:56 GMT
User-Agent: SIPimp.org/0.2.5 (curses)
Content-Length: 553
""",
        text_body(
            """
--7a9cbec02ceef655
Content-Type: text/plain
Content-Transfer-Encoding: binary

Hello
--7a9cbec02ceef655
Content-Type: application/octet-stream
Content-Transfer-Encoding: binary
"""
        )
        + b"\r\n"
        + SIGNATURE
        + b"\r\n--7a9cbec02ceef655--\r\n",
    ),
    form=Form.VALID,
    answer=served("MESSAGE"),
    seen={
        "media 0": "multipart/mixed",
        "media 1 boundary": "7a9cbec02ceef655",
        "body count": 553,
        "via params rport": None,
        "from tag": "2fb0dcc9",
        "addrs route 0 uri port": 5080,
    },
    domain="example.org",
    depends_on_domain=True,
)

_UNREASON = Vector(
    name="unreason",
    section="3.1.1.12",
    point="a reason phrase of reserved characters and UTF-8",
    data=message(
        "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое",
        """
Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923
Call-ID: unreason.1234ksdfak3j2erwedfsASdf
CSeq: 35 INVITE
From: sip:user@example.com;tag=11141343
To: sip:user@example.edu;tag=2229
Content-Length: 154
Content-Type: application/sdp
Contact: <sip:user@host198.example.com>
""",
        sdp("192.0.2.198"),
    ),
    form=Form.VALID,
    answer=None,  # a stray response
    seen={
        "code": 200,
        "reason": "= 2**3 * 5**2 но сто девяносто девять - простое",
        "to tag": "2229",
        "cseq method": "INVITE",
        "body count": 154,
    },
    domain="",
)

_NOREASON = Vector(
    name="noreason",
    section="3.1.1.13",
    point="an empty reason phrase: the blank behind the code is the end of the line",
    data=message(
        "SIP/2.0 100 ",
        """
Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe
Call-ID: noreason.asndj203insdf99223ndf
CSeq: 35 INVITE
From: <sip:user@example.com>;tag=39ansfi3
To: <sip:user@example.edu>;tag=902jndnke3
Content-Length: 0
Contact: <sip:user@host105.example.com>
""",
    ),
    form=Form.VALID,
    answer=None,
    seen={"code": 100, "from tag": "39ansfi3", "contacts 0 uri host": "host105.example.com"},
    domain="",
)

VECTORS: tuple[Vector, ...] = (
    _WSINV,
    _INTMETH,
    _ESC01,
    _ESCNULL,
    _ESC02,
    _LWSDISP,
    _LONGREQ,
    _DBLREQ,
    _SEMIURI,
    _TRANSPORTS,
    _MPART01,
    _UNREASON,
    _NOREASON,
)
