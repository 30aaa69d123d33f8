"""Events of the process itself (start, stop, self-test, warnings to the operator) on standard error, by structlog.

The protocol trace does not come here (oam/log.py). A terminal gets coloured text, anything else one key=value line
an event. app.py calls `configure` once; everyone in oam/ and above takes its logger from `events`, bound once.
"""

import contextlib
import sys
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from lteims.oam.log_format import one_line

INFO = 20  # structlog's number of the level


class _StandardError:
    """Writes to what sys.stderr is at the moment, for the monitor puts a proxy there while it prompts."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):  # a closed or full terminal is no reason to stop serving
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def configure(stream: TextIO | None = None, *, level: int = INFO) -> None:
    """Set structlog up for this process; `stream` replaces standard error (tests)."""
    on_terminal = (stream or sys.stderr).isatty()
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
        structlog.processors.format_exc_info,
        _escape_values,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(pad_event_to=0)
        if on_terminal
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream or cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )


def events(**values: Any) -> FilteringBoundLogger:
    """A logger for events, bound already (an unbound one costs seven times as much); `values` go on each line."""
    return cast(FilteringBoundLogger, structlog.get_logger().bind(**values))


def _escape_values(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """A value may come from a peer or a file name: it must not steer the terminal nor begin a line."""
    for key, value in event_dict.items():
        if isinstance(value, str) and not value.isprintable() and key != "exception":
            event_dict[key] = one_line(value)
    return event_dict
