"""Views as text for a console: the user database with its bindings, the state of the log.

Manual 7 (`users`, `log`); called by oam/commands.py, which also makes what peers sent fit for a terminal.
"""

from collections.abc import Iterable, Sequence

from lteims.config.log_options import LogOptions, format_log_options
from lteims.ims.control import BindingView, UserView
from lteims.oam.log import LogState
from lteims.oam.log_format import one_line
from lteims.trace import LEVEL_NAMES

_LABEL = 12  # columns


def users_text(users: Sequence[UserView]) -> str:
    """One block for each binding, then one line for each user that has none, then the sums."""
    parts = [_block(user, binding) for user in users for binding in user.bindings]
    idle = [user for user in users if not user.bindings]
    if idle:
        parts.append("Not registered:\n" + "\n".join(columns([_idle_row(user) for user in idle], indent=2)))
    bindings = sum(len(user.bindings) for user in users)
    registered = len(users) - len(idle)
    parts.append(f"{_count(len(users), 'user')}, {registered} registered, {_count(bindings, 'binding')}")
    return "\n\n".join(parts)


def _block(user: UserView, binding: BindingView) -> str:
    features = [name for name in ("sms", "video", "volte") if getattr(binding, name)]
    fields: list[tuple[str, Sequence[str]]] = [
        ("IMPI", (user.impi,)),
        ("IMSI", (user.imsi,)),
        ("Binding", (binding.id,)),
        ("Contact", (binding.uri,)),
        ("IMPU", binding.impu),
        ("Source", (binding.source,)),
        ("Features", (", ".join(features) or "none",)),
        ("Priority", (f"q={binding.q:g}",)),
        ("IMEI", (binding.imei,)),
        ("User agent", (binding.user_agent,)),
        ("Expires", (f"{binding.expires} s",)),
        ("SMS", (f"{user.sms} pending",) if user.sms else ()),
        ("Dialog", tuple(f"{dialog.session_id}  {dialog.state}  {dialog.remote}" for dialog in binding.dialogs)),
    ]
    return "\n".join(line for label, values in fields for line in _field(label, values))


def _field(label: str, values: Sequence[str]) -> list[str]:
    shown = [one_line(value) for value in values if value]  # a phone's User-Agent must not look like a line of ours
    return [f"{label if not n else '':<{_LABEL}}{value}" for n, value in enumerate(shown)]


def _idle_row(user: UserView) -> tuple[str, ...]:
    sms = f"{user.sms} SMS pending" if user.sms else ""
    cells = (user.impi, user.imsi or "-", user.authent_type, ", ".join(user.impu), sms)
    return tuple(map(one_line, cells))


def log_text(state: LogState) -> str:
    """Where the log goes, each layer's options in a table, and all of them as one text to type again."""
    options = state.options
    layers = [("Layer", "level", "max_size", "payload", "key", "crypto")]
    layers += [
        (s.name, LEVEL_NAMES[s.level], str(s.max_size), f"{s.payload:d}", f"{s.key:d}", f"{s.crypto:d}")
        for s in options.layers
    ]
    lines = [*_file_lines(state), "", *columns(layers), "", f"log {format_log_options(options)}"]
    return "\n".join(lines)


def _file_lines(state: LogState) -> Iterable[str]:
    options: LogOptions = state.options
    kept = f"{_count(state.count, 'entry', 'entries')} in memory"
    if not state.filename:
        return (f"File:     none, {kept}",)
    rotation = f"at {options.rotate_size} bytes" if options.rotate_size else "off"
    lost = f", {_count(state.lost, 'entry', 'entries')} lost" if state.lost else ""
    return (
        f"File:     {state.filename}, {state.size} bytes, {kept}{lost}{', log_sync' if state.sync else ''}",
        f"Rotation: {rotation}" + (f", to {options.rotate_path}" if options.rotate_path else ""),
    )


def columns(rows: Sequence[Sequence[str]], *, indent: int = 0) -> list[str]:
    """Rows as lines with aligned columns, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [f"{' ' * indent}{line}".rstrip() for line in lines]


def _count(number: int, word: str, plural: str = "") -> str:
    return f"{number} {word if number == 1 else plural or word + 's'}"
