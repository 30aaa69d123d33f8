"""Entries of ue_db and their identities: manual 5.2.1 and the fields that an MME shares."""

import pytest

from lteims.config import (
    AuthentType,
    ConfigError,
    Diagnostic,
    ImpuConfig,
    ImpuMethod,
    Precondition,
    SimAlgo,
    UserConfig,
    check_impu,
    check_impu_changes,
    check_users,
)
from tests.unit.config.reading import SIP, loaded

K = "00112233445566778899AABBCCDDEEFF"


def user(**members: object) -> UserConfig:
    """One user from plain values; `rel100` and `k` are not spelled so in files."""
    return check_users([{"imsi": "001010123456789"} | members])[0]


def refused(*users: object) -> list[str]:
    """The messages for users of which something is wrong."""
    with pytest.raises(ConfigError) as caught:
        check_users(list(users))
    return [diagnostic.message for diagnostic in caught.value.diagnostics]


def test_defaults_tell_unset_from_set() -> None:
    """None where the manual says that a user's value overrides another one."""
    found = user()
    assert found == UserConfig(imsi="001010123456789")
    assert (found.domain, found.auth_on_register_only, found.mt_call_sdp_file) == (None, None, None)
    assert (found.sim_algo, found.res_len, found.amf, found.sqn) == (SimAlgo.XOR, 8, b"\x90\x01", bytes(6))
    assert found.authent_type is AuthentType.AKAV1


def test_every_property() -> None:
    """All members of one milenage user."""
    found = user(
        sim_algo="milenage", K=K, op=K.lower(), opc="", amf="AF17", sqn="FD8eef40df7d", res_len=6, impi="me@lab",
        impu=["sip:me", {"impu": "tel:1"}], authent_type="AKAv2", pwd="p", mt_call_sdp_file="m.sdp", domain="lab",
        auth_on_register_only=True, force_sms_over_sg=1, nai="me@nai", multi_sim=False,
    )  # fmt: skip
    assert found == UserConfig(
        imsi="001010123456789", nai="me@nai", impi="me@lab", impu=(ImpuConfig("sip:me"), ImpuConfig("tel:1")),
        sim_algo=SimAlgo.MILENAGE, k=bytes.fromhex(K), op=bytes.fromhex(K), amf=b"\xaf\x17",
        sqn=bytes.fromhex("fd8eef40df7d"), res_len=6, authent_type=AuthentType.AKAV2, pwd="p",
        mt_call_sdp_file="m.sdp", domain="lab", auth_on_register_only=True, force_sms_over_sg=True,
    )  # fmt: skip


def test_a_password_alone_means_md5() -> None:
    """Manual 5.2.1: pwd."""
    assert user(pwd="x").authent_type is AuthentType.MD5
    assert user(pwd="x", authent_type="AKAv1").authent_type is AuthentType.AKAV1
    assert user(pwd="").authent_type is AuthentType.AKAV1


def test_levels_have_an_order() -> None:
    """none < MD5 < AKAv1 < AKAv2."""
    order = [AuthentType.NONE, AuthentType.MD5, AuthentType.AKAV1, AuthentType.AKAV2]
    assert [level.level for level in order] == [0, 1, 2, 3]
    assert AuthentType.AKAV2.at_least(AuthentType.MD5)
    assert not AuthentType.MD5.at_least(AuthentType.AKAV1)


