"""Who does IPsec on this machine: the kernel where it can, else this process; said in the log (net/ipsec.py).

Called once by app.py and by the virtual phone.
"""

import asyncio
from enum import StrEnum

from lteims.ipsec.errors import NoIpsec
from lteims.net.esp import UserSpaceIpsec
from lteims.net.ipsec import Ipsec
from lteims.net.xfrm import KernelIpsec
from lteims.trace import IMS, INFO, log


class Where(StrEnum):
    """Who is to do it."""

    AUTO = "auto"  # the kernel, if it offers ESP to this process
    KERNEL = "kernel"
    USER = "user"


def open_ipsec(loop: asyncio.AbstractEventLoop, where: Where = Where.AUTO) -> Ipsec:
    """A driver, to be closed by its owner. NoIpsec, with every cause, where nobody can."""
    if where is Where.USER:
        return _user_space(loop, "")
    try:
        kernel = KernelIpsec(loop)
    except NoIpsec as exc:
        if where is Where.KERNEL:
            raise
        return _user_space(loop, str(exc))
    log(IMS, INFO, f"IPsec: by the kernel, {_offer(kernel)}{'' if kernel.offers.ipv6 else '; IPv4 alone'}")
    return kernel


def _user_space(loop: asyncio.AbstractEventLoop, why: str) -> Ipsec:
    try:
        driver = UserSpaceIpsec(loop)
    except NoIpsec as exc:
        raise NoIpsec(f"{why}; and {exc}" if why else str(exc)) from exc
    reason = f", as the kernel cannot: {why}" if why else ""
    log(IMS, INFO, f"IPsec: by this process, UDP alone, {_offer(driver)}{reason}")
    return driver


def _offer(driver: Ipsec) -> str:
    return f"{' '.join(driver.aalgs)} with {' '.join(driver.ealgs)}"
