"""Registration documents: the exact octets that phones get, the schema of RFC 3680, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lteims.sip.errors import SipError
from lteims.sip.grammar import parse_params
from lteims.sip.reginfo import (
    Contact,
    ContactEvent,
    ContactState,
    DocumentState,
    Reginfo,
    Registration,
    RegistrationState,
    unknown_params,
)
from tests.vectors.capture import complaints, look, udp
from tests.vectors.sip.schema import Schema

SCHEMA = Schema(Path(__file__).parents[2] / "vectors" / "sip" / "reginfo.xsd")
URI = "sip:[2001:db8::7]:31112;transport=tcp"
INSTANCE = '"<urn:gsma:imei:90420156-025763-0>"'

# TS 34.229-1 A.1.6: an associated TEL URI was created by the same REGISTER.
PLAIN = Reginfo(
    0,
    DocumentState.FULL,
    (
        Registration(
            "sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org",
            "a100",
            RegistrationState.ACTIVE,
            (Contact("980", ContactEvent.REGISTERED, URI, expires=600000),),
        ),
        Registration("tel:+491511", "a101", RegistrationState.ACTIVE, (Contact("981", ContactEvent.CREATED, URI),)),
    ),
)
PLAIN_XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full">
<registration aor="sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org" id="a100" state="active">
<contact id="980" state="active" event="registered" expires="600000">
<uri>sip:[2001:db8::7]:31112;transport=tcp</uri>
</contact>
</registration>
<registration aor="tel:+491511" id="a101" state="active">
<contact id="981" state="active" event="created">
<uri>sip:[2001:db8::7]:31112;transport=tcp</uri>
</contact>
</registration>
</reginfo>"""

