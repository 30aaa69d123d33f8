"""Who has an IMSI: the phones of SGs are known by nothing else (TS 29.118 8). Used by sgs.py.

The table is made when it is asked for and thrown away when users change; with multi_sim several share an IMSI.
"""

from lteims.ims.subscribers import Subscriber, Subscribers


class SgsUsers:
    """Finds users by IMSI."""

    def __init__(self, subscribers: Subscribers) -> None:
        self._subscribers = subscribers
        self._table: dict[str, list[Subscriber]] = {}
        self._stale = True
        subscribers.edit_listeners.append(self._outdate)
        subscribers.external_listeners.append(self._outdate)

    def of(self, imsi: str) -> list[Subscriber]:
        """All users of an IMSI, in the order of ue_db."""
        if self._stale:
            self._table = {}
            for subscriber in self._subscribers:
                if subscriber.user.imsi:
                    self._table.setdefault(subscriber.user.imsi, []).append(subscriber)
            self._stale = False
        return self._table.get(imsi, [])

    def _outdate(self) -> None:
        self._stale = True
