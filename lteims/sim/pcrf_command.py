"""`lteims pcrf`: the simulated PCRF, which grants bearers, or does not, for labs; docs/simulators.md.

Called by __main__.py with the arguments behind `pcrf`.
"""

import argparse
from collections.abc import Sequence

from lteims.diameter.attributes import TGPP
from lteims.diameter.command import Result
from lteims.diameter.rx import RxResult
from lteims.errors import OperatorError
from lteims.sim.diameter_command import Word, Words, arguments, endpoint, say, serve
from lteims.sim.diameter_command import run as run_server
from lteims.sim.diameter_link import DiameterLink
from lteims.sim.pcrf import Pcrf, Session


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; the exit code."""
    options = _parser().parse_args(arguments)
    return run_server("lteims pcrf", lambda: _serve(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lteims pcrf",
        description="A simulated PCRF for the Rx interface. Words on standard input change it; `help` lists them.",
        epilog="It is described in docs/simulators.md.",
    )
    arguments(parser, "127.0.0.1:3868")
    parser.add_argument("--after", metavar="SECONDS", type=float, default=0.02, help="until a granted bearer stands")
    parser.add_argument("--refuse", action="store_true", help="grant nothing")
    parser.add_argument("--silent", action="store_true", help="answer nothing")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    pcrf = Pcrf(after=max(0.0, options.after), silent=options.silent)
    if options.refuse:
        pcrf.refusal = RxResult.REQUESTED_SERVICE_NOT_AUTHORIZED.result
    if not options.quiet:
        pcrf.on_line = say
    link = DiameterLink.pcrf(pcrf, endpoint(options.listen), host=options.host, realm=options.realm)
    try:
        await serve("lteims pcrf", link, words(pcrf))
    finally:
        pcrf.close()


def words(pcrf: Pcrf) -> Words:
    """What can be said to it."""

    async def sessions(words: Sequence[str]) -> str:
        return "\n".join(map(_row, pcrf.sessions.values())) or "no sessions"

    async def grant(words: Sequence[str]) -> str:
        pcrf.refusal, pcrf.failing, pcrf.silent = None, False, False
        if words:
            pcrf.after = None if words[0] == "never" else max(0.0, float(words[0]))
        return ""

    async def refuse(words: Sequence[str]) -> str:
        code = int(words[0]) if words else RxResult.REQUESTED_SERVICE_NOT_AUTHORIZED
        pcrf.refusal, pcrf.refused_media = Result(int(code), TGPP), frozenset(int(word) for word in words[1:])
        return ""

    async def fail(words: Sequence[str]) -> str:
        pcrf.failing, pcrf.failing_media = True, frozenset(int(word) for word in words)
        return ""

    async def silent(words: Sequence[str]) -> str:
        pcrf.silent = True
        return ""

    async def lose(words: Sequence[str]) -> str:
        medias = [int(word) for word in words[1:]]
        return ", ".join([str(await pcrf.lose(each, medias)) for each in _of(pcrf, words[0])])

    async def abort(words: Sequence[str]) -> str:
        return ", ".join([str(await pcrf.abort(each)) for each in _of(pcrf, words[0])])

    async def forget(words: Sequence[str]) -> str:
        pcrf.restart()
        return ""

    return {
        "sessions": Word("", "what is granted, and whether its bearers stand", sessions),
        "grant": Word("[SECONDS|never]", "grant; bearers stand after so long, or nothing is told of them", grant),
        "refuse": Word("[CODE [MEDIA...]]", "refuse from now on, these media", refuse),
        "fail": Word("[MEDIA...]", "grant from now on, and tell that the bearers fail, of these media", fail),
        "silent": Word("", "answer nothing from now on", silent),
        "lose": Word("IMSI|SESSION [MEDIA...]", "take bearers away (RAR), of these media", lose),
        "abort": Word("IMSI|SESSION", "take all bearers away (ASR)", abort),
        "forget": Word("", "forget all sessions, as a restart does", forget),
    }


def _row(session: Session) -> str:
    kinds = ", ".join(each.type.name.lower() if each.type is not None else "media" for each in session.media)
    state = "stands" if session.up else "pending"
    return f"{session.id} {session.request.imsi or '-'} {session.request.address} {kinds} {state}"


def _of(pcrf: Pcrf, word: str) -> list[Session]:
    """The sessions of an IMSI, or the one with this Session-Id."""
    found = pcrf.of(word) or [session for session in pcrf.sessions.values() if session.id == word]
    if not found:
        raise OperatorError(f"there is no session of {word}")
    return found
