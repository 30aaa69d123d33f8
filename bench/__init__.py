"""Benchmarks, one for each path, against a real peer or the least that any program must do. `make bench` runs all.

They measure the lteims that is installed, compiled where that could be done, not the sources beside them.
"""

import sys

sys.path.append(sys.path.pop(0))  # the checkout, from which `python -m bench.run` starts

MARK = "=> "


def figure(what: str, value: float, unit: str = "us", beside: str = "") -> None:
    """Print one figure for the table of bench.run; `beside` is the figure of the peer or of the floor, in words."""
    print(f"{MARK}{what} | {value:.1f} | {unit} | {beside}", flush=True)
