"""Users and public identities (floor 0): manual 5.2.1; entries of ue_db, `echo`, and users_add of the remote API.

ue_db is a file that the operator shares with an MME, so what only an MME needs is passed over in silence.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lteims.config.model import AuthentType, ImpuConfig, ImpuMethod, Precondition, SimAlgo, UserConfig
from lteims.config.schema import (
    STRING_OR_OBJECT,
    Property,
    Reader,
    Refusal,
    Spot,
    array,
    choice,
    domain,
    flag,
    integer,
    number,
    octets,
    opened,
    path,
    read_members,
    table_of,
    text,
    word,
)

MME_ONLY = frozenset(
    {
        "access_restriction",
        "apn_list",
        "attach_pdn_type",
        "cag_info_list",
        "category",
        "default_nssai",
        "emergency_numbers",
        "external_auth",
        "imeisv",
        "index_to_rfsp",
        "msisdn",
        "nssai",
        "pdn_list",
        "priority",
        "roaming",
        "ue_aggregate_max_bitrate_dl",
        "ue_aggregate_max_bitrate_ul",
        "ursp_rules",
    }
)
MAX_CONTENT = 60_000  # octets of a body that fits into a datagram
_SCHEMES = ("sip", "sips", "tel", "urn")
_OLD_PRECONDITION = "precondition:"
_OLD_PRECONDITIONS = frozenset(f"{_OLD_PRECONDITION}{value}" for value in Precondition)
_IMPU = re.compile(r'[^\s<>"]+')
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)")
_IMEI = re.compile(r"[0-9]{14,16}")
_TEL = re.compile(r"\+?[0-9A-Fa-f*#().-]+(?:;.*)?")
_SEPARATORS = str.maketrans("", "", "-.()")  # visual ones, RFC 3966 5.1.1
_CONTENT_TYPE = re.compile(r"[^\s/;]+/[^\s/;]+(?:\s*;.*)?")


def precondition(value: object, spot: Spot) -> Precondition:
    """ "on", "off" or "silent"; the old form is a boolean."""
    if isinstance(value, bool) or value in (0, 1):
        new = Precondition.ON if value else Precondition.OFF
        spot.warn(f"'{spot.key}: {'true' if value else 'false'}' is the old form of '{spot.key}: \"{new}\"'")
        return new
    return Precondition(str(choice(Precondition)(value, spot)))


def identity(value: object, spot: Spot) -> str:
    """An IMPU: a URI of a known scheme, or a bare user part, which stands for a sip URI."""
    impu = word(value, spot)
    if not _IMPU.fullmatch(impu):
        raise Refusal(f"'{impu}' is no IMPU: blanks, quotes, < and > are not allowed")
    if impu in _OLD_PRECONDITIONS:
        return impu
    if match := _SCHEME.fullmatch(impu):
        scheme, rest = match[1].lower(), match[2]
        if scheme not in _SCHEMES or not rest or (scheme == "tel" and not _TEL.fullmatch(rest)):
            raise Refusal(f"'{impu}' is no IMPU: expected sip:USER, tel:NUMBER or urn:...")
        if scheme in ("sip", "sips") and (rest.endswith("@") or rest.startswith("@")):
            raise Refusal(f"'{impu}' is no IMPU: there is nothing on one side of its '@'")
    return impu


def _code(value: object, spot: Spot) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not (value in (-1, 0) or 100 <= value <= 699):
        raise Refusal("expected a SIP code from 100 to 699, 0 for none, or -1 for no answer")
    return value


def _content_type(value: object, spot: Spot) -> str:
    name = text(value, spot)
    if name and not _CONTENT_TYPE.fullmatch(name):
        raise Refusal('expected a content type such as "application/sdp"')
    return name


def _imei(value: object, spot: Spot) -> str:
    digits = text(value, spot)
    if digits and not _IMEI.fullmatch(digits.replace("-", "")):
        raise Refusal("expected an IMEI: a string of 14 to 16 digits")
    return digits


IMPU: dict[str, Property] = table_of(
    {
        "impu": identity,
        "imei": _imei,
        "code": _code,
        "method": choice(ImpuMethod),
        "content": path,
        "content_type": _content_type,
        "transparent": flag,
        "anonymous": flag,
        "authentication": flag,
        "ring_only": flag,
        "precondition": precondition,
        "100rel": flag,
        "preferred": flag,
        "asserted": flag,
        "associated": flag,
        "display_name": text,
        "domain": domain,
        "p_called_party_id": text,
        "answer_delay": number(0, 86400),
        "remote_control": flag,
    }
) | {"prefered": Property("preferred", flag, "preferred")}


def impu(value: object, spot: Spot) -> ImpuConfig:
    """One IMPU: a string, or an object with its options."""
    if isinstance(value, str):
        return ImpuConfig(identity(value, spot))
    members, here = opened(value, spot, STRING_OR_OBJECT)
    fields = read_members(IMPU, members, here)
    if "impu" not in members:
        spot.error("'impu' is missing: which identity do these options belong to?")
    return with_content(ImpuConfig(**({"impu": ""} | fields)), here)


def with_content(config: ImpuConfig, here: Spot) -> ImpuConfig:
    """The options with the body of their forced answer, read anew; a file that cannot be one is taken down."""
    data = b""
    spot = here.at("content")
    if config.code and config.content:
        if not config.content_type:
            spot.error("'content_type' is missing: it is mandatory where 'code' and 'content' are set")
        if config.code > 0 and here.report.octets_of is not None:
            try:
                data = here.report.octets_of(config.content)
            except OSError as error:
                spot.error(f"cannot read {config.content}: {error.strerror or error}")
    if len(data) > MAX_CONTENT:
        spot.error(f"{config.content} is too large for a SIP message: at most {MAX_CONTENT} octets")
    return replace(config, content_data=data)


impus: Reader = array(impu, single=True)


def _imsi(value: object, spot: Spot) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        raise Refusal("expected a string, found a number: put the IMSI in quotes, it may begin with 0")
    digits = text(value, spot)
    if digits and not (digits.isascii() and digits.isdigit() and 5 <= len(digits) <= 15):
        raise Refusal(f"expected an IMSI of 5 to 15 digits, found '{digits}'")
    return digits


def _amf(value: object, spot: Spot) -> bytes:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0xFFFF:
        return value.to_bytes(2, "big")
    if not isinstance(value, str) or not value:
        raise Refusal("expected a number from 0 to 0xffff or 4 hex digits in a string")
    return _given(octets(2)(value, spot), "4 hex digits")


def _sqn(value: object, spot: Spot) -> bytes:
    return _given(octets(6)(value, spot), "12 hex digits")


def _given(value: object, expected: str) -> bytes:
    if not isinstance(value, bytes):
        raise Refusal(f"expected {expected} in a string")
    return value


USER: dict[str, Property] = table_of(
    {
        "imsi": _imsi,
        "nai": text,
        "multi_sim": flag,
        "impi": text,
        "impu": impus,
        "sim_algo": choice(SimAlgo),
        "K": octets(16, 32),
        "op": octets(16),
        "opc": octets(16),
        "top": octets(32),
        "topc": octets(32),
        "amf": _amf,
        "sqn": _sqn,
        "res_len": integer(4, 16),
        "authent_type": choice(AuthentType),
        "pwd": text,
        "mt_call_sdp_file": path,
        "domain": domain,
        "auth_on_register_only": flag,
        "force_sms_over_sg": flag,
    }
)


def user(value: object, spot: Spot) -> UserConfig:
    """One entry of ue_db. What is wrong with it is taken down; the value serves for further checks then."""
    members, here = opened(value, spot)
    fields = read_members(USER, members, here, MME_ONLY)
    if fields.get("pwd") and "authent_type" not in fields:
        fields["authent_type"] = AuthentType.MD5
    if "impu" in fields:
        fields["impu"] = _with_old_precondition(fields["impu"], here.at("impu"))
    entry = UserConfig(**fields)
    if not members.get("imsi") and not members.get("nai"):
        spot.error("'imsi' or 'nai' is missing: a user needs one of them")
    if entry.multi_sim and entry.sim_algo is not SimAlgo.XOR:
        here.at("multi_sim").error(f'only allowed with sim_algo "xor", found "{entry.sim_algo}"')
    _check_keys(entry, members, spot, here)
    _check_secrets(entry, spot)
    if entry.k and entry.impu and all(item.impu.startswith("tel:") for item in entry.impu):
        here.at("impu").warn("'impu' has numbers alone: a SIM card registers by sip:IMSI, so this one cannot")
    if entry.sim_algo is SimAlgo.TUAK and entry.res_len not in (4, 8, 16):
        here.at("res_len").error(f'expected 4, 8 or 16 with sim_algo "tuak", found {entry.res_len}')
    if entry.sim_algo is SimAlgo.MILENAGE and entry.res_len > 8:  # f2 gives 8 octets (TS 35.206 4.1)
        here.at("res_len").error(f'expected 4 to 8 with sim_algo "milenage", found {entry.res_len}')
    return entry


def _with_old_precondition(identities: tuple[ImpuConfig, ...], spot: Spot) -> tuple[ImpuConfig, ...]:
    """Older files set a user's precondition by a string among its IMPUs: "precondition:silent"."""
    old = [item.impu.partition(":")[2] for item in identities if item.impu.startswith(_OLD_PRECONDITION)]
    if not old:
        return identities
    spot.warn(f"'{_OLD_PRECONDITION}{old[-1]}' is the old form of precondition: \"{old[-1]}\" in each IMPU's object")
    kept = (item for item in identities if not item.impu.startswith(_OLD_PRECONDITION))
    return tuple(replace(item, precondition=item.precondition or Precondition(old[-1])) for item in kept)