def test_tuak_has_keys_of_its_own() -> None:
    """K of 16 or 32 octets, TOP or TOPc of 32 (TS 35.231)."""
    found = user(sim_algo="tuak", K=K * 2, topc=K * 2, res_len=16)
    assert (len(found.k or b""), len(found.topc or b""), found.top) == (32, 32, None)
    assert user(sim_algo="tuak", K=K, top=K * 2, amf=0x8000).amf == b"\x80\x00"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"imsi": "1234"}, "users[0].imsi: expected an IMSI of 5 to 15 digits, found '1234'"),
        ({"imsi": "1" * 16}, f"users[0].imsi: expected an IMSI of 5 to 15 digits, found '{'1' * 16}'"),
        ({"imsi": ""}, "users[0]: 'imsi' or 'nai' is missing: a user needs one of them"),
        ({"sim_algo": "milenage", "K": K, "op": "", "opc": ""}, "users[0]: sim_algo \"milenage\" needs 'op' or 'opc'"),
        ({"sim_algo": "milenage", "opc": K}, "users[0]: sim_algo \"milenage\" needs 'K'"),
        ({"sim_algo": "tuak", "K": K, "opc": K}, "users[0]: sim_algo \"tuak\" needs 'top' or 'topc'"),
        ({"sim_algo": "comp128"},
         'users[0].sim_algo: expected one of "xor", "milenage", "tuak", found a string (\'comp128\')'),
        ({"K": K * 2}, 'users[0].K: expected 32 hex digits with sim_algo "xor", found 64'),
        ({"K": K[:-1]}, "users[0].K: expected 32 or 64 hex digits in a string, found 31 characters"),
        ({"K": K[:-1] + "G"}, "users[0].K: expected 32 or 64 hex digits in a string, found 32 characters"),
        ({"amf": 65536}, "users[0].amf: expected a number from 0 to 0xffff or 4 hex digits in a string"),
        ({"sqn": ""}, "users[0].sqn: expected 12 hex digits in a string"),
        ({"res_len": 17}, "users[0].res_len: expected an integer from 4 to 16, found a number (17)"),
        ({"multi_sim": True, "sim_algo": "tuak", "K": K, "top": K * 2},
         'users[0].multi_sim: only allowed with sim_algo "xor", found "tuak"'),
        ({"sim_algo": "tuak", "K": K, "top": K * 2, "res_len": 6},
         'users[0].res_len: expected 4, 8 or 16 with sim_algo "tuak", found 6'),
        ({"sim_algo": "milenage", "K": K, "opc": K, "res_len": 16},
         'users[0].res_len: expected 4 to 8 with sim_algo "milenage", found 16'),
        ({"impu": ["sip:a@"]}, "users[0].impu[0]: 'sip:a@' is no IMPU: there is nothing on one side of its '@'"),
        ({"authent_type": "md5"},
         'users[0].authent_type: expected one of "none", "MD5", "AKAv1", "AKAv2", found a string (\'md5\')'),
        ({"impu": [None]}, "users[0].impu[0]: expected a string or an object {...}, found null"),
        ({"impu": ["tel:abc xyz"]},
         "users[0].impu[0]: 'tel:abc xyz' is no IMPU: blanks, quotes, < and > are not allowed"),
        ({"impu": [{"impu": "tel:1", "imei": "x"}]},
         "users[0].impu[0].imei: expected an IMEI: a string of 14 to 16 digits"),
        ({"impu": [{"impu": "tel:1", "method": "BYE"}]},
         'users[0].impu[0].method: expected one of "INVITE", "INVITE.OK", "INVITE.TRYING", "REGISTER", "UPDATE", '
         '"PRACK", "CANCEL", "MESSAGE", found a string (\'BYE\')'),
    ],
)  # fmt: skip
def test_what_is_refused(members: dict[str, object], message: str) -> None:
    """One error, with the way through the value."""
    assert refused({"imsi": "001010123456789"} | members) == [message]


def test_two_users_with_one_identity() -> None:
    """IMPI and IMSI are a user's own; multi_sim users may share an IMSI; a shared IMPU is only odd."""
    assert refused({"imsi": "00101", "impi": "a"}, {"imsi": "00102", "impi": "a"}) == [
        "users[1].impi: the IMPI 'a' is that of the user at users[0].impi"
    ]
    assert len(refused({"imsi": "00101", "multi_sim": True}, {"imsi": "00101"})) == 1
    assert len(check_users([{"imsi": "00101", "multi_sim": True}, {"imsi": "00101", "multi_sim": True}])) == 2
    warnings: list[Diagnostic] = []
    check_users(
        [{"nai": "a", "K": K, "impu": "sip:u"}, {"nai": "b", "pwd": "p", "impu": ["u", "tel:1"]}], warnings=warnings
    )
    assert [str(warning) for warning in warnings] == ["Warning: the IMPU 'u' is also that of the user at users[0].impu"]


