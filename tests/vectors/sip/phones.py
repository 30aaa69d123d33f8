"""Requests in the manner of real phones: what four families of handsets do to the grammar, in the form of vector.py.

Each imitates habits seen in the field (compact names, missing blanks, odd quoting, octets behind the body); the
subscriber is made up. KEEPALIVES are datagrams that are no message at all.
"""

from tests.vectors.sip.vector import SUBSCRIBER_CODES, Form, Vector, message, served, text_body

DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
IMPI = f"001010000000001@{DOMAIN}"
IMPU = f"sip:{IMPI}"
MMTEL = "urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"
KEEPALIVES: tuple[bytes, ...] = (b"\r\n\r\n", b"\r\n", b"\x00\x00\x00\x00", b"")

_CHALLENGED = SUBSCRIBER_CODES | {420, 421, 494}  # a first REGISTER: unknown, challenged, or no security agreement
_CALL = served("INVITE", 420, 421, 494, 580)  # 420: no security agreement here


def _offers(spi_c: int, port_c: int, pairs: list[tuple[str, str]]) -> list[str]:
    """Security-Client offers of one SPI pair, one for each pair of algorithms (TS 33.203 annex H)."""
    tail = f"spi-c={spi_c};spi-s={spi_c + 1};port-c={port_c};port-s={port_c + 1}"
    return [f"ipsec-3gpp;alg={alg};ealg={ealg};prot=esp;mod=trans;{tail}" for alg, ealg in pairs]


_PAIRS = [(alg, ealg) for alg in ("hmac-sha-1-96", "hmac-md5-96") for ealg in ("aes-cbc", "des-ede3-cbc", "null")]
_SDP = text_body(
    """
v=0
o=SAMSUNG-IMS-UE 1421673042 0 IN IP6 2001:db8:1::17
s=SS VOIP
c=IN IP6 2001:db8:1::17
b=AS:49
t=0 0
m=audio 1234 RTP/AVP 99 100
a=rtpmap:99 AMR-WB/16000/1
a=fmtp:99 octet-align=0; mode-change-capability=2
a=rtpmap:100 telephone-event/16000
a=curr:qos local none
a=curr:qos remote none
a=des:qos mandatory local sendrecv
a=des:qos optional remote sendrecv
a=sendrecv
"""
)

SAMSUNG_REGISTER = Vector(
    name="samsung-register",
    section="Samsung",
    point="six offers in one Security-Client line, an empty Authorization, features and IMEI in Contact",
    data=message(
        f"REGISTER sip:{DOMAIN} SIP/2.0",
        f"""
Via: SIP/2.0/UDP [2001:db8:1::17]:5060;branch=z9hG4bK2078ed2e5d;rport
From: <{IMPU}>;tag=2078ed24
To: <{IMPU}>
Call-ID: 2078ed1a3f0c@[2001:db8:1::17]
CSeq: 1 REGISTER
Max-Forwards: 70
Contact: <sip:001010000000001@[2001:db8:1::17]:5060>;+sip.instance="<urn:gsma:imei:35391805-123456-0>"\
;q=0.5;+g.3gpp.icsi-ref="{MMTEL}";video;+g.3gpp.smsip;audio
P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=0010100010019B01
Authorization: Digest username="{IMPI}",realm="{DOMAIN}",uri="sip:{DOMAIN}",nonce="",response="",algorithm=AKAv1-MD5
Expires: 600000
Supported: path,sec-agree
Require: sec-agree
Proxy-Require: sec-agree
Allow: INVITE,ACK,OPTIONS,CANCEL,BYE,UPDATE,INFO,REFER,NOTIFY,MESSAGE,PRACK
Security-Client: {", ".join(_offers(23456, 31500, _PAIRS))}
User-Agent: SM-G991B-G991BXXU1AUA4 Samsung IMS 6.0
Content-Length: 0
""",
    ),
    form=Form.VALID,
    answer=_CHALLENGED,
    seen={
        "method": "REGISTER",
        "uri host": DOMAIN,
        "via host": "2001:db8:1::17",
        "via port": 5060,
        "via params rport": None,
        "from uri text": IMPU,
        "from tag": "2078ed24",
        "to tag": "",
        "contacts count": 1,
        "contacts 0 uri port": 5060,
        "contacts 0 params +sip.instance": "<urn:gsma:imei:35391805-123456-0>",
        "contacts 0 params q": "0.5",
        "contacts 0 params +g.3gpp.icsi-ref": MMTEL,
        "contacts 0 params +g.3gpp.smsip": None,
        "contacts 0 params video": None,
        "values security-client count": 6,
        "values security-client": _offers(23456, 31500, _PAIRS),
        "values supported": ["path", "sec-agree"],
        "values allow count": 11,
        "number expires": 600000,
        "auth authorization username": IMPI,
        "auth authorization nonce": "",
        "auth authorization response": "",
        "auth authorization algorithm": "AKAv1-MD5",
        "header p-access-network-info 0": "3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=0010100010019B01",
    },
    domain=DOMAIN,
)

