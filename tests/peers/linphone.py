"""linphonec as a softphone that a test can hold: its own home and ports, commands on stdin, states from its log.

It needs no sound card: told to use files it says the tone and records what it hears. Its core opens no port at all
unless ~/.local/share/linphone exists, for its database. Used by tests/net/test_linphone.py and tests/net/test_video.py.
"""

import contextlib
import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.net.ports import free_port, free_ports
from tests.net.wav import tone_seconds, write_tone
from tests.peers.subscribers import DOMAIN, PASSWORD, Subscriber

CONFIG = """\
[sip]
sip_port={sip}
sip_tcp_port={sip}
sip_tls_port=0
bind_address={host}
guess_hostname=0
register_only_when_network_is_up=0
use_ipv6=0
media_encryption=none
default_proxy=0
[proxy_0]
reg_proxy=sip:{server};transport={transport}
reg_route=<sip:{server};transport={transport};lr>
reg_identity=sip:{user}@{domain}
reg_expires=600
reg_sendregister=1
publish=0
[auth_info_0]
username={user}
userid={impi}
passwd={password}
realm={domain}
[rtp]
audio_rtp_port={rtp}
video_rtp_port={video}
text_rtp_port={text}
[net]
mtu=1300
[sound]
echocancellation=0
agc=0
[misc]
add_missing_audio_codecs=0
add_missing_video_codecs=0
[audio_codec_0]
mime=PCMA
rate=8000
channels=1
enabled=1
[video]
automatically_initiate={video_on}
automatically_accept={video_on}
size=qcif
device=StaticImage: Static picture
[video_codec_0]
mime=VP8
rate=90000
enabled=1
"""
WITHIN = 30.0  # seconds; a busy machine may need some
STATE = re.compile(r"moving from state LinphoneCall\w+ to (?:LinphoneCall(?:State)?)?(\w+)")


class LinphoneError(AssertionError):
    """The phone did not do or see what it should have; the text carries its own log."""


@dataclass(slots=True)
class Linphone:
    """One linphone with one account."""

    folder: Path
    subscriber: Subscriber
    server: str  # HOST:PORT
    transport: str = "udp"
    host: str = "127.0.0.1"
    video: bool = False
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _seen: int = 0

    def start(self) -> "Linphone":
        """Write its files, start it, and wait until it is registered."""
        home = self.folder / "home"
        (home / ".local/share/linphone").mkdir(parents=True, exist_ok=True)
        (home / ".config/linphone").mkdir(parents=True, exist_ok=True)
        write_tone(self.folder / "tone.wav")
        sip = free_port()
        rtp = free_ports(16)
        text = CONFIG.format(
            sip=sip, host=self.host, server=self.server, transport=self.transport, domain=DOMAIN, password=PASSWORD,
            user=self.subscriber.imsi, impi=self.subscriber.impi, rtp=rtp, video=rtp + 4, text=rtp + 8,
            video_on=int(self.video),
        )  # fmt: skip
        (self.folder / "rc").write_text(text, encoding="utf-8")
        line = ["linphonec", "-c", str(self.folder / "rc"), "-l", str(self.folder / "log"), "-d", "5"]
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                line + (["-C"] if self.video else []), env={**os.environ, "HOME": str(home), "TERM": "dumb"},
                cwd=self.folder, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.command("soundcard use files")
        self.command(f"play {self.folder / 'tone.wav'}")
        self.command(f"record {self.recording}")
        self._wait_until_registered()
        return self

    @property
    def log(self) -> str:
        """Its own log, its SIP messages among it."""
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    @property
    def recording(self) -> Path:
        """What it hears."""
        return self.folder / "heard.wav"

    @property
    def states(self) -> list[str]:
        """The states that its calls went through."""
        return STATE.findall(self.log)

    def _fail(self, what: str) -> LinphoneError:
        return LinphoneError(f"{what}\nstates: {self.states}\n{self.log[-6000:]}")

    def command(self, line: str) -> None:
        """Give it a command; what it says to it is in its output."""
        if self.process is None or self.process.stdin is None or self.process.poll() is not None:
            raise self._fail("not running")
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def call(self, user: str) -> None:
        """Call a user of the domain."""
        self.command(f"call sip:{user}@{DOMAIN}")

    def _wait_until_registered(self) -> None:
        end = time.monotonic() + WITHIN
        while time.monotonic() < end:
            if "to [LinphoneRegistrationOk]" in self.log:
                return
            time.sleep(0.05)
        raise self._fail("not registered")

    def wait_for(self, state: str, within: float = WITHIN) -> None:
        """The next change of a call to this state (IncomingReceived, StreamsRunning, Paused, End, ...)."""
        end = time.monotonic() + within
        while True:
            states = self.states
            while self._seen < len(states):
                self._seen += 1
                if states[self._seen - 1] == state:
                    return
            if time.monotonic() > end:
                raise self._fail(f"no call is {state} within {within} s")
            time.sleep(0.05)

    def heard(self) -> float:
        """Seconds of the tone in everything it heard so far."""
        return tone_seconds(self.recording) if self.recording.exists() else 0.0

    def hear(self, seconds: float, within: float = WITHIN) -> None:
        """Wait until it has heard so much of the tone, since it began."""
        end = time.monotonic() + within
        while self.heard() < seconds:
            if time.monotonic() > end:
                raise self._fail(f"it has heard the tone for {self.heard()} s, not for {seconds} s")
            time.sleep(0.1)

    def is_quiet(self, seconds: float, within: float = WITHIN) -> float:
        """Wait until the tone has not been heard for so long; how much there was of it in all."""
        end, heard, since = time.monotonic() + within, self.heard(), time.monotonic()
        while time.monotonic() - since < seconds:
            if time.monotonic() > end:
                raise self._fail(f"the tone does not end, {heard} s of it were heard")
            time.sleep(0.1)
            if (now := self.heard()) > heard:
                heard, since = now, time.monotonic()
        return heard

    def end(self) -> None:
        """Let it de-register and end."""
        if self.process is None or self.process.poll() is not None:
            return
        with contextlib.suppress(OSError, LinphoneError):
            self.command("quit")
        try:
            self.process.wait(8)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def __enter__(self) -> "Linphone":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.end()
