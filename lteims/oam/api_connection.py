"""The connections of the remote API's server: those of `websockets`, with a bound on what it answers by itself.

The library answers each ping (RFC 6455 5.5.2) however much waits already for a client that does not read. api.py has
the server make them, api_client.py says what it is sending.
"""

from typing import Final

from websockets.asyncio.server import ServerConnection

from lteims import counters
from lteims.trace import IMS, WARN, log

MOST_UNREAD: Final = 256 << 10  # octets of pongs, and of what is left of earlier frames


class Connection(ServerConnection):
    """One client's."""

    sending = 0  # octets of the frame that is handed to the socket

    def data_received(self, data: bytes) -> None:
        """Take what came; cut a client that asks and asks, and takes no answer."""
        super().data_received(data)
        if self.transport.get_write_buffer_size() > self.sending + MOST_UNREAD:
            counters.inc("api_cut")
            log(IMS, WARN, "remote API: cut, the client does not read what its pings bring")
            self.transport.abort()
