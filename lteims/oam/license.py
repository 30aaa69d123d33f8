"""Under which terms the server runs, for the command `license` and the message of that name (manual 9)."""

from typing import Final

from lteims import __version__

LICENSE: Final = {"products": "lteims", "version": __version__, "license": "Apache-2.0", "validity": "unlimited"}
