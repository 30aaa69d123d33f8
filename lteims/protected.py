"""IPsec of the phones put together (floor 5): who does it, the protected ports of each sip_addr, the registry of SAs.

`take_ports` is called by app.py before anything is served, `secure` by functions.py when there are subscribers.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, TypeVar

from lteims.config import ImsConfig
from lteims.errors import LteimsError, OperatorError
from lteims.ims.sa_sets import SaSets
from lteims.ims.security import Security
from lteims.ims.subscribers import Subscribers
from lteims.ipsec.algorithms import pairs
from lteims.ipsec.errors import NoIpsec
from lteims.ipsec.sa import Aalg, Ealg
from lteims.net.ipsec import Ipsec
from lteims.net.ipsec_choice import open_ipsec
from lteims.net.sip import SipStack
from lteims.net.sip_flow import SERVER, Endpoint
from lteims.net.xfrm import KernelIpsec
from lteims.sip.grammar import host_port
from lteims.trace import IMS, INFO, WARN, log

_A = TypeVar("_A", Aalg, Ealg)
PORTS: Final = 5  # a server port and four client ports: a phone has three sets at most, and one more may just go
TRIES: Final = 100  # groups of ports that are tried, one behind the other


def take_ports(loop: asyncio.AbstractEventLoop, stack: SipStack, config: ImsConfig) -> Ipsec | None:
    """The driver, with the protected ports of every sip_addr bound; None, and why in the log, where there is none."""
    if not config.ipsec:
        return None
    try:
        ipsec = open_ipsec(loop)
    except NoIpsec as error:
        log(IMS, WARN, f"IPsec is not served, phones go on in clear: {error}")
        return None
    bases = list(stack.endpoints)
    if not pairs(_wanted(config.ipsec_aalg_list, ipsec.aalgs), _wanted(config.ipsec_ealg_list, ipsec.ealgs)):
        lists = "ipsec_aalg_list and ipsec_ealg_list leave no pair that can go together"
        log(IMS, WARN, f"IPsec is not served, phones go on in clear: {lists}")
        ipsec.close()
        return None
    left = ipsec.clean({base.own_host for base in bases})
    if left:
        log(IMS, INFO, f"{left} SAs of an earlier process removed")
    try:
        for base, address in zip(bases, config.sip_addr, strict=True):
            _bind(stack, base, address.ipsec_port, ipsec)
    except (LteimsError, OSError) as error:
        log(IMS, WARN, f"IPsec is not served, phones go on in clear: {error}")
        ipsec.close()
        return None
    if isinstance(ipsec, KernelIpsec):
        ipsec.watch()
    return ipsec


def _wanted(names: Sequence[str] | None, able: Sequence[_A]) -> list[_A]:
    return [each for each in able if names is None or each in names]


def _bind(stack: SipStack, base: Endpoint, first: int, ipsec: Ipsec) -> None:
    """The ports at ipsec_port, or the next that are free."""
    taken = {e.bind_port for e in stack.endpoints if e.own_host == base.own_host}
    refusal: Exception = OperatorError(f"ipsec_port {first} leaves no room for {PORTS} ports that nobody has")
    for port in range(first, min(first + PORTS * TRIES, 65537 - PORTS), PORTS):
        if not taken.isdisjoint(range(port, port + PORTS)):
            continue
        try:
            stack.bind_protected(base, range(port, port + PORTS), ipsec, tcp=ipsec.tcp)
        except NoIpsec:
            raise
        except (LteimsError, OSError) as error:
            refusal = error
        else:
            where = host_port(base.own_host, port)
            log(IMS, INFO, f"IPsec: protected server port {where}, client ports {port + 1} to {port + PORTS - 1}")
            return
    raise refusal


def secure(
    config: ImsConfig, loop: asyncio.AbstractEventLoop, stack: SipStack, ipsec: Ipsec, subscribers: Subscribers
) -> Security:
    """The registry of SAs over ports that were taken; the stack asks it from now on."""
    sets = SaSets(ipsec, stack.endpoints, stack.wheel, loop.time, stack.tokens.octets, config.timer_t1)
    security = Security(config, stack, sets, ipsec, subscribers, tcp=ipsec.tcp)
    stack.protection = security
    return security


def shown(stack: SipStack, ipsec: Ipsec) -> str:
    """For the line that says what is ready."""
    ports = ", ".join(host_port(e.bind_host, e.bind_port) for e in stack.endpoints if e.side == SERVER)
    return f"ipsec {ports} ({ipsec.name})"
