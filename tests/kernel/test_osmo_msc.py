"""The simulated MME, its codec and its phones, judged by somebody else's VLR: Debian's osmo-msc, over real SCTP."""

import os
import sys
from pathlib import Path

from netns.network import Lab
from tests.peers.osmocom import OsmoMsc

ALICE, BOB = "001010000000003", "001010000000004"
USERS = {ALICE: "49403", BOB: "49404"}
LONG = "".join(f"{n:03} bottles of beer on the wall. " for n in range(12))  # three parts
SCENARIO = f"""
phones:
  alice: {{imsi: {ALICE}}}
  bob: {{imsi: {BOB}}}
  eve: {{imsi: 001010000000099}}
steps:
  - attach: [alice, bob]
  - attach: {{phone: eve, cause: 3}}  # an SGs cause, and not one of TS 24.008
  - sms: {{phone: alice, to: "49404", text: Hello Bob, report: yes}}
  - expect: {{phone: bob, what: sms, text: Hello Bob, from: "49403"}}
  - expect: {{phone: alice, what: report, status: 0}}
  - expect: {{phone: [alice, bob], what: idle}}
  - sms: {{phone: bob, to: "49403", text: Здравствуй}}
  - expect: {{phone: alice, what: sms, text: Здравствуй}}
  - sms: {{phone: alice, to: "49404", text: "{LONG}"}}
  - expect: {{phone: bob, what: sms, text: "{LONG}"}}
  - expect: {{phone: [alice, bob], what: idle}}
  - expect: {{phone: bob, what: paging}}
  - refuse: {{phone: bob, cause: 22}}
  - sms: {{phone: alice, to: "49404", text: no room}}
  - expect: {{phone: bob, what: paging}}
  - expect: {{phone: bob, what: idle}}
  - refuse: {{phone: bob, cause: 0}}
  - memory: bob
  - expect: {{phone: bob, what: sms, text: no room}}
  - expect: {{phone: [alice, bob], what: idle}}
  - restart: mme
  - attach: [alice, bob]
  - sms: {{phone: bob, to: "49403", text: after the reset}}
  - expect: {{phone: alice, what: sms, text: after the reset}}
  - expect: {{phone: [alice, bob], what: idle}}
  - detach: {{phone: bob, kind: imsi}}
  - detach: [alice, bob]
"""


def test_attach_short_messages_reset_and_detach(tmp_path: Path) -> None:
    file = tmp_path / "sgs.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    with Lab.of("pair", f"o{os.getpid() % 10000}") as lab, OsmoMsc(lab, "ims", tmp_path / "osmo", USERS) as msc:
        command = [sys.executable, "-m", "lteims", "mme", "-v", str(file), "--server", msc.address]
        done = lab.run("phone1", command, 120.0)
        assert done.returncode == 0, done.stdout + done.stderr + msc.log
        assert "MM-INFORMATION-REQUEST bob" in done.stdout
        assert "STATUS" not in done.stdout  # it has understood all that it was told
