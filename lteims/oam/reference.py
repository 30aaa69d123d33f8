"""Writes docs/reference: properties, messages, events and commands as the schemas have them (manual 5.2, 6, 7).

`python -m lteims.oam.reference [FOLDER]`; a test compares the committed files. Types, bounds and defaults come from the
tables that read the configuration, from api_schema.py and from the commands themselves.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

from lteims import __version__
from lteims.config import descriptions, model, properties, users
from lteims.config.descriptions import About
from lteims.config.diagnostic import Report
from lteims.config.endpoint import Endpoint
from lteims.config.schema import Property, Reader, Refusal, Spot, domain, path
from lteims.oam.api_protocol import LONGEST_FRAME, MOST_MEMBERS
from lteims.oam.command import Command
from lteims.oam.commands import Commands
from lteims.oam.ipsec_commands import IpsecCommands
from lteims.oam.reference_api import EVENTS, Message, messages
from lteims.oam.server_commands import ServerCommands

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"
SOURCES: Final = "../../lteims/"
_NOTICE: Final = "<!-- Made by `python -m lteims.oam.reference`; what it says is in lteims/. -->\n\n"
_NOTHING: Final = complex(0, 1)  # a value that no property takes
_MADE: Final = ("bind_addr",)  # without a default in its class, since it is made of another property
_OBJECTS: Final[dict[str, tuple[Mapping[str, Property], type]]] = {
    "sip_addr": (properties.SIP_ADDR, model.SipAddr),
    "com_auth": (properties.COM_AUTH, model.ComAuth),
    "custom_headers": (properties.CUSTOM_HEADER, model.CustomHeader),
    "sms_message_filter": (properties.SMS_MESSAGE_FILTER, model.SmsMessageFilter),
}


# -- configuration
def kind(read: Reader) -> str:
    """What a reader takes, in the words with which it refuses everything else."""
    if read is path:
        return "a file name"
    if read is domain:
        return "a domain name"
    found = _read(read, "127.0.0.1")
    text = _refused(read, _NOTHING)
    default_port = getattr(found[0] if isinstance(found, tuple) else found, "port", None)
    if default_port is not None:
        text = f"an address, with a port ({default_port} where there is none)" if default_port else "an address"
    if text.startswith("an array"):
        return f"an array, each {_refused(read, [_NOTHING])}"
    if _read(read, []) == ():
        return f"{text}, or an array of them"
    return text


def _read(read: Reader, value: object) -> object:
    try:
        return read(value, Spot(Report(), {}, "x"))
    except Refusal:
        return None


def _refused(read: Reader, value: object) -> str:
    report = Report()
    try:
        read(value, Spot(report, {}, "x"))
        text = report.errors[0].message.partition(": ")[2]
    except Refusal as refusal:
        text = str(refusal)
    return text.removeprefix("expected ").partition(", found")[0]


def default(kind: type, field: str) -> str:
    """A property's default as the configuration would have it; "" for none."""
    found = next(f for f in fields(kind) if f.name == field)
    value = found.default
    if value is MISSING or value in (None, "", b"", ()):
        return "mandatory" if value is MISSING and field not in _MADE else ""
    match value:
        case bool():
            return str(value).lower()
        case StrEnum() | str():
            return f'"{value.replace(__version__, "VERSION")}"'
        case bytes():
            return f'"{value.hex()}"'
        case int() | float() | Endpoint():
            return str(value)
        case _:
            return ""


def _properties(
    table: Mapping[str, Property], kind_: type, told: Mapping[str, About], prefix: str = ""
) -> Iterable[Sequence[str]]:
    for name, prop in table.items():
        about = told[prefix + name]
        yield f"`{prefix}{name}`", kind(prop.read), _code(default(kind_, prop.field)), about.text, _link(about.file)
        if not prefix and told is descriptions.PROPERTIES and name in _OBJECTS:
            yield from _properties(*_OBJECTS[name], told, f"{name}.")


_HEAD: Final = ("property", "value", "default", "purpose", "file")


def configuration() -> str:
    """docs/reference/configuration.md."""
    return (
        f"# Configuration\n\n{_NOTICE}Every property is optional, but those marked mandatory; no default means that"
        " there is none, or what the purpose says.\n\n## Properties\n\n"
        + _table(_HEAD, _properties(properties.IMS, model.ImsConfig, descriptions.PROPERTIES))
        + "\nPassed over: " + ", ".join(f"`{name}`" for name in sorted(properties.IGNORED)) + ".\n"
        "\n## Users: the entries of ue_db\n\n"
        + _table(_HEAD, _properties(users.USER, model.UserConfig, descriptions.USER))
        + "\nPassed over, as an MME alone needs them: " + ", ".join(f"`{name}`" for name in sorted(users.MME_ONLY))
        + ".\n\n## Public identities: objects in `impu` of a user and in `echo`\n\n"
        + _table(_HEAD, _properties(users.IMPU, model.ImpuConfig, descriptions.IMPU))
    )  # fmt: skip