def test_places_of_duplicates_in_files() -> None:
    """Both places are named."""
    text = SIP + 'ue_db: [\n{imsi: "00101",\n impi: "a"},\n{imsi: "00102",\n impi: "a"}]'
    with pytest.raises(ConfigError, match=r"^ims\.cfg:6:8: .* that of the user at ims\.cfg:4\n"):
        loaded(text)


def test_impu_options() -> None:
    """All members of an IMPU object."""
    found = check_impu(
        {
            "impu": "tel:404", "imei": "356938035643809", "code": -1, "method": "INVITE.OK", "content": "c.sdp",
            "content_type": "application/sdp", "transparent": True, "anonymous": True, "authentication": False,
            "ring_only": True, "precondition": "silent", "100rel": False, "preferred": True, "asserted": True,
            "associated": False, "display_name": "Lab", "domain": "lab", "p_called_party_id": "x", "answer_delay": 1.5,
            "remote_control": True,
        },
        "/etc/lteims",
    )  # fmt: skip
    assert found == ImpuConfig(
        "tel:404", "356938035643809", -1, ImpuMethod.INVITE_OK, "/etc/lteims/c.sdp", "application/sdp", True,
        True, False, True, Precondition.SILENT, False, True, True, False, "Lab", "lab", "x", 1.5, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "impu", ["tel:0600000124", "sip:+91123", "sip:1234@ims.mnc001", "1234", "urn:service:sos.police", "SIP:x"]
)
def test_impus_seen_in_the_field(impu: str) -> None:
    """Taken as they are written."""
    assert check_impu(impu) == ImpuConfig(impu)


def test_changes_to_an_impu() -> None:
    """impu_set: only what is there, checked alike."""
    assert check_impu_changes({"code": 0, "100rel": 1}) == {"code": 0, "rel100": True}
    with pytest.raises(ConfigError, match="code: expected a SIP code"):
        check_impu_changes({"code": "404"})


def test_what_only_an_mme_needs_is_silent() -> None:
    """And what nobody needs is not."""
    text = 'ue_db: [{imsi: "00101", pwd: "p", pdn_list: [], nssai: [], priority: 1, colour: "red"}]'
    assert [str(found) for found in loaded(SIP + text).warnings] == ["Warning: ims.cfg:2: unused property 'colour'"]


def test_a_user_without_a_secret_is_warned_of() -> None:
    """The default level is AKAv1; an entry that only the MME can use is no error."""
    warnings: list[Diagnostic] = []
    check_users(
        [{"nai": "a"}, {"nai": "b", "authent_type": "MD5"}, {"nai": "c", "authent_type": "none"}], warnings=warnings
    )
    assert [str(warning) for warning in warnings] == [
        "Warning: authent_type is AKAv1, but there is no 'K': this user cannot register",
        "Warning: authent_type is MD5, but there is no 'pwd': this user cannot register",
    ]


@pytest.mark.parametrize(
    ("impu", "odd"),
    [(["tel:1"], True), (["tel:1", "sip:00101"], False), (["00101"], False), ([], False), (["sip:!.*!"], False)],
)
def test_a_card_with_numbers_alone_is_warned_of(impu: list[str], odd: bool) -> None:
    """It registers by sip:IMSI, and a given impu takes the place of what is derived."""
    warnings: list[Diagnostic] = []
    check_users([{"imsi": "00101", "K": "0" * 32, "sim_algo": "xor", "impu": impu}], warnings=warnings)
    said = "'impu' has numbers alone: a SIM card registers by sip:IMSI, so this one cannot"
    assert [str(warning) for warning in warnings] == [f"Warning: {said}"] * odd


def test_a_softphone_may_have_a_number_alone() -> None:
    warnings: list[Diagnostic] = []
    check_users([{"imsi": "00101", "pwd": "p", "impu": ["tel:1"]}], warnings=warnings)
    assert warnings == []
