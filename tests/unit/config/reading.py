"""Loads configurations out of a dict of texts; the tests of this folder use it."""

from collections.abc import Mapping

from lteims.config import ConfigError, ImsConfig, Loaded, load

SIP = 'sip_addr: "127.0.0.1",\n'


def loaded(
    files: str | Mapping[str, str], defines: Mapping[str, object] | None = None, name: str = "ims.cfg"
) -> Loaded:
    """Load a text, or the file `name` of several."""
    texts = {name: files} if isinstance(files, str) else files

    def read(path: str) -> str:
        if path not in texts:
            raise FileNotFoundError(2, "No such file or directory", path)
        return texts[path]

    return load(name, read, defines)


def config(text: str) -> ImsConfig:
    """The typed configuration of a text, which must raise no warning."""
    result = loaded(SIP + text if "sip_addr" not in text else text)
    assert not result.warnings
    return result.config


def faults(text: str) -> list[str]:
    """The messages of everything that is wrong with a text."""
    try:
        loaded(SIP + text if "sip_addr" not in text else text)
    except ConfigError as error:
        return [diagnostic.message for diagnostic in error.diagnostics]
    return []
