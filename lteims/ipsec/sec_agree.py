"""Security agreement for ipsec-3gpp (RFC 3329, TS 33.203 annex H): Security-Client, -Server and -Verify as values.

Called by ims/pcscf.py and by the virtual phone, which sends Security-Verify as it got Security-Server, octet for octet.
What a P-CSCF answers (R: Require or Proxy-Require has sec-agree; 421 and 494 have Require: sec-agree, Security-Server):
  unprotected REGISTER with a usable Security-Client   401 with Security-Server   TS 24.229 5.2.2.2
  the same, R, nothing in common                       494 with supported()       RFC 3329 2.3.1
  the same, no R, nothing in common                    clear path                 RFC 3329 2.3.1: R is what asks
  unprotected, R, no Security-Client                   494 with supported()       RFC 3329 2.3.1
  unprotected, R, IPsec switched off                   420, Unsupported: sec-agree  RFC 3261 8.2.2.3
  unprotected, neither R nor Security-Client           clear path, also with Supported: sec-agree; where the operator
      wants IPsec: 494 with Supported: sec-agree, else 421                        RFC 3329 2.3.2, RFC 3261 21.4.15
  protected REGISTER without Security-Client or with another one than before: 494  TS 24.229 5.2.2.2 ("suitable 4xx")
  protected, Security-Verify absent or different: 494, the same Security-Server   RFC 3329 2.3.1, TS 24.229 5.2.2.2
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from lteims.ipsec.algorithms import DEFAULT_AALGS, DEFAULT_EALGS, expand, legal, pairs
from lteims.ipsec.errors import IpsecError
from lteims.ipsec.mechanism import DEFAULTS, LIMITS, SHOWN, TOKEN, Params, elements, mechanism, number, thousandths
from lteims.ipsec.sa import Aalg, Ealg, Sa

OPTION_TAG: Final = "sec-agree"
MECHANISM: Final = "ipsec-3gpp"
SERVER_Q: Final = 100  # thousandths; one mechanism stands alone, so that any will do
MIN_SPI: Final = 256  # RFC 4303 2.1: those below are reserved
UNPROTECTED_PORT: Final = 5060  # never a protected port (TS 33.203 7.1)
MAX_OFFERS: Final = 64  # what is read of one message; the longest seen has 18

_KNOWN: Final = {"q", "alg", *DEFAULTS, *LIMITS}

Pair = tuple[Aalg, Ealg]


@dataclass(frozen=True, slots=True)
class Offer:
    """One ipsec-3gpp mechanism with its parameters: what a phone offers, or what a P-CSCF answers.

    SPIs and ports are those of the side that sent it; `other` are parameters that TS 33.203 annex H does not know.
    """

    aalg: Aalg
    ealg: Ealg
    spi_c: int
    spi_s: int
    port_c: int
    port_s: int
    q: int | None = None  # thousandths
    prot: str = "esp"
    mod: str = "trans"
    other: tuple[tuple[str, str | None], ...] = ()

    @property
    def pair(self) -> Pair:
        """The algorithms alone."""
        return self.aalg, self.ealg


@dataclass(frozen=True, slots=True)
class Offered:
    """What stood in all headers of one kind in a message."""

    offers: tuple[Offer, ...] = ()  # readable ones of ipsec-3gpp, in their order
    skipped: tuple[str, ...] = ()  # for each other one of ipsec-3gpp what is wrong with it
    mechanisms: tuple[str, ...] = ()  # names of mechanisms that are not ipsec-3gpp, lower case


@dataclass(frozen=True, slots=True)
class Choice:
    """The offer that is taken, and one line for the log: offered, chosen, why."""

    offer: Offer
    text: str


def parse(lines: Sequence[str]) -> Offered:
    """Read all values of Security-Client (or -Server, -Verify) headers; what cannot be read is skipped one by one."""
    offers: list[Offer] = []
    skipped: list[str] = []
    mechanisms: list[str] = []
    for place, text in enumerate(elements(lines), 1):
        if place > MAX_OFFERS:
            skipped.append(f"more than {MAX_OFFERS} mechanisms")
            break
        try:
            name, params = mechanism(text)
            if name == MECHANISM:
                offers.append(_offer(params))
            else:
                mechanisms.append(name)
        except IpsecError as error:
            skipped.append(f"offer {place}: {error}")
    return Offered(tuple(offers), tuple(skipped), tuple(mechanisms))


def choose(offered: Offered, aalgs: Iterable[Aalg] = DEFAULT_AALGS, ealgs: Iterable[Ealg] = DEFAULT_EALGS) -> Choice:
    """The offer whose pair comes first in our order (algorithms.pairs); of two alike that with the higher q.

    IpsecError when there is none; its text is the log line of a Choice, with what each offer was refused for.
    """
    usable: dict[Pair, Offer] = {}
    refused = list(offered.skipped)
    for offer in offered.offers:
        fault = _fault(offer)
        if fault:
            refused.append(f"{_shown(offer.pair)}: {fault}")
        elif offer.pair not in usable or _rank(offer) > _rank(usable[offer.pair]):
            usable[offer.pair] = offer
    ours = pairs(aalgs, ealgs)
    names = dict.fromkeys([*(_shown(offer.pair) for offer in offered.offers), *offered.mechanisms])
    said = f"offered {', '.join(names) or 'nothing that can be read'}"
    because = "".join(f"; refused {reason}" for reason in dict.fromkeys(refused))
    for place, pair in enumerate(ours, 1):
        if pair in usable:
            return Choice(usable[pair], f"{said}; chosen {_shown(pair)}, place {place} of our {len(ours)}{because}")
    raise IpsecError(f"{said}; none is among ours ({', '.join(map(_shown, ours))}){because}")


def answer(offer: Offer, spi_c: int, spi_s: int, port_c: int, port_s: int, q: int = SERVER_Q) -> Offer:
    """The Security-Server of a P-CSCF that takes `offer`, with its own SPIs and ports; `encode` makes its value."""
    return replace(offer, spi_c=spi_c, spi_s=spi_s, port_c=port_c, port_s=port_s, q=q, other=())


def supported(aalgs: Iterable[Aalg] = DEFAULT_AALGS, ealgs: Iterable[Ealg] = DEFAULT_EALGS) -> str:
    """The Security-Server of a 494 or 421: all that we take, best first, with no SPI or port yet (RFC 3329 2.3.1)."""
    bare = Layout(order=("q", "alg", "ealg"))
    ours = pairs(aalgs, ealgs)
    return ", ".join(encode(Offer(*pair, 0, 0, 0, 0, q=1000 - 10 * place), bare) for place, pair in enumerate(ours))


@dataclass(frozen=True, slots=True)
class Layout:
    """How a mechanism is written; a parameter that is not in `order` is left out."""

    order: tuple[str, ...] = ("q", "prot", "mod", "spi-c", "spi-s", "port-c", "port-s", "alg", "ealg")
    semicolon: str = ";"
    equal: str = "="
    spi_digits: int = 1  # at least so many; the grammar of TS 33.203 annex H has ten
    quoted: frozenset[str] = frozenset()


PLAIN: Final = Layout()


def encode(offer: Offer, layout: Layout = PLAIN) -> str:
    """One mechanism as a header value; q only where it is known."""
    spi = f"0{layout.spi_digits}d"
    texts = {
        "q": None if offer.q is None else f"{offer.q / 1000:g}",
        "prot": offer.prot,
        "mod": offer.mod,
        "spi-c": format(offer.spi_c, spi),
        "spi-s": format(offer.spi_s, spi),
        "port-c": str(offer.port_c),
        "port-s": str(offer.port_s),
        "alg": offer.aalg.value,
        "ealg": offer.ealg.value,
    }
    params = [(name, texts[name]) for name in layout.order if texts[name] is not None]
    return layout.semicolon.join(
        [MECHANISM, *(_written(name, value, layout) for name, value in (*params, *offer.other))]
    )


def _written(name: str, value: str | None, layout: Layout) -> str:
    if value is None:
        return name
    quoted = name in layout.quoted or not TOKEN.fullmatch(value)
    return f'{name}{layout.equal}"{value}"' if quoted else f"{name}{layout.equal}{value}"


def verify_matches(verify_lines: Sequence[str], server_value: str) -> bool:
    """Whether Security-Verify says what Security-Server said (RFC 3329 2.3.1); see `difference`."""
    return not difference(verify_lines, server_value)


def difference(verify_lines: Sequence[str], server_value: str) -> str:
    """In what Security-Verify differs from the Security-Server that was sent, for the log; empty when in nothing.

    Order, case, blanks, quotes, leading zeros and a default that is written out or left out make no difference.
    The same serves for a Security-Client that has to come again (TS 24.229 5.2.2.2), its lines joined by commas.
    """
    if len(verify_lines) == 1 and verify_lines[0] == server_value:
        return ""  # so it comes from most phones, with every request
    try:
        got, sent = ([_canonical(text) for text in elements(lines)] for lines in (verify_lines, [server_value]))
    except IpsecError as error:
        return str(error)
    if not got:
        return "it is absent"
    if len(got) != len(sent):
        return f"it has {len(got)} mechanisms, not {len(sent)}"
    if {name for name, _ in got} != {name for name, _ in sent}:
        return "it names other mechanisms"
    extra = [params for params in got if params not in sent]
    missing = [params for params in sent if params not in got]
    if not extra and not missing:
        return ""
    (_, first), (_, wanted) = (extra or got)[0], (missing or sent)[0]
    names = sorted(name for name in first.keys() | wanted.keys() if first.get(name, "") != wanted.get(name, ""))
    return f"it differs in {', '.join(names)[:SHOWN]}"


@dataclass(frozen=True, slots=True)
class ClientProfile:
    """How a phone writes its Security-Client."""

    pairs: tuple[Pair, ...]
    layout: Layout = PLAIN
    comma: str = ","
    split: bool = False  # a header for each offer
    null_left_out: bool = False  # no ealg where it is null


def client_lines(profile: ClientProfile, spi_c: int, spi_s: int, port_c: int, port_s: int) -> list[str]:
    """The values of a phone's Security-Client headers: every pair with the same SPIs and ports."""
    bare = replace(profile.layout, order=tuple(name for name in profile.layout.order if name != "ealg"))
    values = [
        encode(
            Offer(aalg, ealg, spi_c, spi_s, port_c, port_s),
            bare if profile.null_left_out and ealg is Ealg.NULL else profile.layout,
        )
        for aalg, ealg in profile.pairs
    ]
    return values if profile.split else [profile.comma.join(values)]


