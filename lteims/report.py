"""What the operator has to know at start (floor 5): warnings, files that are not there, what the machine lacks.

app.py calls `report`; command.py names missing files for --check.
"""

import os
from collections.abc import Iterable
from typing import Any

from lteims.config import Diagnostic, ImsConfig, Severity
from lteims.selftest import missing
from lteims.trace import IMS, INFO, WARN, log


def report(config: ImsConfig, warnings: Iterable[Diagnostic], events: Any) -> None:
    """Say it on standard error, by `events` (oam/events.py), and in the log."""
    for found in warnings:
        harmless = found.severity is Severity.INFO
        (events.info if harmless else events.warning)(str(found))
        log(IMS, INFO if harmless else WARN, str(found))
    for line in missing_files(config):
        events.warning(line)
        log(IMS, WARN, line)
    for finding in missing(sctp=uses_sctp(config), ipsec=config.ipsec):
        text = f"missing: {finding.what}. Effect: {finding.effect}. To mend: {finding.mend}"
        if finding.needed:
            events.warning(text)
        log(IMS, WARN if finding.needed else INFO, text)


def uses_sctp(config: ImsConfig) -> bool:
    """Does the configuration name a peer that is reached by SCTP?"""
    diameter = (*config.cx_server_addr, *config.rx_server_addr)
    return config.sctp_addr is not None or any(server.transport != "tcp" for server in diameter)


def missing_files(config: ImsConfig) -> list[str]:
    """A warning for each file that the configuration names and that is not there."""
    named = [
        ("sdp_file", config.sdp_file),
        ("mt_call_sdp_file", config.mt_call_sdp_file),
        ("com_ssl_certificate", config.com_ssl_certificate),
        ("com_ssl_key", config.com_ssl_key),
        ("passfile", config.com_auth.passfile if config.com_auth else ""),
        *(("mt_call_sdp_file", user.mt_call_sdp_file or "") for user in config.ue_db),
        *(("content", impu.content) for impu in (*config.echo, *(i for user in config.ue_db for i in user.impu))),
    ]
    return [f"Warning: {name}: there is no file {path}" for name, path in named if path and not os.path.isfile(path)]