SAMSUNG_INVITE = Vector(
    name="samsung-invite",
    section="Samsung",
    point="sip:NUMBER;phone-context=...;user=phone in From, tel with phone-context as target, Security-Verify",
    data=message(
        f"INVITE tel:0600000124;phone-context={DOMAIN} SIP/2.0",
        f"""
Via: SIP/2.0/UDP [2001:db8:1::17]:31501;branch=z9hG4bK4f1e2a77c1;rport
From: <sip:0600000123;phone-context={DOMAIN}@{DOMAIN};user=phone>;tag=4f1e2a5d
To: <tel:0600000124;phone-context={DOMAIN}>
Call-ID: 4f1e2a4b@[2001:db8:1::17]
CSeq: 1 INVITE
Max-Forwards: 70
Contact: <sip:001010000000001@[2001:db8:1::17]:31501>;+sip.instance="<urn:gsma:imei:35391805-123456-0>"\
;+g.3gpp.icsi-ref="{MMTEL}";audio
Route: <sip:[2001:db8::1]:31234;lr>, <sip:orig@scscf.{DOMAIN}:5060;lr>
P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=0010100010019B01
P-Preferred-Service: urn:urn-7:3gpp-service.ims.icsi.mmtel
P-Preferred-Identity: <sip:0600000123;phone-context={DOMAIN}@{DOMAIN};user=phone>
P-Early-Media: supported
Security-Verify: {_offers(4097, 31234, [("hmac-md5-96", "null")])[0]};q=0.1
Supported: 100rel,histinfo,precondition,timer,sec-agree
Require: sec-agree
Proxy-Require: sec-agree
Accept: application/sdp,application/3gpp-ims+xml
Accept-Contact: *;+g.3gpp.icsi-ref="{MMTEL}"
Session-Expires: 1800;refresher=uac
Min-SE: 90
Allow: INVITE,ACK,OPTIONS,CANCEL,BYE,UPDATE,INFO,REFER,NOTIFY,MESSAGE,PRACK
User-Agent: SM-G991B-G991BXXU1AUA4 Samsung IMS 6.0
Content-Type: application/sdp
Content-Length: {len(_SDP)}
""",
        _SDP,
    ),
    form=Form.VALID,
    answer=_CALL,
    seen={
        "uri scheme": "tel",
        "uri number": "0600000124",
        "uri params phone-context": DOMAIN,
        "from uri host": DOMAIN,
        "from uri user": f"0600000123;phone-context={DOMAIN}",
        "from uri number": "0600000123",
        "from uri params": {"user": "phone"},
        "from tag": "4f1e2a5d",
        "to uri scheme": "tel",
        "to uri number": "0600000124",
        "addrs route count": 2,
        "addrs route 1 uri user": "orig",
        "addrs p-preferred-identity 0 uri number": "0600000123",
        "values security-verify count": 1,
        "values supported count": 5,
        "number session-expires": 1800,
        "number min-se": 90,
        "contacts 0 uri port": 31501,
        "body": _SDP,
    },
    domain="",
)