def _check_secrets(entry: UserConfig, spot: Spot) -> None:
    """A user whose level of authentication has no secret cannot register: perhaps only the MME's half is there."""
    if entry.authent_type is AuthentType.MD5 and not entry.pwd:
        spot.warn("authent_type is MD5, but there is no 'pwd': this user cannot register")
    elif entry.authent_type.at_least(AuthentType.AKAV1) and not entry.k:
        spot.warn(f"authent_type is {entry.authent_type}, but there is no 'K': this user cannot register")


def _check_keys(entry: UserConfig, members: Mapping[str, Any], spot: Spot, here: Spot) -> None:
    """Each algorithm's own secrets: TS 35.206 (OP, OPc), TS 35.231 (TOP, TOPc)."""
    if entry.k and len(entry.k) == 32 and entry.sim_algo is not SimAlgo.TUAK:
        here.at("K").error(f'expected 32 hex digits with sim_algo "{entry.sim_algo}", found 64')
    needed = {SimAlgo.XOR: (), SimAlgo.MILENAGE: ("op", "opc"), SimAlgo.TUAK: ("top", "topc")}[entry.sim_algo]
    if not needed:
        return
    if not any(members.get(name) for name in needed):
        spot.error(f"sim_algo \"{entry.sim_algo}\" needs '{needed[0]}' or '{needed[1]}'")
    if not members.get("K"):
        spot.error(f"sim_algo \"{entry.sim_algo}\" needs 'K'")


