"""The console on the server's own terminal (manual 7).

app.py runs one beside everything else on the event loop when `terminal_available`, and cancels it to stop. Commands
and their answers are in oam/commands.py, the terminal is oam/console.py's.
"""

from lteims.oam.command import Answer, End, finished
from lteims.oam.commands import Commands
from lteims.oam.console import HISTORY, Console, terminal_available

__all__ = ["Monitor", "terminal_available"]
_NOT_LEFT = "this is the server's own terminal: quit stops the server, and there is no leaving it alone"


class Monitor:
    """Reads lines from the terminal and shows the answers until `quit`, Ctrl-D or cancellation."""

    def __init__(self, commands: Commands, *, history: str = HISTORY) -> None:
        """`history` names the file that keeps the lines; where it cannot be written they are kept in memory."""
        self._console = Console(_LocalShell(commands), on_end_of_file="quit", history=history)

    async def run(self) -> None:
        """Serve the terminal. Returns when somebody said quit, or the terminal is gone: then the server goes on alone.

        However it ends, also by cancellation, the terminal is as it was.
        """
        await self._console.run()


class _LocalShell:
    """The commands, where nothing lies between."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def execute(self, line: str) -> Answer:
        answer = await finished(self._commands.execute(line))
        return Answer(_NOT_LEFT, failed=True) if answer.end is End.EXIT else answer

    def complete(self, line: str) -> tuple[str, list[str]]:
        return self._commands.complete(line)