FULL_CONTACT = Contact(
    "c1",
    ContactEvent.PROBATION,
    "sip:a@1.2.3.4;x=1&y",
    expires=0,
    q="0.5",
    callid='b"84@x',
    cseq=2,
    retry_after=30,
    duration_registered=7322,
    display="A <b> & c",
    unknown_params=(("+sip.instance", INSTANCE), ("audio", "")),
    pub_gruu="sip:a@example.com;gr=urn:uuid:f81d4fae",
    temp_gruu="sip:tgruu.7hs@example.com;gr",
    temp_gruu_first_cseq=54301,
)
EVERYTHING = Reginfo(
    7,
    DocumentState.PARTIAL,
    (
        Registration("sip:a@x", "r1", RegistrationState.TERMINATED, (FULL_CONTACT,), "sip:user!.*!@x"),
        Registration("sip:b@x", "r2", RegistrationState.INIT),
    ),
)
EVERYTHING_XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" \
xmlns:ere="urn:3gpp:ns:extRegExp:1.0" version="7" state="partial">
<registration aor="sip:a@x" id="r1" state="terminated">
<contact id="c1" state="terminated" event="probation" duration-registered="7322" expires="0" retry-after="30" q="0.5" \
callid="b&quot;84@x" cseq="2">
<uri>sip:a@1.2.3.4;x=1&amp;y</uri>
<display-name>A &lt;b&gt; &amp; c</display-name>
<unknown-param name="+sip.instance">"&lt;urn:gsma:imei:90420156-025763-0&gt;"</unknown-param>
<unknown-param name="audio"></unknown-param>
<gr:pub-gruu uri="sip:a@example.com;gr=urn:uuid:f81d4fae"/>
<gr:temp-gruu uri="sip:tgruu.7hs@example.com;gr" first-cseq="54301"/>
</contact>
<ere:wildcardedIdentity>sip:user!.*!@x</ere:wildcardedIdentity>
</registration>
<registration aor="sip:b@x" id="r2" state="init">
</registration>
</reginfo>"""


@pytest.mark.parametrize(("document", "xml"), [(PLAIN, PLAIN_XML), (EVERYTHING, EVERYTHING_XML)])
def test_exact_octets(document: Reginfo, xml: str) -> None:
    assert document.encode().decode() == xml
    assert Reginfo.parse(xml.encode()) == document
    assert SCHEMA.faults(document.encode()) == []


@pytest.mark.parametrize("event", ContactEvent)
def test_each_event_has_one_state(event: ContactEvent) -> None:
    contact = Contact("1", event, URI)
    active = {"registered", "created", "refreshed", "shortened"}
    assert contact.state is (ContactState.ACTIVE if event in active else ContactState.TERMINATED)
    state = RegistrationState(contact.state)
    document = Reginfo(1, DocumentState.PARTIAL, (Registration("sip:a@x", "r", state, (contact,)),))
    assert SCHEMA.faults(document.encode()) == []
    assert Reginfo.parse(document.encode()) == document


def test_second_opinion(tmp_path: Path) -> None:
    head = (
        "NOTIFY sip:a@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
        "From: <sip:a@x>;tag=1\r\nTo: <sip:a@x>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 NOTIFY\r\nEvent: reg\r\n"
        "Subscription-State: active;expires=600000\r\nContent-Type: application/reginfo+xml\r\nContent-Length: "
    )
    bodies = [document.encode() for document in (PLAIN, EVERYTHING)]
    packets = [udp(5060, f"{head}{len(body)}\r\n\r\n".encode() + body) for body in bodies]
    plain, everything = look(tmp_path / "notify.pcap", packets)
    assert complaints(plain) == complaints(everything) == []
    first, second = (layers["sip"]["sip.msg_body"]["xml"]["reginfo"] for layers in (plain, everything))
    assert (first["reginfo.version"], first["reginfo.state"]) == ("0", "full")
    assert [each["reginfo.registration.aor"] for each in first["reginfo.registration_tree"]] == [
        each.aor for each in PLAIN.registrations
    ]
    contact = second["reginfo.registration_tree"][0]["reginfo.registration.contact_tree"]
    assert contact["reginfo.registration.contact.event"] == "probation"
    assert contact["reginfo.registration.contact.cseq"] == "2"


def test_the_schema_sees_faults() -> None:
    for old, new in (
        (' version="0"', ""),
        ('state="full"', 'state="all"'),
        ('event="created"', 'event="made"'),
        ("<uri>", "<url>"),
        ("</contact>", "<uri>sip:b</uri></contact>"),
        (' id="980"', ' id="980" color="red"'),
        ("600000", "soon"),
        ("</registration>", "text</registration>"),
    ):
        spoilt = PLAIN_XML.replace(old, new).replace("</uri>", "</url>" if new == "<url>" else "</uri>")
        assert SCHEMA.faults(spoilt.encode()), new


def test_parameters_of_a_contact() -> None:
    text = '+sip.instance="<urn:gsma:imei:90420156-025763-0>";expires=60;q=1.0;audio;+g.3gpp.smsip;reg-id=1;x="a b"'
    assert unknown_params(parse_params(text, "Contact")) == (
        ("+sip.instance", INSTANCE),
        ("audio", ""),
        ("+g.3gpp.smsip", ""),
        ("reg-id", "1"),
        ("x", '"a b"'),
    )


def test_as_others_write_it() -> None:
    xml = """<?xml version="1.0"?>
      <r:reginfo xmlns:r="urn:ietf:params:xml:ns:reginfo" xmlns:o="urn:other" version="01" state="full" o:x="y">
        <r:registration aor="sip:a@x" id="a7" state="active">
          <r:contact id="76" state="active" event="registered" expires=" 7 ">
             <r:uri>
               sip:a@1.2.3.4
             </r:uri>
             <o:contact id="9"/><r:unknown-element/>
          </r:contact>
          <o:registration/>
        </r:registration>
      </r:reginfo>"""
    contact = Contact("76", ContactEvent.REGISTERED, "sip:a@1.2.3.4", expires=7)
    registration = Registration("sip:a@x", "a7", RegistrationState.ACTIVE, (contact,))
    assert Reginfo.parse(xml.encode()) == Reginfo(1, DocumentState.FULL, (registration,))
    assert Reginfo.parse(xml.replace('"1.0"', '"1.0" encoding="utf-16"', 1).encode("utf-16")).version == 1


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<reginfo",
        '<reginfo version="0" state="full"/>',
        PLAIN_XML.replace("reginfo>", "reginfo2>").replace("<reginfo ", "<reginfo2 "),
        PLAIN_XML.replace(' version="0"', ""),
        PLAIN_XML.replace('version="0"', 'version="-1"'),
        PLAIN_XML.replace('version="0"', 'version="' + "9" * 5000 + '"'),
        PLAIN_XML.replace('state="full"', 'state="Full"'),
        PLAIN_XML.replace(' aor="tel:+491511"', ""),
        PLAIN_XML.replace(' id="981"', ""),
        PLAIN_XML.replace('event="created"', 'event="expired"'),
        PLAIN_XML.replace('id="a101" state="active"', 'id="a101" state="terminated"'),
        PLAIN_XML.replace(URI, " "),
        PLAIN_XML.replace("600000", "1.5"),
        PLAIN_XML.replace("?>", "?>" + BOMB),
        PLAIN_XML.replace("?>", '?><!DOCTYPE r SYSTEM "file:///etc/passwd">'),
        PLAIN_XML.replace("UTF-8", "no-such-code"),
        PLAIN_XML.replace("UTF-8", "shift_jis"),
        "<a>" * 20 + "</a>" * 20,
        PLAIN_XML + " " * (1 << 20),
    ],
)
def test_refused(xml: str) -> None:
    with pytest.raises(SipError) as caught:
        Reginfo.parse(xml.encode())
    assert caught.value.code == 400


def test_a_bomb_in_another_encoding() -> None:
    with pytest.raises(SipError, match="document type"):
        Reginfo.parse(PLAIN_XML.replace("UTF-8", "UTF-16").replace("?>", "?>" + BOMB).encode("utf-16"))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets(data: bytes) -> None:
    for document in (data, PLAIN_XML[:60].encode() + data, PLAIN_XML[:140].encode() + data):
        try:
            Reginfo.parse(document)
        except SipError:
            continue


ANY = st.text(max_size=20)


@settings(max_examples=300, deadline=None)
@given(ANY, ANY, ANY, ANY)
def test_whatever_a_phone_registers_is_well_formed(uri: str, display: str, callid: str, value: str) -> None:
    contact = replace(FULL_CONTACT, uri="sip:" + uri, display=display, callid=callid, unknown_params=(("p", value),))
    registration = Registration("sip:" + uri, "r", RegistrationState.TERMINATED, (contact,))
    read = Reginfo.parse(Reginfo(0, DocumentState.FULL, (registration,)).encode()).registrations[0]
    kept = uri if uri.isprintable() else None
    if kept is not None and kept == kept.strip():
        assert (read.aor, read.contacts[0].uri) == ("sip:" + kept, "sip:" + kept)
    assert len(read.contacts) == 1
    assert read.id == "r"