def users(value: object, spot: Spot) -> tuple[UserConfig, ...]:
    """An array of users, each checked alone and against those before it."""
    if not isinstance(value, list | tuple):
        raise Refusal("expected an array of users: [ { imsi: ... }, ... ]")
    seen = Identities()
    base = spot.snapshot()
    entries = []
    for index, element in enumerate(value):
        here = Spot(spot.report, value, index, base)
        try:
            entry = user(element, here)
        except Refusal as refusal:
            here.error(str(refusal))
            continue
        seen.add(entry, Spot(spot.report, element, "", here))
        entries.append(entry)
    return tuple(entries)


class Identities:
    """Who has which identity, to find those that two users claim."""

    __slots__ = ("_impi", "_impu", "_imsi")

    def __init__(self) -> None:
        self._impi: dict[str, Spot] = {}
        self._imsi: dict[str, tuple[Spot, bool]] = {}
        self._impu: dict[str, Spot] = {}

    def add(self, entry: UserConfig, here: Spot) -> None:
        """Take one user in. IMPI and IMSI must be its own; an IMPU that two users have is only odd."""
        if entry.impi and (other := self._impi.setdefault(entry.impi, here)) is not here:
            here.at("impi").error(f"the IMPI '{entry.impi}' is that of the user at {other.at('impi').name()}")
        if entry.imsi:
            first, shared = self._imsi.setdefault(entry.imsi, (here, entry.multi_sim))
            if first is not here and not (shared and entry.multi_sim):
                whose = f"that of the user at {first.at('imsi').name()}"
                here.at("imsi").error(f"the IMSI '{entry.imsi}' is {whose}; only multi_sim users share one")
        for public in {comparable(item.impu): item.impu for item in entry.impu}.items():
            if (other := self._impu.setdefault(public[0], here)) is not here:
                here.at("impu").warn(f"the IMPU '{public[1]}' is also that of the user at {other.at('impu').name()}")


def comparable(impu: str) -> str:
    """A form in which two spellings of one IMPU are equal: with its scheme, numbers without visual separators."""
    scheme, colon, rest = impu.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in _SCHEMES:
        return f"sip:{impu}"
    return f"tel:{rest.translate(_SEPARATORS)}" if scheme == "tel" else f"{scheme}:{rest}"