HUAWEI_REGISTER = Vector(
    name="huawei-register",
    section="Huawei",
    point="From before Via, no blank behind colons or commas, two services in one quoted feature, offers without ealg",
    data=message(
        f"REGISTER sip:{DOMAIN} SIP/2.0",
        f"""
From:<{IMPU}>;tag=3c2f11
To:<{IMPU}>
CSeq:1 REGISTER
Call-ID:3c2f10_2001:db8:1::23
Via:SIP/2.0/TCP [2001:db8:1::23]:5060;branch=z9hG4bK3c2f12
Max-Forwards:70
Supported:path,gruu,sec-agree
Require:sec-agree
Proxy-Require:sec-agree
Contact:<sip:[2001:db8:1::23]:5060;transport=tcp>;+g.3gpp.icsi-ref="{MMTEL},urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm"\
;+g.3gpp.smsip;+sip.instance="<urn:gsma:imei:86723002-654321-0>";expires=7200
Authorization:Digest username="{IMPI}",realm="{DOMAIN}",nonce="",uri="sip:{DOMAIN}",response=""
Security-Client:ipsec-3gpp;alg=hmac-md5-96;spi-c=1001;spi-s=1002;port-c=40000;port-s=40001\
,ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1001;spi-s=1002;port-c=40000;port-s=40001
P-Access-Network-Info:3GPP-E-UTRAN-FDD;utran-cell-id-3gpp="001010001000019B"
User-Agent:HUAWEI/ELS-NX9 IMS
Content-Length:0
""",
    ),
    form=Form.VALID,
    answer=_CHALLENGED,
    seen={
        "from uri text": IMPU,
        "from tag": "3c2f11",
        "call_id": "3c2f10_2001:db8:1::23",
        "via transport": "TCP",
        "via host": "2001:db8:1::23",
        "contacts count": 1,
        "contacts 0 uri user": "",
        "contacts 0 uri transport": "tcp",
        "contacts 0 params +g.3gpp.icsi-ref": f"{MMTEL},urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm",
        "contacts 0 params expires": "7200",
        "contacts 0 params +sip.instance": "<urn:gsma:imei:86723002-654321-0>",
        "values security-client count": 2,
        "values supported": ["path", "gruu", "sec-agree"],
        "auth authorization realm": DOMAIN,
        "auth authorization nonce": "",
    },
    domain=DOMAIN,
)

_HUAWEI_SDP = _SDP.replace(b"SAMSUNG-IMS-UE", b"-").replace(b"SS VOIP", b"-")

HUAWEI_INVITE = Vector(
    name="huawei-invite",
    section="Huawei",
    point='"NUMBER"<tel:...> in From, tags behind it, a CRLF behind the body that Content-Length does not count',
    data=message(
        f"INVITE sip:+33600000124@{DOMAIN};user=phone SIP/2.0",
        f"""
From:"0600000123"<tel:0600000123;phone-context={DOMAIN}>;tag=9a01f
To:"+33 (6) 00-00-01-24"<tel:+33-6-0000-0124>
Via:SIP/2.0/UDP [2001:db8:1::23]:40001;branch=z9hG4bK9a020
Call-ID:9a01e
CSeq:1 INVITE
Max-Forwards:70
Contact:<sip:[2001:db8:1::23]:40001>;+g.3gpp.icsi-ref="{MMTEL}"
Supported:100rel,precondition,timer
Accept-Contact:*;+g.3gpp.icsi-ref="{MMTEL}"
P-Preferred-Identity:"0600000123"<tel:0600000123;phone-context={DOMAIN}>,<{IMPU}>
Content-Type:application/sdp
Content-Length:{len(_HUAWEI_SDP)}
""",
        _HUAWEI_SDP + b"\r\n",
    ),
    form=Form.VALID,
    answer=_CALL,
    seen={
        "uri user": "+33600000124",
        "uri number": "+33600000124",
        "from display": "0600000123",
        "from uri scheme": "tel",
        "from uri number": "0600000123",
        "from uri params phone-context": DOMAIN,
        "from tag": "9a01f",
        "to display": "+33 (6) 00-00-01-24",
        "to uri user": "+33-6-0000-0124",
        "to uri number": "+33600000124",
        "addrs p-preferred-identity count": 2,
        "addrs p-preferred-identity 1 uri text": IMPU,
        "call_id": "9a01e",
        "body": _HUAWEI_SDP,
    },
    domain=DOMAIN,
)

