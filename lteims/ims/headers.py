"""The last touch on every message that the server makes: User-Agent or Server, and custom_headers (manual 5.2).

functions.py hangs `Finisher.finish` into net/sip.py, so that no other place needs to know these properties.
"""

from lteims.config import CustomHeader, ImsConfig
from lteims.sip.message import Message, Response

ANY_CODE, ANY_METHOD = 0, "*"


class Finisher:
    """Adds what the configuration wants in requests and responses."""

    def __init__(self, config: ImsConfig) -> None:
        self.user_agent = config.user_agent
        self._force = config.force_user_agent
        self._custom = config.custom_headers

    def finish(self, message: Message, method: str) -> None:
        """Complete one message; `method` is the request's, for a response too."""
        name = "server" if isinstance(message, Response) else "user-agent"
        if self.user_agent and (self._force or name not in message.headers):
            message.headers[name] = [self.user_agent]
        for custom in self._custom:
            if _applies(custom, message, method):
                _put(custom, message)


def _applies(custom: CustomHeader, message: Message, method: str) -> bool:
    """`codes` makes it a header of responses, narrowed by `methods`; `methods` alone one of requests."""
    if custom.methods and ANY_METHOD not in custom.methods and method not in custom.methods:
        return False
    if isinstance(message, Response):
        return bool(custom.codes) and (ANY_CODE in custom.codes or message.code in custom.codes)
    return bool(custom.methods) and not custom.codes


def _put(custom: CustomHeader, message: Message) -> None:
    name = custom.name.lower()
    if custom.replace:
        message.set(name, custom.value)
    elif custom.value not in message.headers.get(name, ()):  # a retried request is finished twice
        message.add(name, custom.value)