def pick(server_lines: Sequence[str], ours: Sequence[Pair]) -> Offer:
    """What a phone takes of Security-Server: the highest q among the pairs that it offered (RFC 3329 2.3.1).

    IpsecError when there is none; the text says why.
    """
    offered = parse(server_lines)
    usable = [offer for offer in offered.offers if offer.pair in ours and not _fault(offer)]
    if not usable:
        faults = [f"{_shown(offer.pair)}: {_fault(offer) or 'not offered'}" for offer in offered.offers]
        raise IpsecError(f"Security-Server cannot be used; {'; '.join((*faults, *offered.skipped)) or 'it is empty'}")
    return max(usable, key=_rank)


def four(
    phone: Offer, server: Offer, ue: str, pcscf: str, ck: bytes, ik: bytes, at_phone: bool = False
) -> tuple[Sa, Sa, Sa, Sa]:
    """The four SAs of an agreement (TS 33.203 7.1), in both directions of both pairs of ports, as one end sees them.

    First port_uc -> port_ps (the phone's requests) and the way back, then port_pc -> port_us (requests to the phone)
    and the way back. Each has the SPI that its receiver gave out. `ue` and `pcscf` are numeric hosts. IpsecError for
    an illegal pair or keys of a wrong length.
    """
    auth_key, enc_key = expand(server.aalg, server.ealg, ck, ik)

    def sa(spi: int, sport: int, dport: int, up: bool) -> Sa:
        src, dst = (ue, pcscf) if up else (pcscf, ue)
        inbound = up is not at_phone
        return Sa(spi, src, sport, dst, dport, inbound, server.aalg, server.ealg, auth_key, enc_key)

    return (
        sa(server.spi_s, phone.port_c, server.port_s, up=True),
        sa(phone.spi_c, server.port_s, phone.port_c, up=False),
        sa(phone.spi_s, server.port_c, phone.port_s, up=False),
        sa(server.spi_c, phone.port_s, server.port_c, up=True),
    )