HUAWEI_PRACK = Vector(
    name="huawei-prack",
    section="Huawei",
    point="a PRACK without Contact",
    data=message(
        "PRACK sip:[2001:db8::1]:5060 SIP/2.0",
        f"""
From:"0600000123"<tel:0600000123;phone-context={DOMAIN}>;tag=9a01f
To:<tel:+33600000124>;tag=5f00d
Via:SIP/2.0/UDP [2001:db8:1::23]:40001;branch=z9hG4bK9a033
Call-ID:9a01e
CSeq:2 PRACK
RAck:1 1 INVITE
Max-Forwards:70
Content-Length:0
""",
    ),
    form=Form.VALID,
    answer=SUBSCRIBER_CODES | {481},
    seen={"method": "PRACK", "contacts count": 0, "to tag": "5f00d", "header rack 0": "1 1 INVITE"},
    domain="",
)

LG_REGISTER = Vector(
    name="lg-register",
    section="LG",
    point="no security agreement, headers that nobody knows, folded Contact, parameters quoted where tokens would do",
    data=message(
        f"REGISTER sip:{DOMAIN} SIP/2.0",
        f"""
Via: SIP/2.0/UDP 192.168.3.2:5060;branch=z9hG4bK-524287-1---7f;rport;alias
Max-Forwards: 70
Contact: <sip:001010000000001@192.168.3.2:5060;ob>;reg-id=1
 ;+sip.instance="<urn:gsma:imei:35404406-000001-0>"
	;+g.3gpp.smsip;+g.3gpp.mid-call;explicit
To: "001010000000001" <{IMPU}>
From: "001010000000001" <{IMPU}>;tag=d74f1e4b
Call-ID: xCk8GkqZ1X..
CSeq: 1 REGISTER
Expires: 3600
Supported: path, outbound,  gruu ,
Authorization: Digest username="{IMPI}", realm="{DOMAIN}", uri="sip:{DOMAIN}", nonce="", response="", qop="auth", \
nc=00000001, cnonce=""
P-Access-Network-Info: IEEE-802.11;i-wlan-node-id="001122334455";country=FR, 3GPP-E-UTRAN-FDD;\
utran-cell-id-3gpp=0010100010019B01
X-LGE-Model: LG-H870;patch=1,2;;
Geolocation-Routing: no
User-Agent: LGE-IMS (LG-H870) V1.0; "R"
Content-Length:    0
""",
    ),
    form=Form.VALID,
    answer=_CHALLENGED,
    seen={
        "via params alias": None,
        "from display": "001010000000001",
        "contacts count": 1,
        "contacts 0 uri params": {"ob": None},
        "contacts 0 params": {
            "reg-id": "1",
            "+sip.instance": "<urn:gsma:imei:35404406-000001-0>",
            "+g.3gpp.smsip": None,
            "+g.3gpp.mid-call": None,
            "explicit": None,
        },
        "values supported": ["path", "outbound", "gruu"],
        "values p-access-network-info count": 2,
        "header x-lge-model 0": "LG-H870;patch=1,2;;",
        "auth authorization qop": "auth",
        "auth authorization nc": "00000001",
        "auth authorization cnonce": "",
    },
    domain=DOMAIN,
)

LG_INVITE = Vector(
    name="lg-invite",
    section="LG",
    point="a display name in Latin-1 octets, zeros behind the body, and a body that holds an empty line",
    data=message(
        f"INVITE sip:666@{DOMAIN};user=phone SIP/2.0",
        f"""
Via: SIP/2.0/UDP 192.168.3.2:5060;branch=z9hG4bK-524287-1---80;rport
Max-Forwards: 70
Contact: <sip:001010000000001@192.168.3.2:5060>
To: <sip:666@{DOMAIN};user=phone>
From: "Ren@E9@" <{IMPU}>;tag=d74f1e4c
Call-ID: yCk8GkqZ1X..
CSeq: 1 INVITE
Content-Type: application/sdp
Content-Length: {len(_SDP) + 2}
""",
        _SDP + b"\r\n" + bytes(4),
    ).replace(b"@E9@", b"\xe9"),
    form=Form.VALID,
    answer=_CALL,
    seen={
        "uri number": "666",
        "from display": "Ren\udce9",  # kept as the octet that it is
        "from tag": "d74f1e4c",
        "body": _SDP + b"\r\n",
    },
    domain=DOMAIN,
)

