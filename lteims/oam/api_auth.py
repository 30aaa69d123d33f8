"""Who may use the remote API (manual 5.2 com_auth, 6.2): challenges, their answers, and the price of guessing.

Pure: time and random octets are handed in. api.py asks; one Gate serves all clients.
"""

import hmac
from collections import OrderedDict
from ipaddress import IPv6Address
from typing import Final

from lteims.ids import RandomBytes

TYPE: Final = "IMS"
FIRST_DELAY: Final = 0.25  # seconds behind the first failure of an address; each further one doubles it
LONGEST_DELAY: Final = 8.0
LONGEST_WAIT: Final = 30.0  # seconds in which attempts of one address may stand in line
FORGOTTEN: Final = 300.0  # seconds without a failure
_MOST_ADDRESSES: Final = 4096


def response(password: str, name: str, challenge: str) -> str:
    """What a client that knows the password answers: HMAC-SHA256 in hex (manual 6.2)."""
    key = f"{TYPE}:{password}:{name}"
    return hmac.new(key.encode(), challenge.encode(), "sha256").hexdigest()


class Gate:
    """The password, and how often each address has failed."""

    def __init__(self, name: str, password: str, random: RandomBytes, *, unsecure: bool = False) -> None:
        """`unsecure` also takes the password itself, as `password` or in the place of `res`."""
        self._name = name
        self._password = password
        self._random = random
        self._unsecure = unsecure
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()  # by address: how often; free again at

    def challenge(self) -> str:
        """A new challenge; it serves for one attempt."""
        return self._random(16).hex()

    def wait(self, address: str, now: float) -> float | None:
        """Seconds after which the next attempt of an address is looked at; None: not at all, too many wait already.

        An attempt takes its place in the line, so that those of many sockets are not faster than those of one.
        """
        address = _network(address)
        count, free = self._failures.get(address, (0, 0.0))
        if count and now > free + FORGOTTEN:
            del self._failures[address]
            count = 0
        if not count:
            return 0.0
        begin = max(free, now)
        if begin - now > LONGEST_WAIT:
            return None
        self._note(address, count, begin + _delay(count))
        return begin - now

    def check(self, address: str, challenge: str, res: str, password: str, now: float) -> bool:
        """Is it the answer to this challenge? Compared in constant time; a failure makes the next one dearer."""
        expected = response(self._password, self._name, challenge)
        address = _network(address)
        good = hmac.compare_digest(res.encode("utf-8", "replace").lower(), expected.encode())
        if self._unsecure:
            own = self._password.encode()
            good |= hmac.compare_digest(res.encode("utf-8", "replace"), own)
            good |= hmac.compare_digest(password.encode("utf-8", "replace"), own)
        if good:
            self._failures.pop(address, None)
        else:
            count, free = self._failures.get(address, (0, 0.0))
            self._note(address, count + 1, max(free, now + _delay(count + 1)))
        return good

    def _note(self, address: str, count: int, free: float) -> None:
        self._failures[address] = (count, free)
        self._failures.move_to_end(address)
        if len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)


def _network(address: str) -> str:
    """Who is at an address: of IPv6 the first half, since anybody there may take any address of the second."""
    try:
        number = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return address if number.ipv4_mapped else str(IPv6Address(int(number) >> 64 << 64))


def _delay(failures: int) -> float:
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(failures - 1, 16)))
