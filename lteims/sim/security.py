"""The phone's side of the security agreement (RFC 3329, TS 33.203 7, TS 24.229 5.1.1.5): offers, SAs, protected ports.

registration.py asks for Security-Client and tells what became of the REGISTER; phone.py puts `verify` on its requests.
The SAs are carried out by one of the drivers of net/, which is handed in.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lteims.errors import LteimsError
from lteims.ipsec.errors import IpsecError
from lteims.ipsec.sa import Sa
from lteims.ipsec.sec_agree import MIN_SPI, ClientProfile, Offer, client_lines, four, pick
from lteims.net.esp import UserSpaceIpsec
from lteims.net.ipsec import Ipsec
from lteims.net.udp import free_port
from lteims.sim.path import Ends, Path
from lteims.sip.message import Response

if TYPE_CHECKING:
    from lteims.sim.phone import Phone

_PARTING = 0.3  # seconds for the end of TCP connections
_TRIES = 50  # ports that are looked for beside one another


class _Set:
    """Four SAs and the path through them."""

    def __init__(self, sas: Sequence[Sa], path: Path, server: Offer, verify: list[str]) -> None:
        self.sas = sas
        self.path = path
        self.server = server
        self.verify = verify


class Security:
    """All SA sets of one phone: at most one that is being tried, one in use, one that is old."""

    def __init__(self, phone: "Phone", profile: ClientProfile, driver: Ipsec) -> None:
        self.spoil: Callable[[list[str]], list[str]] = lambda lines: lines  # a test may send another Security-Verify
        self._phone = phone
        self._profile = profile
        self._driver = driver
        self._port_us = 0
        self._pending: tuple[int, int, int, int] | None = None
        self._trial: _Set | None = None
        self._used: _Set | None = None
        self._timers: list[Any] = []
        self._all: list[_Set] = []

    @property
    def agreed(self) -> Offer | None:
        """What the P-CSCF chose for the set in use."""
        return self._used.server if self._used is not None else None

    @property
    def sas(self) -> tuple[Sa, ...]:
        """The SAs in use."""
        return tuple(self._used.sas) if self._used is not None else ()

    def verify_for(self, method: str) -> list[str]:
        """The lines of Security-Verify of a request, none while there is no agreement."""
        chosen = self._trial if method == "REGISTER" and self._trial is not None else self._used
        return self.spoil(list(chosen.verify)) if chosen is not None else []

    def offer(self) -> list[str]:
        """The Security-Client lines of the next REGISTER: the same until an agreement has used them up."""
        if self._pending is None:
            host = self._phone.host
            self._port_us = self._port_us or free_port(host)
            port_uc = next(port for _ in range(_TRIES) if (port := free_port(host)) != self._port_us)
            spi_c, spi_s = self._spi(), self._spi()
            self._pending = (spi_c, spi_s, port_uc, self._port_us)
        return client_lines(self._profile, *self._pending)

    def _spi(self) -> int:
        return max(MIN_SPI, int.from_bytes(self._phone.tokens.octets(4), "big"))

    async def establish(self, response: Response) -> None:
        """Install what a 401 chose, and send the next REGISTER by it; PhoneError where it cannot be used."""
        lines = response.headers.get("security-server", [])
        if not lines or self._pending is None:
            self._phone.note("no Security-Server in the 401: in clear text")
            return
        self._drop(self._trial)
        phone, (spi_c, spi_s, port_uc, port_us) = self._phone, self._pending
        try:
            server = pick(lines, self._profile.pairs)
            mine = Offer(server.aalg, server.ealg, spi_c, spi_s, port_uc, port_us)
            clear = phone.clear.theirs
            sas = four(mine, server, phone.host, clear.host, phone.auth.ck, phone.auth.ik, at_phone=True)
            self._driver.install(sas)
            path = await self._open(Ends(phone.host, port_uc, port_us), Ends(clear.host, server.port_c, server.port_s))
        except (IpsecError, LteimsError, OSError) as error:
            raise phone.failed(f"no security agreement: {error}") from None
        self._trial = _Set(sas, path, server, list(lines))
        self._all.append(self._trial)
        phone.agent.trial = path
        phone.note(
            f"security: {server.aalg} {server.ealg}, ports {port_uc} {port_us} to {server.port_s} {server.port_c}"
        )

    async def _open(self, ours: Ends, theirs: Ends) -> Path:
        phone = self._phone
        before = self._used.path if self._used is not None else None
        path = Path(
            phone.loop, ours, theirs, phone.agent.on_message, protected=True, open_port=self._driver.port, before=before
        )
        path.on_lost = phone.agent.lost
        path.udp_only = isinstance(self._driver, UserSpaceIpsec)
        if before is None and not path.udp_only:
            await path.listen()
        return path

    # -- what became of the REGISTER
    def registered(self) -> None:
        """200: the set that was tried is the one in use; the one before stays a while (TS 33.203 7.4.1a)."""
        if self._trial is None:
            return
        old, self._used, self._trial, self._pending = self._used, self._trial, None, None
        self._phone.agent.path, self._phone.agent.trial = self._used.path, None
        if old is not None:
            self._later(64 * self._phone.profile.timings.t1, old)

    def refused(self) -> None:
        """A failure: back to what was before."""
        self._drop(self._trial)
        self._trial, self._pending = None, None
        self._phone.agent.path = self._used.path if self._used is not None else self._phone.clear
        self._phone.agent.trial = None

    def left(self) -> None:
        """De-registered: everything goes, after a grace for what is on its way."""
        self._phone.agent.path, self._phone.agent.trial = self._phone.clear, None
        for each in tuple(self._all):
            self._later(self._phone.profile.timings.t1, each)
        self._used = self._trial = self._pending = None
        self._port_us = 0

    def _drop(self, gone: _Set | None) -> None:
        if gone is not None and gone in self._all:
            self._all.remove(gone)
            gone.path.close()
            self._driver.remove(gone.sas)

    def _later(self, delay: float, gone: _Set) -> None:
        """Give a set up: its connections first, so that no end of them is sent in clear text."""
        loop = self._phone.loop
        self._timers.append(loop.call_later(delay, gone.path.hang_up))
        self._timers.append(loop.call_later(delay + _PARTING, self._drop, gone))

    async def close(self) -> None:
        """Nothing is left."""
        for timer in self._timers:
            timer.cancel()
        if sum(each.path.hang_up() for each in self._all):
            await asyncio.sleep(_PARTING)
        for each in tuple(self._all):
            self._drop(each)
