"""Who takes part in a multimedia message: the sender by the address that its phone has, the receivers by number.

An MMS client proves nothing of itself (OMA-TS-MMS_ENC 7.3.20: the server inserts the sender); what the server knows
are the addresses that registered phones were seen at. Called by mms.py and mms_control.py.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from lteims.ims.identity import impu_uri
from lteims.ims.subscribers import Impu, Subscriber, Subscribers
from lteims.mm1.address import Address, AddressType
from lteims.mm1.errors import MmsError, ResponseStatus
from lteims.sip.errors import SipError
from lteims.sip.uri import Uri, parse_uri

_SHOWN = 60  # characters of an address that an error repeats
_PHONES_OWN = 64  # bits of the IPv6 prefix that a network gives to one phone alone (TS 23.401 5.3.1.2.2)


@dataclass(frozen=True, slots=True)
class Party:
    """Who takes part; `shown` is the address in a header, "" where nothing is known."""

    shown: str
    subscriber: Subscriber | None = None
    impu: Impu | None = None


class Directory:
    """Finds users by what MM1 says of them."""

    def __init__(self, subscribers: Subscribers) -> None:
        self._subscribers = subscribers

    def sender(self, peer: str, given: str) -> Party:
        """Who sends from this IP address; `given` is From, "" if the server is to insert it.

        A phone's address decides. Where several users share it, From chooses among them; where nobody is known
        there, From is believed.
        """
        users = self._users_at(peer)
        named = self._find(Address.parse(given)) if given else None
        if named is not None and (not users or any(user is named[0] for user in users)):
            return Party(shown_address(given), *named)
        if len(users) == 1:
            impu = _first_number(users[0])
            return Party(shown_as(impu), users[0], impu)
        return Party(shown_address(given))

    def receiver(self, text: str) -> tuple[Subscriber, Impu]:
        """Whom an address of To, Cc or Bcc means; MmsError says why nobody."""
        address = Address.parse(text)
        found = self._find(address)
        if found is not None:
            return found
        shown = address.value[:_SHOWN]
        match address.type:
            case AddressType.EMAIL:
                why = f"mail is not served: {shown}"
            case AddressType.IPV4 | AddressType.IPV6:
                why = f"addresses of hosts are not served: {shown}"
            case _:
                why = f"nobody has the number {shown}"
        raise MmsError(why, ResponseStatus.ERROR_PERMANENT_SENDING_ADDRESS_UNRESOLVED)

    def address_of(self, subscriber: Subscriber) -> str:
        """A user's address, by which `receiver` finds it."""
        return shown_as(_first_number(subscriber))

    def unknown(self, text: str) -> Uri | None:
        """The IMPU of an address that nobody here has; None where somebody has it, or it is no IMPU."""
        uri = self._impu(Address.parse(text))
        return uri if uri is not None and self._subscribers.by_impu(uri) is None else None

    def _find(self, address: Address) -> tuple[Subscriber, Impu] | None:
        uri = self._impu(address)
        return None if uri is None else self._subscribers.by_impu(uri)

    def _impu(self, address: Address) -> Uri | None:
        match address.type:
            case AddressType.PLMN:
                text = "tel:" + address.value.replace("#", "%23")
            case AddressType.EMAIL | AddressType.OTHER:  # a user without a number is written as one of these
                text = impu_uri(address.value, self._subscribers.domain)
            case _:
                return None
        try:
            return parse_uri(text)
        except SipError:
            return None

    def _users_at(self, peer: str) -> list[Subscriber]:
        """Whose phones were seen at an address, or, if it is IPv6, within the prefix that a phone has for itself."""
        address = plain_address(peer)
        if address is None:
            return []
        seen = [(binding.flow.host, user) for user in self._subscribers for binding in user.bindings]
        hosts = (peer, str(address))
        found = {user.impi: user for host, user in seen if host in hosts}
        if not found and _has_prefix(address):
            found = {user.impi: user for host, user in seen if _same_prefix(address, host)}
        return list(found.values())


def plain_address(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address of a peer, without its zone and without the mapping of IPv4 into IPv6; None if it is none."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def shown_as(impu: Impu) -> str:
    """How a user's identity stands in MM1's headers: a number, else as mail writes addresses."""
    number = impu.uri.number or impu.uri.user
    if number.lstrip("+").isdigit():
        return Address(number).encode()
    return f"{impu.uri.user}@{impu.uri.host}"


def shown_address(text: str) -> str:
    """An address as a client or the operator wrote it, with its type."""
    return Address.parse(text).encode() if text else ""


def _first_number(user: Subscriber) -> Impu:
    """The identity that others can answer: a tel URI before a user part of digits before anything else."""
    ranked = sorted(user.impus, key=lambda impu: (impu.uri.scheme != "tel", not impu.uri.user.lstrip("+").isdigit()))
    return ranked[0]


def _has_prefix(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and not address.is_loopback and not address.is_link_local


def _same_prefix(address: IPv4Address | IPv6Address, host: str) -> bool:
    other = plain_address(host)
    return isinstance(other, IPv6Address) and not (int(address) ^ int(other)) >> (128 - _PHONES_OWN)
