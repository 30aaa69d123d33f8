"""What kind of installation runs here (floor 5): compiled or pure Python, and whether its sources have gone on since.

`make install` installs a package built from the sources; __main__.py asks here, so that nobody tests old code.
`python -m lteims.installed` answers for the Makefile: it prints "current", or what is stale.
"""

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lteims.sip import message

PACKAGE = Path(__file__).resolve().parent


def kind() -> str:
    """ "compiled" where mypyc's modules are in use, else "pure python"."""
    return "pure python" if message.__file__.endswith(".py") else "compiled"


def stale() -> str:
    """The path of the sources that this was built from, if they have changed; "" if not, or if they are gone."""
    sources = _sources()
    if sources is None or sources == PACKAGE:
        return ""
    try:
        return "" if _texts(sources) == _texts(PACKAGE) else str(sources)
    except OSError:  # somebody else's folder
        return ""


def _sources() -> Path | None:
    """Where the package was built, as its installer noted it (PEP 610)."""
    for note in PACKAGE.parent.glob("lteims-*.dist-info/direct_url.json"):
        url = urlsplit(str(json.loads(note.read_text(encoding="utf-8")).get("url", "")))
        sources = Path(unquote(url.path)).resolve() / "lteims"
        if url.scheme == "file" and sources.is_dir():
            return sources
    return None


def _texts(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.py")}


if __name__ == "__main__":
    print(stale() or "current")