# -- remote API
def api() -> str:
    """docs/reference/api.md."""
    parts = [f"# Remote API\n\n{_NOTICE}Every request is a JSON object with `message`; it may have `message_id`, "]
    parts.append(
        "`start_time`, `absolute_time` and `standalone` as well. A frame holds one or an array of them: at most"
    )
    parts.append(f" {MOST_MEMBERS}, and {LONGEST_FRAME >> 20} MiB; a longer one ends the connection. Every answer has")
    parts.append(
        " `message`, `message_id` where the request had one, `time` and `utc`; `error` says what went wrong.\n"
    )
    parts.append("\n## Messages\n")
    parts += [_message(message) for message in messages()]
    parts.append("\n## Events\n\n")
    parts.append(_table(("event", "when", "members", "file"), (
        (f"`{event.name}`", event.text, event.answer, _link(event.file)) for event in EVENTS
    )))  # fmt: skip
    return "".join(parts)


def _message(message: Message) -> str:
    rows = ((f"`{p.name}`", p.kind, _code(p.default), _plain(p.text)) for p in message.params)
    table = _table(("parameter", "value", "default", "purpose"), rows) if message.params else ""
    answer = f"\nAnswer: {message.answer}\n" if message.answer else ""
    return f"\n### {message.name}\n\n{message.text} ({_link(message.file)})\n" + (table and f"\n{table}") + answer


# -- monitor
def commands() -> list[Command]:
    """Every command of the consoles, in the order of their names; they are looked at, not called."""
    nobody = SimpleNamespace(calls=None, sms=SimpleNamespace(), mms=SimpleNamespace(), registrations=SimpleNamespace())
    table = Commands(cast(Any, nobody), cast(Any, None))
    server = ServerCommands(cast(Any, None), cast(Any, None), cast(Any, None))
    for command in (*server.commands(), *IpsecCommands(None).commands()):
        table.add(command)
    return [table.find(name.strip()) for name in table.complete("")[1]]


def file_of(command: Command) -> str:
    """The file of the function that carries a command out."""
    return command.run.__module__.removeprefix("lteims.").replace(".", "/") + ".py"


def monitor() -> str:
    """docs/reference/monitor.md."""
    parts = [f"# Monitor\n\n{_NOTICE}"]
    for command in commands():
        synopsis = f"{command.name} {command.usage}".rstrip()
        parts.append(
            f"## {command.name}\n\n    {synopsis}\n\n{_plain(command.summary)} ({_link(file_of(command))})\n\n"
        )
        if command.help:
            parts.append("```text\n" + command.help.rstrip() + "\n```\n\n")
    return "".join(parts).rstrip("\n") + "\n"


# -- the table of all
def index() -> str:
    """docs/reference/index.md: what there is, and the file that implements each."""
    rows: list[tuple[str, str, str]] = []
    for title, told in (
        ("property", descriptions.PROPERTIES), ("user", descriptions.USER), ("impu", descriptions.IMPU),
    ):  # fmt: skip
        rows += [(title, f"[`{name}`](configuration.md)", _link(about.file)) for name, about in told.items()]
    rows += [("message", f"[`{m.name}`](api.md#{m.name})", _link(m.file)) for m in messages()]
    rows += [("event", f"[`{event.name}`](api.md#events)", _link(event.file)) for event in EVENTS]
    rows += [("command", f"[`{c.name}`](monitor.md#{c.name})", _link(file_of(c))) for c in commands()]
    return (
        f"# Reference\n\n{_NOTICE}Everything that the server can be told, and the file that does it:"
        " [configuration](configuration.md), [remote API](api.md), [monitor](monitor.md).\n\n"
        + _table(("what", "name", "file"), rows)
    )  # fmt: skip


def pages() -> dict[str, str]:
    """The files of docs/reference by name."""
    return {"index.md": index(), "configuration.md": configuration(), "api.md": api(), "monitor.md": monitor()}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _link(file: str) -> str:
    return f"[{file}]({SOURCES}{file})"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _plain(text: str) -> str:
    return text.replace("<", "&lt;")


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)


if __name__ == "__main__":
    main()
