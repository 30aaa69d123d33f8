"""How long a large configuration takes to load: 10,000 users as a lab's generator writes them, about 4 MB of text.

Run it as `python -m bench.config [USERS]`; `make bench` does. The product's own bound is 2 seconds for 10,000.
"""

import sys
from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

from bench import figure
from lteims.config.definitions import Definitions
from lteims.config.diagnostic import Report
from lteims.config.lexer import Tokens
from lteims.config.load import load, read_tree
from lteims.config.preprocessor import Preprocessor

T = TypeVar("T")
ROUNDS = 3

USER = """  {{
    sim_algo: "milenage",            /* USIM authentication algorithm */
    imsi: "{imsi}",
    opc: "000102030405060708090A0B0C0D0E0F",
    amf: 0x9001,                     // Authentication Management Field
    sqn: "000000000000",             // Sequence Number
    K: "00112233445566778899aabbccddeeff",
    impi: "{imsi}@ims.mnc001.mcc001.3gppnetwork.org",
    impu: ["sip:{imsi}", "tel:06{n:08d}"],
  }},
"""


def ue_db(count: int) -> str:
    """A user database of that many users."""
    return "ue_db: [\n" + "".join(USER.format(imsi=f"00101{n:010d}", n=n) for n in range(count)) + "],\n"


def best(run: Callable[[], T]) -> tuple[float, T]:
    """The shortest time of some rounds in seconds, and the last result."""
    shortest = float("inf")
    for _ in range(ROUNDS):
        start = perf_counter()
        result = run()
        shortest = min(shortest, perf_counter() - start)
    return shortest, result


def main() -> None:
    """Print one line for each step."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    files = {"ims.cfg": 'sip_addr: "127.0.0.1",\ninclude "ue_db.cfg",\n', "ue_db.cfg": ue_db(count)}
    read = files.__getitem__

    def tokens() -> Tokens:
        return Preprocessor(Definitions(), Report(), read).run("ims.cfg")

    size = len(files["ue_db.cfg"])
    print(f"config: {count} users, {size / 1e6:.1f} MB")
    print(f"config: tokens           {best(tokens)[0]:6.3f} s")
    print(f"config: tokens and tree  {best(lambda: read_tree('ims.cfg', read, Report()))[0]:6.3f} s")
    seconds, loaded = best(lambda: load("ims.cfg", read))
    assert len(loaded.config.ue_db) == count
    figure(f"configuration of {count} users, read and checked", seconds, "s", beside="target 2 s for 10000")
    print(f"config: typed and checked{seconds:6.3f} s  ({1e6 * seconds / count:.0f} us a user, bound 2 s for 10000)")


if __name__ == "__main__":
    main()
