"""What a Contact tells: features and IMEI."""

import pytest

from lteims.ims.contact import Features, features_of, imei_of
from lteims.sip.headers import NameAddr


@pytest.mark.parametrize(
    ("params", "features"),
    [
        ("", Features(False, False, False)),
        (";+g.3gpp.smsip", Features(True, False, False)),
        (';+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel";video', Features(False, True, True)),
        (';+G.3GPP.ICSI-REF="urn%3aurn-7%3a3gpp-service.ims.icsi.mmtel,urn%3Aother"', Features(False, True, False)),
        (";+g.3gpp.icsi-ref;audio", Features(False, False, False)),
    ],
)
def test_features(params: str, features: Features) -> None:
    assert features_of(NameAddr.parse(f"<sip:a@192.0.2.1>{params}")) == features


@pytest.mark.parametrize(
    ("instance", "imei"),
    [
        ("<urn:gsma:imei:35209900-176148-1>", "35209900-176148-1"),
        ("<URN:GSMA:IMEI:35209900-176148-23;svn=1>", "35209900-176148-23"),
        ("<urn:imei:352099001761481>", "352099001761481"),
        ("<urn:uuid:00000000-0000-1000-8000-000A95A0E128>", ""),
        ("<urn:gsma:imei:1234>", ""),
        ("", ""),
    ],
)
def test_imei(instance: str, imei: str) -> None:
    assert imei_of(instance) == imei
