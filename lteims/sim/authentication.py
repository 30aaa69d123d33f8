"""How a virtual phone answers challenges: passwords and AKA with AUTS and MAC failure (RFC 2617, 3310, 4169).

TS 24.229 5.1.1.5. Called by registration.py and phone.py; the card's verdicts are kept for tests.
"""

from lteims.aka import digest, usim
from lteims.aka.errors import AkaError
from lteims.ids import Tokens
from lteims.sim.card import Sim
from lteims.sip.headers import AuthValue

_BARE = frozenset({"algorithm", "qop", "nc"})  # values without quotes (RFC 2617 3.2.2)


class Authenticator:
    """The secrets of one phone; `ck` and `ik` are those of the last AKA challenge that the card accepted."""

    def __init__(self, sim: Sim, tokens: Tokens) -> None:
        self.card = sim.usim()
        self.verdicts: list[usim.Accepted | usim.MacFailure | usim.SyncFailure] = []
        self.ck = self.ik = b""
        self._sim = sim
        self._tokens = tokens
        self._challenge: AuthValue | None = None
        self._password = b""
        self._count = 0

    def opening(self, uri: str) -> str:
        """The Authorization of a first REGISTER (TS 24.229 5.1.1.2.2)."""
        fields = {"username": self._sim.private, "realm": self._sim.home, "uri": uri, "nonce": "", "response": ""}
        return _written(fields)

    def answer(self, challenge: AuthValue, method: str, uri: str, body: bytes = b"") -> str:
        """The credentials for a challenge; AkaError for one that nobody could answer."""
        self._challenge, self._count, self._password = challenge, 0, b""
        algorithm = challenge.get("algorithm")
        if not digest.scheme(algorithm).aka:
            self._password = self._sim.password.encode()
            return self._credentials(method, uri, body)
        if self.card is None:
            raise AkaError(f"{algorithm} is asked of a phone without a SIM card")
        rand, autn, _ = digest.parse_aka_nonce(challenge.get("nonce"))
        verdict = self.card.authenticate(rand, autn)
        self.verdicts.append(verdict)
        match verdict:
            case usim.Accepted(res, ck, ik):
                self.ck, self.ik = ck, ik
                self._password = digest.aka_password(algorithm, res, ck, ik)
                return self._credentials(method, uri, body)
            case usim.SyncFailure(auts):
                credentials = self._credentials(method, uri, body, auts=digest.aka_auts(auts))
                self._challenge = None  # it does not count as answered
                return credentials
        self._challenge = None
        return _written(self._fields(challenge, uri) | {"response": ""})  # TS 24.229 5.1.1.5.3

    def again(self, method: str, uri: str, body: bytes = b"") -> str:
        """The credentials of the last challenge for another request, "" where none was answered yet."""
        return self._credentials(method, uri, body) if self._challenge is not None else ""

    def forget(self) -> None:
        """The next request is without credentials."""
        self._challenge = None

    def _credentials(self, method: str, uri: str, body: bytes, auts: str = "") -> str:
        challenge = self._challenge
        assert challenge is not None
        self._count += 1
        fields = self._fields(challenge, uri)
        offered = [each.strip() for each in challenge.get("qop").split(",")]
        qop = "auth" if "auth" in offered else "auth-int" if "auth-int" in offered else ""
        nc, cnonce = (f"{self._count:08x}", self._tokens.octets(8).hex()) if qop else ("", "")
        fields["response"] = digest.response(
            challenge.get("algorithm"), fields["username"], fields["realm"], self._password, method, uri,
            fields["nonce"], qop, nc, cnonce, body,
        )  # fmt: skip
        if qop:
            fields |= {"qop": qop, "nc": nc, "cnonce": cnonce}
        return _written(fields | ({"auts": auts} if auts else {}))

    def _fields(self, challenge: AuthValue, uri: str) -> dict[str, str]:
        fields = {"username": self._sim.private, "realm": challenge.get("realm"), "nonce": challenge.get("nonce")}
        fields["uri"] = uri
        copied = {name: challenge.get(name) for name in ("algorithm", "opaque") if challenge.get(name)}
        return fields | copied


def _written(fields: dict[str, str]) -> str:
    return "Digest " + ", ".join(f"{n}={v}" if n in _BARE else f'{n}="{v}"' for n, v in fields.items())