@cache
def _shown(pair: Pair) -> str:
    return f"{pair[0]}/{pair[1]}"


def _rank(offer: Offer) -> int:
    return 1000 if offer.q is None else offer.q


def _fault(offer: Offer) -> str:
    """Why a readable offer cannot be used; empty when it can."""
    if offer.prot != "esp" or offer.mod != "trans":
        return f"{offer.prot[:SHOWN]!r} in mode {offer.mod[:SHOWN]!r} is not supported"
    if not legal(offer.aalg, offer.ealg):
        return "the two cannot go together"
    if offer.spi_c == offer.spi_s:
        return f"spi-c and spi-s are both {offer.spi_c}"
    if min(offer.spi_c, offer.spi_s) < MIN_SPI:
        return f"SPI {min(offer.spi_c, offer.spi_s)} is reserved"
    if offer.port_c == offer.port_s:
        return f"port-c and port-s are both {offer.port_c}"
    for port in (offer.port_c, offer.port_s):
        if port in {0, UNPROTECTED_PORT}:
            return f"port {port} cannot be a protected port"
    return ""


def _offer(params: Params) -> Offer:
    aalg, ealg = _algorithms(params)
    return Offer(
        aalg,
        ealg,
        number("spi-c", params),
        number("spi-s", params),
        number("port-c", params),
        number("port-s", params),
        thousandths(params.get("q")),
        (params.get("prot") or DEFAULTS["prot"]).lower(),
        (params.get("mod") or DEFAULTS["mod"]).lower(),
        tuple((name, value) for name, value in params.items() if name not in _KNOWN),
    )


