"""Debian's Prometheus on the shipped configuration, scraping one server, and promtool's verdict.

Used by tests/net/test_metrics.py, and by test_image_engine.py for the server in its container.
"""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.net.ports import free_port

CONFIG = Path(__file__).parents[2] / "config"
WITHIN = 60.0  # seconds for Prometheus to start, or to have scraped what was asked for


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Debian's Prometheus, asked by its HTTP API."""

    port: int

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            body = json.load(answer)
        assert body["status"] == "success", body
        return body["data"]

    def query(self, expression: str) -> list[Any]:
        """The series that an expression comes to now."""
        result = self.get("query", query=expression)["result"]
        assert isinstance(result, list)
        return result


@contextmanager
def watching(target: str, folder: Path) -> Iterator[Prometheus]:
    """Prometheus on the shipped configuration, but for the target and the intervals, once it has scraped."""
    config = yaml.safe_load((CONFIG / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "1s", "scrape_timeout": "500ms"}
    config["rule_files"] = [str(CONFIG / "prometheus" / name) for name in config["rule_files"]]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port(("127.0.0.1",))
    line = [
        "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    ]  # fmt: skip
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        found, end = Prometheus(port), time.monotonic() + WITHIN
        while True:
            try:
                if found.query('up{job="lteims"} == 1'):
                    break
            except OSError:
                pass
            assert process.poll() is None, (folder / "output").read_text(encoding="utf-8")
            assert time.monotonic() < end, (folder / "output").read_text(encoding="utf-8")
            time.sleep(0.1)
        yield found
    finally:
        process.terminate()
        process.wait(20)


def promtool(*arguments: str, given: str = "") -> str:
    """What promtool says; it must not complain."""
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
