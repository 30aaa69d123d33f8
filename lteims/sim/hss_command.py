"""`lteims hss FILE`: the simulated HSS with the users of a configuration file, for labs; docs/simulators.md.

Called by __main__.py with the arguments behind `hss`.
"""

import argparse
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lteims.config import load
from lteims.diameter.attributes import TGPP
from lteims.diameter.command import Result
from lteims.diameter.cx_attributes import ReasonCode
from lteims.errors import OperatorError
from lteims.sim.diameter_command import Word, Words, arguments, endpoint, say, serve
from lteims.sim.diameter_command import run as run_server
from lteims.sim.diameter_link import DiameterLink
from lteims.sim.hss import Hss

COMMANDS = ("UAR", "MAR", "SAR", "LIR")


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; the exit code."""
    options = _parser().parse_args(arguments)
    return run_server("lteims hss", lambda: _serve(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lteims hss",
        description="A simulated HSS for the Cx interface. Words on standard input change it; `help` lists them.",
        epilog="It is described in docs/simulators.md.",
    )
    parser.add_argument("file", metavar="FILE", help="a configuration with ue_db and domain, as the server's own")
    arguments(parser, "127.0.0.1:3868")
    parser.add_argument("--delay", metavar="SECONDS", type=float, default=0.0, help="before each answer")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    config = load(options.file, _text).config
    hss = Hss.of(config.ue_db, config.domain)
    hss.delay = options.delay
    if not options.quiet:
        hss.on_line = say
    link = DiameterLink.hss(hss, endpoint(options.listen), host=options.host, realm=options.realm)
    await serve("lteims hss", link, words(hss))


def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")


def words(hss: Hss) -> Words:
    """What can be said to it."""

    async def users(words: Sequence[str]) -> str:
        rows = (
            f"{user.impi} {'registered' if user.registered else '-'} {user.server or '-'} "
            + " ".join(("barred:" if each.barred else "") + each.identity for each in user.identities)
            for user in hss.users.values()
        )
        return "\n".join(rows)

    async def rtr(words: Sequence[str]) -> str:
        reason = words[1] if len(words) > 1 else "PERMANENT_TERMINATION"
        return str(await hss.terminate(_impi(hss, words[0]), ReasonCode[reason.upper()], tuple(words[2:])))

    async def ppr(words: Sequence[str]) -> str:
        impi = _impi(hss, words[0])
        return str(await hss.push(impi, words[1:] or hss.users[impi].identities))

    async def bar(words: Sequence[str]) -> str:
        hss.bar(_impi(hss, words[0]), *words[1:])
        return ""

    async def delay(words: Sequence[str]) -> str:
        hss.delay = max(0.0, float(words[0]))
        return ""

    async def lose(words: Sequence[str]) -> str:
        hss.lost |= {_command(word) for word in words}
        return f"without an answer: {', '.join(sorted(hss.lost))}"

    async def refuse(words: Sequence[str]) -> str:
        code = int(words[1])
        vendor = 0 if 3000 <= code < 5000 or code > 5011 or words[2:] == ["base"] else TGPP
        hss.refused[_command(words[0])] = Result(code, vendor)
        return ""

    async def well(words: Sequence[str]) -> str:
        hss.lost.clear()
        hss.refused.clear()
        hss.delay = 0.0
        return ""

    return {
        "users": Word("", "who there is, and who is registered where", users),
        "rtr": Word("IMPI [REASON [IMPU...]]", "end a registration: " + ", ".join(r.name for r in ReasonCode), rtr),
        "ppr": Word("IMPI [IMPU...]", "send the profile, with these identities", ppr),
        "bar": Word("IMPI [IMPU...]", "bar these identities and no others; ppr tells", bar),
        "delay": Word("SECONDS", "before each answer", delay),
        "lose": Word("UAR|MAR|SAR|LIR...", "give no answer to these", lose),
        "refuse": Word(
            "UAR|MAR|SAR|LIR CODE [base]", "answer with this result, of 3GPP or of the base protocol", refuse
        ),
        "well": Word("", "answer as it should be", well),
    }


def _impi(hss: Hss, word: str) -> str:
    """An IMPI, with or without its domain."""
    with suppress(StopIteration):
        return next(impi for impi in hss.users if word in (impi, impi.partition("@")[0]))
    raise OperatorError(f"there is no user {word}")


def _command(word: str) -> str:
    if word.upper() not in COMMANDS:
        raise OperatorError(f"{word} is none of {', '.join(COMMANDS)}")
    return word.upper()
