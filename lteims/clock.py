"""Time as it is handed around (floor 0): the pure floors get `now: float` and never look at a clock themselves.

`Clock` is monotonic seconds (timers); `WallClock` is seconds since 1970 (what is stored or shown).
"""

from collections.abc import Callable

Clock = Callable[[], float]
WallClock = Callable[[], float]
