"""The operator's command for the log (manual 7, 5.2 log_options): log. Part of the table in commands.py."""

from collections.abc import Iterable, Sequence

from lteims.config.log_options import ALL, LayerOption, TimeFormat, parse_log_options
from lteims.oam.command import Command, CommandError
from lteims.oam.listing import log_text
from lteims.oam.log import LogFile
from lteims.trace import LAYERS, LEVEL_NAMES

_LOG_HELP = f"""\
LOG_OPTIONS is a list of assignments with commas between, as in the configuration; later ones win:
LAYER.level={"|".join(LEVEL_NAMES)}
LAYER.max_size=N            bytes shown of a hex dump
LAYER.payload=0|1           hex dump of Diameter and SGsAP messages
LAYER.key=0|1               show security keys: of layer sip, those of IPsec
LAYER.crypto=0|1            taken, without effect: no layer here ciphers data
time={"|".join(TimeFormat)}         seconds since 1970, time of day, date and time
time.us=0|1                 with microseconds
file=cut                    begin the file anew
file.rotate=now             set the file aside, its name with a time stamp, and begin a new one
file.rotate=SIZE[K|M|G]     do so whenever the file has this size; 0 is never
file.path=DIRECTORY         where files that were set aside go
append=0|1                  keep what is in the file when it is opened
LAYER is one of {", ".join((ALL, *LAYERS))}."""


class LogCommand:
    """Makes the command."""

    def __init__(self, log_file: LogFile) -> None:
        self._log_file = log_file

    def command(self) -> Command:
        """The only one."""
        summary = "Show the state of the log, or change its options."
        return Command("log", "[LOG_OPTIONS]", summary, _LOG_HELP, self._log, log_option_words)

    def _log(self, arguments: str) -> str:
        try:
            settings = parse_log_options(arguments)
        except ValueError as error:
            raise CommandError(str(error)) from None
        self._log_file.apply(settings)
        return "" if settings else log_text(self._log_file.state())


def log_option_words(word: str) -> Iterable[str]:
    """What the assignment at the end of a log_options text may become, with the text before it."""
    done, comma, last = word.rpartition(",")
    name, equals, _ = last.partition("=")
    if equals:
        candidates = [f"{name}={value}" for value in _values_of(name)]
    elif "." in last:
        layer = last.partition(".")[0]
        candidates = [f"{layer}.{option}=" for option in LayerOption if layer in (ALL, *LAYERS)]
        candidates += ["time.us=", "file.rotate=", "file.path="]
    else:
        candidates = [f"{layer}." for layer in (ALL, *LAYERS)]
        candidates += ["time=", "time.us=", "file=cut", "file.rotate=", "file.path=", "append="]
    return [f"{done}{comma}{candidate}" for candidate in candidates if candidate.startswith(last)]


def _values_of(name: str) -> Sequence[str]:
    match name.rpartition("."):
        case (_, _, "level"):
            return LEVEL_NAMES
        case ("", "", "time"):
            return tuple(TimeFormat)
        case ("", "", "file"):
            return ("cut",)
        case ("file", _, "rotate"):
            return ("now",)
        case (_, _, "payload" | "key" | "crypto" | "us" | "append"):
            return ("0", "1")
        case _:
            return ()
