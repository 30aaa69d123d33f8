"""A disk that takes nothing, as a phone that registers sees it (RFC 3261 21.5.1)."""

from typing import Any

from lteims import counters
from lteims.store.state import StoreError
from tests.flows.phones import Lab


class NothingStored:
    """A registrar whose state file cannot be written."""

    async def register(self, *_: Any) -> Any:
        raise StoreError("the disk is full")


def test_a_registration_that_cannot_be_stored(lab: Lab) -> None:
    lab.pcscf._registrar = NothingStored()  # type: ignore[assignment]
    failed, internal = counters.get("ims_registration_failed"), counters.get("ims_internal_error")
    lab.play("""
        a --> REGISTER
        a <-- 500 REGISTER
    """)
    assert lab.a.last("500 REGISTER").get("retry-after") == "30"
    assert counters.get("ims_registration_failed") == failed + 1
    assert counters.get("ims_internal_error") == internal
