"""PDUs of MM1, octet by octet (OMA-TS-MMS_ENC 6 and 7.3), as this server writes them and as phones do."""

from lteims.mm1.content_type import MIXED, RELATED, ContentType
from lteims.mm1.errors import ResponseStatus, RetrieveStatus, Status
from lteims.mm1.fields import Previously, Priority, ReadStatus, SenderVisibility, When
from lteims.mm1.pdu import (
    MAcknowledgeInd,
    MDeliveryInd,
    MForwardConf,
    MForwardReq,
    MNotificationInd,
    MNotifyRespInd,
    MReadOrigInd,
    MReadRecInd,
    MRetrieveConf,
    MSendConf,
    MSendReq,
)
from tests.vectors.mm1.vector import Vector, octets

PARTS = """
    02                       two parts
    11 07                      17 octets of headers, 7 of data
    'application/smil' 00        content type, in text
    '<smil/>'                    the data
    13 03                      19 octets of headers, 3 of data
    09                           content type of 9 octets:
    83                             text/plain
    81 EA                          charset: utf-8 (MIBenum 106)
    85 't.tx' 00                   name: t.tx
    C0 22 '<t>' 00               Content-ID: a quoted string has no mark at its end
    8E 't' 00                    Content-Location: t
    'h' C3 A9                    the data
"""
BODY = octets(PARTS)

SEND_REQ = """
    8C 80                    X-Mms-Message-Type: m-send-req
    98 'T1' 00               X-Mms-Transaction-ID: T1
    8D 92                    X-Mms-MMS-Version: 1.2
    85 04 65 53 F1 00        Date: a long integer of 4 octets, 1700000000
    89 1A                    From, of 26 octets:
    80                         address-present
    '+4915112345678/TYPE=PLMN' 00
    97 '+4915187654321/TYPE=PLMN' 00  To
    97 'a@example.org' 00    To, again
    82 '1234' 00             Cc: a short code
    81 'b@example.org' 00    Bcc
    96 09                    Subject, of 9 octets:
    EA                         in UTF-8
    'Gr' C3 BC C3 9F 'e' 00    with umlaut and sharp s
    8A 83                    X-Mms-Message-Class: auto
    88 04 81 02 0E 10        X-Mms-Expiry: 4 octets, relative, 3600 seconds
    87 06 80 04 65 54 18 10  X-Mms-Delivery-Time: 6 octets, absolute, 1700010000
    8F 82                    X-Mms-Priority: high
    94 80                    X-Mms-Sender-Visibility: hide
    86 80                    X-Mms-Delivery-Report: yes
    90 81                    X-Mms-Read-Report: no
    84 1B                    Content-Type, of 27 octets:
    B3                         application/vnd.wap.multipart.related
    89 'application/smil' 00   type, in text
    8A '<smil>' 00             start
"""

PHONE_SEND_REQ = """
    8C 80                    X-Mms-Message-Type: m-send-req
    98 'T18bcf' 00           X-Mms-Transaction-ID
    8D 93                    X-Mms-MMS-Version: 1.3
    89 01 81                 From: one octet, insert-address
    97 '+49 151-876/type=plmn' 00  To, with separators
    96 'hello' 00            Subject, ASCII without a character set
    8A 'personal' 00         X-Mms-Message-Class in text
    88 02 81 BC              X-Mms-Expiry: relative, a short integer, 60
    B7 'org.example' 00      X-Mms-Applic-ID, which the server only keeps
    BA 81                    X-Mms-Content-Class: image-basic, kept too
    'X-Odd' 00 'yes' 00      a field with a name in text
    84 1F 28                 Content-Type behind a length quote, 40 octets:
    'application/vnd.wap.multipart.mixed' 00
    81 83                      charset: us-ascii
    9E 85                      a parameter with a number that nobody knows
"""