def _algorithms(params: Params) -> Pair:
    ealg_name = (params.get("ealg") or DEFAULTS["ealg"]).lower()
    # With aes-gcm there is nothing for alg to say (RFC 4106); else it is mandatory (RFC 3329 appendix A).
    aalg_name = (params.get("alg") or (Aalg.NULL.value if ealg_name == Ealg.AES_GCM else "")).lower()
    if not aalg_name:
        raise IpsecError("alg is missing")
    try:
        aalg = Aalg(aalg_name)
    except ValueError:
        raise IpsecError(f"alg {aalg_name[:SHOWN]!r} is unknown") from None
    try:
        return aalg, Ealg(ealg_name)
    except ValueError:
        raise IpsecError(f"ealg {ealg_name[:SHOWN]!r} is unknown") from None


def _canonical(text: str) -> tuple[str, Params]:
    """A mechanism in one form for all ways to write it, to be compared."""
    name, params = mechanism(text)
    canonical: Params = {key: value if value is None else value.lower() for key, value in params.items()}
    if name == MECHANISM:
        canonical = {**DEFAULTS, **canonical}
        canonical |= {key: str(number(key, params)) for key in LIMITS if key in params}
    if "q" in params:
        canonical["q"] = str(thousandths(params["q"]))
    return name, canonical