SPREADTRUM_REGISTER = Vector(
    name="spreadtrum-register",
    section="Spreadtrum",
    point="compact names throughout, offers in several Security-Client headers, upper and lower case mixed",
    data=message(
        f"REGISTER sip:{DOMAIN} SIP/2.0",
        f"""
v: SIP/2.0/UDP 192.168.3.7:5060;Branch=z9hG4bK0a1b2c;RPORT
f: <{IMPU}>;Tag=77
t: <{IMPU}>
i: 0a1b2c3d@192.168.3.7
CSeq: 1 REGISTER
m: <sip:001010000000001@192.168.3.7:5060>;+G.3GPP.SMSIP;+sip.instance="<urn:gsma:imei:86012303-000009-0>"
max-forwards: 70
expires: 600000
k: path
k: sec-agree
require: sec-agree
proxy-require: sec-agree
Security-Client: {_offers(777, 51000, _PAIRS)[0]}
security-client: {_offers(777, 51000, _PAIRS)[1]}
SECURITY-CLIENT: {_offers(777, 51000, _PAIRS)[2]},{_offers(777, 51000, _PAIRS)[3]}
authorization: digest username="{IMPI}",realm="{DOMAIN}",uri="sip:{DOMAIN}",nonce="",response=""
p-access-network-info: 3GPP-E-UTRAN-TDD;utran-cell-id-3gpp=0010100010019B01
l: 0
""",
    ),
    form=Form.VALID,
    answer=_CHALLENGED,
    seen={
        "via host": "192.168.3.7",
        "via branch": "z9hG4bK0a1b2c",
        "via params rport": None,
        "from tag": "77",
        "call_id": "0a1b2c3d@192.168.3.7",
        "contacts 0 params +g.3gpp.smsip": None,
        "contacts 0 params +sip.instance": "<urn:gsma:imei:86012303-000009-0>",
        "values supported": ["path", "sec-agree"],
        "values security-client": _offers(777, 51000, _PAIRS)[:4],
        "auth authorization username": IMPI,
        "body": b"",
    },
    domain=DOMAIN,
)

_SHORT_SDP = text_body(
    """
v=0
o=- 1 1 IN IP4 192.168.3.7
s=-
c=IN IP4 192.168.3.7
t=0 0
m=audio 50010 RTP/AVP 8 0
"""
)

SPREADTRUM_INVITE = Vector(
    name="spreadtrum-invite",
    section="Spreadtrum",
    point="a keep-alive in front, addresses without brackets beside a quoted < in a parameter, octets behind the body",
    data=b"\r\n\r\n"
    + message(
        f"INVITE sip:0600000124@{DOMAIN} SIP/2.0",
        f"""
v:SIP/2.0/UDP 192.168.3.7:5060;branch=z9hG4bK0a1b44;rport
f:sip:0600000123@{DOMAIN};tag=78
t:sip:0600000124@{DOMAIN}
i:0a1b2c44
CSeq:7 INVITE
m:sip:192.168.3.7:5060;+sip.instance="<urn:gsma:imei:86012303-000009-0>";+g.3gpp.icsi-ref="{MMTEL}"
k:100rel,timer
x:1800
a:*;+g.3gpp.icsi-ref="{MMTEL}";require
max-forwards:70
c:application/sdp
l:{len(_SHORT_SDP)}
""",
        _SHORT_SDP + b"\r\n\r\nINVITE sip:",
    ),
    form=Form.VALID,
    answer=_CALL,
    seen={
        "method": "INVITE",
        "from uri text": f"sip:0600000123@{DOMAIN}",
        "from uri number": "0600000123",
        "from tag": "78",
        "to uri number": "0600000124",
        "contacts 0 uri text": "sip:192.168.3.7:5060",
        "contacts 0 uri port": 5060,
        "contacts 0 display": "",
        "contacts 0 params +sip.instance": "<urn:gsma:imei:86012303-000009-0>",
        "contacts 0 params +g.3gpp.icsi-ref": MMTEL,
        "values supported": ["100rel", "timer"],
        "number session-expires": 1800,
        "header accept-contact count": 1,
        "media 0": "application/sdp",
        "body": _SHORT_SDP,
    },
    domain=DOMAIN,
)

VECTORS: tuple[Vector, ...] = (
    SAMSUNG_REGISTER,
    SAMSUNG_INVITE,
    HUAWEI_REGISTER,
    HUAWEI_INVITE,
    HUAWEI_PRACK,
    LG_REGISTER,
    LG_INVITE,
    SPREADTRUM_REGISTER,
    SPREADTRUM_INVITE,
)