VECTORS = (
    Vector(
        "M-Send.req with every field",
        SEND_REQ + PARTS,
        MSendReq(
            transaction_id="T1",
            date=1700000000,
            sender="+4915112345678/TYPE=PLMN",
            to=("+4915187654321/TYPE=PLMN", "a@example.org"),
            cc=("1234",),
            bcc=("b@example.org",),
            subject="Grüße",
            message_class="auto",
            expiry=When(3600),
            delivery_time=When(1700010000, absolute=True),
            priority=Priority.HIGH,
            sender_visibility=SenderVisibility.HIDE,
            delivery_report=True,
            read_report=False,
            content_type=ContentType(RELATED, (("type", "application/smil"), ("start", "<smil>"))),
            body=BODY,
        ),
    ),
    Vector(
        "M-Send.req in the forms of a phone",
        PHONE_SEND_REQ + PARTS,
        MSendReq(
            transaction_id="T18bcf",
            version=3,
            sender="",
            to=("+49 151-876/type=plmn",),
            subject="hello",
            message_class="personal",
            expiry=When(60),
            content_type=ContentType(MIXED, (("charset", "us-ascii"),)),
            body=BODY,
            others=((0x37, b"org.example\0"), (0x3A, b"\x81"), ("X-Odd", b"yes\0")),
        ),
        canonical=False,
    ),
    Vector(
        "M-Send.req with one text and no multipart",
        """
        8C 80 98 '1' 00 8D 90    m-send-req, transaction 1, MMS 1.0
        89 01 81                 From: insert-address
        97 '1234' 00             To
        84 83                    Content-Type: text/plain, a number alone
        'hi'                     the body
        """,
        MSendReq(
            transaction_id="1",
            version=0,
            sender="",
            to=("1234",),
            content_type=ContentType("text/plain"),
            body=b"hi",
        ),
    ),
    Vector(
        "M-Send.conf that accepts",
        """
        8C 81                    m-send-conf
        98 'T1' 00 8D 92         X-Mms-Transaction-ID, X-Mms-MMS-Version: 1.2
        92 80                    X-Mms-Response-Status: ok
        8B 'm1@mmsc' 00          Message-ID
        """,
        MSendConf(transaction_id="T1", response_status=ResponseStatus.OK, message_id="m1@mmsc"),
    ),
    Vector(
        "M-Send.conf that refuses",
        """
        8C 81 98 'T1' 00 8D 91   m-send-conf of MMS 1.1
        92 E5                    X-Mms-Response-Status: error-permanent-content-not-accepted
        93 'too large' 00        X-Mms-Response-Text
        """,
        MSendConf(
            transaction_id="T1",
            version=1,
            response_status=ResponseStatus.ERROR_PERMANENT_CONTENT_NOT_ACCEPTED,
            response_text="too large",
        ),
    ),
    Vector(
        "M-Notification.ind",
        """
        8C 82                    m-notification-ind
        98 'n1' 00 8D 92         X-Mms-Transaction-ID, X-Mms-MMS-Version: 1.2
        89 10 80 '+491/TYPE=PLMN' 00  From: 16 octets
        96 'Hi' 00               Subject
        86 80                    X-Mms-Delivery-Report: yes
        8A 80                    X-Mms-Message-Class: personal
        8E 02 30 39              X-Mms-Message-Size: 12345
        88 05 81 03 01 51 80     X-Mms-Expiry: relative, 86400 seconds
        83 'http://10.0.0.1:1111/m1' 00  X-Mms-Content-Location
        """,
        MNotificationInd(
            transaction_id="n1",
            sender="+491/TYPE=PLMN",
            subject="Hi",
            delivery_report=True,
            message_class="personal",
            message_size=12345,
            expiry=When(86400),
            content_location="http://10.0.0.1:1111/m1",
        ),
    ),
    Vector(
        "M-NotifyResp.ind",
        """
        8C 83 98 'n1' 00 8D 92   m-notifyresp-ind
        95 83                    X-Mms-Status: deferred
        91 81                    X-Mms-Report-Allowed: no
        """,
        MNotifyRespInd(transaction_id="n1", status=Status.DEFERRED, report_allowed=False),
    ),
    Vector(
        "M-Retrieve.conf",
        """
        8C 84 98 'n1' 00 8D 92   m-retrieve-conf; its transaction asks for an acknowledgement
        8B 'm1@mmsc' 00          Message-ID
        85 04 65 53 F1 00        Date
        97 '1234' 00             To
        A0 0F 81 'c@example.org' 00  X-Mms-Previously-Sent-By: 15 octets, the first time
        A1 06 81 04 65 53 F1 00  X-Mms-Previously-Sent-Date: 6 octets, the first time
        99 80                    X-Mms-Retrieve-Status: ok
        84 A3                    Content-Type: application/vnd.wap.multipart.mixed
        """
        + PARTS,
        MRetrieveConf(
            transaction_id="n1",
            message_id="m1@mmsc",
            date=1700000000,
            to=("1234",),
            previously_sent_by=(Previously(1, "c@example.org"),),
            previously_sent_date=(Previously(1, 1700000000),),
            retrieve_status=RetrieveStatus.OK,
            content_type=ContentType(MIXED),
            body=BODY,
        ),
    ),
    Vector(
        "M-Acknowledge.ind",
        """
        8C 85 98 'n1' 00 8D 92   m-acknowledge-ind
        91 80                    X-Mms-Report-Allowed: yes
        """,
        MAcknowledgeInd(transaction_id="n1", report_allowed=True),
    ),
    Vector(
        "M-Delivery.ind",
        """
        8C 86 8D 92              m-delivery-ind, which has no transaction
        8B 'm1@mmsc' 00          Message-ID
        97 '1234' 00             To
        85 04 65 53 F1 00        Date
        95 81                    X-Mms-Status: retrieved
        """,
        MDeliveryInd(message_id="m1@mmsc", to=("1234",), date=1700000000, status=Status.RETRIEVED),
    ),
    Vector(
        "M-Read-Rec.ind",
        """
        8C 87 8D 92              m-read-rec-ind
        8B 'm1@mmsc' 00          Message-ID
        97 '1234' 00             To
        89 01 81                 From: insert-address
        9B 80                    X-Mms-Read-Status: read
        """,
        MReadRecInd(message_id="m1@mmsc", to=("1234",), sender="", read_status=ReadStatus.READ),
    ),
    Vector(
        "M-Read-Orig.ind",
        """
        8C 88 8D 92              m-read-orig-ind
        8B 'm1@mmsc' 00          Message-ID
        97 '1234' 00             To
        89 06 80 '5678' 00       From: 6 octets
        85 04 65 53 F1 00        Date
        9B 81                    X-Mms-Read-Status: deleted without being read
        """,
        MReadOrigInd(
            message_id="m1@mmsc",
            to=("1234",),
            sender="5678",
            date=1700000000,
            read_status=ReadStatus.DELETED_WITHOUT_BEING_READ,
        ),
    ),
    Vector(
        "M-Forward.req",
        """
        8C 89 98 'f1' 00 8D 92   m-forward-req
        89 01 81                 From: insert-address
        97 '1234' 00             To
        91 80                    X-Mms-Report-Allowed: yes
        83 'http://10.0.0.1/m1' 00  X-Mms-Content-Location
        """,
        MForwardReq(
            transaction_id="f1", sender="", to=("1234",), report_allowed=True, content_location="http://10.0.0.1/m1"
        ),
    ),
    Vector(
        "M-Forward.conf",
        """
        8C 8A 98 'f1' 00 8D 92   m-forward-conf
        92 80                    X-Mms-Response-Status: ok
        8B 'm2' 00               Message-ID
        """,
        MForwardConf(transaction_id="f1", response_status=ResponseStatus.OK, message_id="m2"),
    ),
)

PUSH_NARRATED = """
    2A                       transaction 42
    06                       PDU type: Push
    03                       3 octets of headers:
    BE                         Content-Type: application/vnd.wap.mms-message
    AF 84                      X-Wap-Application-Id: x-wap-application:mms.ua
    8C 85 98 'n1' 00 8D 92   the data (here a short PDU)
"""
# With the content type in text, two more headers, and an application in text: the forms of several MMSCs.
PUSH_OTHERWISE = """
    00 06                    transaction 0, Push
    45                       69 octets of headers:
    'application/vnd.wap.mms-message' 00
    B4 87                      Push-Flag
    8D 01 08                   Content-Length, a long integer
    'X-A' 00 'b' 00            a header with its name in text
    AF 'x-wap-application:mms.ua' 00
    8C 85 98 'n1' 00 8D 92   the data
"""
