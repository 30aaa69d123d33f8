"""From a file name to the typed configuration (floor 0): what `lteims CONFIG`, --check and the remote API call.

Files come through a callable, so that nothing here touches a disk; a decoder for it should replace what is no UTF-8,
since comments may be in any encoding.
"""

import posixpath
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from lteims.config.definitions import Definitions
from lteims.config.diagnostic import ConfigError, Diagnostic, Report
from lteims.config.model import ImpuConfig, ImsConfig, UserConfig
from lteims.config.parser import Parser
from lteims.config.preprocessor import Preprocessor, Read
from lteims.config.properties import IMS, ims_config
from lteims.config.schema import Property, Refusal, Spot, opened, read_members
from lteims.config.users import IMPU, impu, users, with_content
from lteims.config.values import Node

T = TypeVar("T")
Octets = Callable[[str], bytes]  # a file's octets; at most MAX_CONTENT of them and one more are looked at
MAX_SYNTAX_ERRORS = 100


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be used."""

    config: ImsConfig
    warnings: tuple[Diagnostic, ...]  # and information; each one's str() is its line
    tree: dict[str, object]  # all files merged, as plain values
    files: tuple[str, ...]  # as they were read, the main one first


def load(path: str, read: Read, defines: Mapping[str, object] | None = None, octets_of: Octets | None = None) -> Loaded:
    """Read, merge and check a configuration (manual 5).

    `read` returns a file's text or raises OSError; `defines` are preprocessor variables, which #default does not
    change; `octets_of` reads the `content` of IMPUs, which is left alone without it. Raises ConfigError with
    everything that is wrong: all faults of the language, or else of the schema.
    """
    report = Report(MAX_SYNTAX_ERRORS, posixpath.dirname(path), octets_of)
    tree = read_tree(path, read, report, defines)
    report.limit = None
    config = ims_config(tree, Spot(report, tree))
    if report.errors:
        raise ConfigError(report.errors, report.warnings)
    return Loaded(config, tuple(report.warnings), tree, tuple(source.name for source in report.files))


def read_tree(path: str, read: Read, report: Report, defines: Mapping[str, object] | None = None) -> Node:
    """The language alone: the merged tree of a file and of what it includes. Raises ConfigError."""
    try:
        definitions = Definitions(defines)
    except ValueError as fault:
        raise ConfigError([Diagnostic("", 0, 0, f"in the defines from outside: {fault}")]) from None
    tree = Node()
    Parser(Preprocessor(definitions, report, read).run(path), report).file(tree)
    if report.errors:
        names = [source.name for source in report.files]
        errors = sorted(report.errors, key=lambda found: (names.index(found.file), found.line, found.column))
        raise ConfigError(errors, report.warnings)
    return tree


def check_users(
    values: object, home: str = "", warnings: list[Diagnostic] | None = None, octets_of: Octets | None = None
) -> tuple[UserConfig, ...]:
    """Users as plain JSON values (users_add). File names are relative to `home`. Raises ConfigError.

    What is odd but no error is appended to `warnings`.
    """
    return _checked(users, values, "users", home, warnings, octets_of)


def check_impu(
    value: object, home: str = "", warnings: list[Diagnostic] | None = None, octets_of: Octets | None = None
) -> ImpuConfig:
    """One IMPU as a plain JSON value, a string or an object (impu_add). Raises ConfigError."""
    return _checked(impu, value, "impu", home, warnings, octets_of)


def check_impu_changes(values: object, home: str = "", warnings: list[Diagnostic] | None = None) -> dict[str, Any]:
    """The typed fields of those IMPU options that are there (impu_set), for dataclasses.replace. Raises ConfigError."""
    return _checked(partial(_fields, IMPU), values, "", home, warnings)


def changed_impu(
    old: ImpuConfig,
    changes: Mapping[str, Any],
    warnings: list[Diagnostic] | None = None,
    octets_of: Octets | None = None,
) -> ImpuConfig:
    """An IMPU's options with fields of check_impu_changes in place of the old ones. Raises ConfigError."""

    def read(value: object, spot: Spot) -> ImpuConfig:
        return with_content(replace(old, **changes), Spot(spot.report, None, "", spot))

    return _checked(read, None, "", "", warnings, octets_of)


def check_properties(
    values: object, allowed: Collection[str], home: str = "", warnings: list[Diagnostic] | None = None
) -> dict[str, Any]:
    """The typed fields of some properties of 5.2 (config_set), each under its field's name. Raises ConfigError."""
    table = {name: IMS[name] for name in allowed}
    return _checked(partial(_fields, table), values, "", home, warnings)


def _fields(table: Mapping[str, Property], value: object, spot: Spot) -> dict[str, Any]:
    members, here = opened(value, spot)
    return read_members(table, members, here)


def _checked(
    read: Callable[[object, Spot], T],
    value: object,
    name: str,
    home: str,
    warnings: list[Diagnostic] | None,
    octets_of: Octets | None = None,
) -> T:
    """Read a value that came as plain JSON under the name that messages give it."""
    report = Report(home=home, octets_of=octets_of)
    spot = Spot(report, None, name)
    try:
        result = read(value, spot)
    except Refusal as refusal:
        spot.error(str(refusal))
    if report.errors:
        raise ConfigError(report.errors, report.warnings)
    if warnings is not None:
        warnings += report.warnings
    return result
