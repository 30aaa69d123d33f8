"""What the machine itself can do: all of tests/kernel (SCTP, ESP), only namespaces, or neither.

Called by the command line of the lab and by tests/kernel/conftest.py to decide where a test runs.
"""

import os
import subprocess
from functools import cache

from lteims.selftest import missing

INSIDE = "LTEIMS_LAB"  # set in the environment within the lab


def inside() -> bool:
    """True within the booted lab."""
    return INSIDE in os.environ


@cache
def lacks() -> tuple[str, ...]:
    """What keeps tests/kernel from running on this machine itself, in words; nothing on a fully equipped one."""
    if inside():
        return ()
    found = [finding.what for finding in missing(sctp=True, ipsec=True)]
    return tuple(found if has_namespaces() else [*found, "the right to make network namespaces"])


@cache
def has_namespaces() -> bool:
    """May we make a network namespace, with the mount that gives it its name?"""
    try:
        return not subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, timeout=60).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False
