"""Draws a panel of the Grafana dashboard as SVG, of what a running Prometheus has: the picture in docs/ci.md, or one of
yours for a report. It needs no Grafana and no installation: python3 docs/panel.py "SIP requests" >panel.svg
"""

import argparse
import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).resolve().parents[1] / "config" / "grafana" / "dashboards" / "lteims.json"
WIDTH, TOP, BOTTOM, LEFT = 720, 34, 266, 60  # of the picture, and of the plot in it; the height is that of the legend
COLORS = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300")
POINTS = 120  # along the time
MOST_LINES = 5  # of the grid
LETTER = 7.0  # the width of a letter of the legend, more or less
# Grafana's names of units: what a value is multiplied by, and what stands behind it.
UNITS = {"ops": (1, "/s"), "pps": (1, "/s"), "reqps": (1, "/s"), "s": (1, " s"), "percentunit": (100, " %"),
         "bytes": (1e-6, " MB"), "short": (1, "")}  # fmt: skip


class PanelError(Exception):
    """There is nothing to draw; the text says why."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line: pairs of seconds since the beginning and values."""

    name: str
    points: tuple[tuple[float, float], ...]


def panels() -> dict[str, Any]:
    """The panels of the dashboard that are lines over time, by title."""
    data = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return {panel["title"]: panel for panel in data["panels"] if panel["type"] == "timeseries"}


def ask(prometheus: str, expression: str, begin: float, seconds: float) -> list[Any]:
    """The series of an expression from `begin` (seconds since 1970) on. PanelError where Prometheus cannot be asked."""
    given = {"query": expression, "start": begin, "end": begin + seconds, "step": seconds / POINTS}
    url = f"{prometheus.rstrip('/')}/api/v1/query_range?{urllib.parse.urlencode(given)}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            result = json.load(answer)["data"]["result"]
    except (OSError, ValueError, KeyError) as error:
        raise PanelError(f"no answer of Prometheus at {prometheus}: {error}") from None
    return list(result)


def legend(pattern: str, labels: Mapping[str, str]) -> str:
    """The name of a line, with its labels in it."""
    return re.sub(r"{{\s*(\w+)\s*}}", lambda match: labels.get(match[1], ""), pattern)


def read(panel: Any, prometheus: str, seconds: float, rate: str) -> list[Series]:
    """What a panel shows on its left axis, the largest at its end first. PanelError where it is empty."""
    found, begin = list[Series](), time.time() - seconds
    factor = UNITS[panel["fieldConfig"]["defaults"]["unit"]][0]
    elsewhere = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
    for target in panel["targets"]:
        if target["refId"] in elsewhere:
            continue
        expression = target["expr"].replace("$__rate_interval", rate).replace("$instance", ".*")
        for each in ask(prometheus, expression, begin, seconds):
            values = ((float(at) - begin, factor * float(value)) for at, value in each["values"])
            if points := tuple(pair for pair in values if math.isfinite(pair[1])):
                found.append(Series(legend(target["legendFormat"], each["metric"]), points))
    if not found:
        raise PanelError(f"Prometheus has nothing for this panel in the last {seconds:g} s")
    return sorted(found, key=lambda series: -series.points[-1][1])


def step(most: float, lines: int) -> float:
    """The distance of grid lines: 1, 2 or 5 times a power of ten, so that `lines` reach `most`."""
    least = max(most, 1e-9) / lines
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.9999)


def draw(title: str, series: Sequence[Series], seconds: float, unit: str) -> str:
    """The picture."""
    right = WIDTH - 24 - LETTER * max(len(each.name) for each in series)
    height = max(300, TOP + 18 * len(series) + 18)
    gap = step(max(value for each in series for _, value in each.points), MOST_LINES - 1)
    top = gap * max(1, math.ceil(max(value for each in series for _, value in each.points) / gap - 1e-9))

    def x(at: float) -> float:
        return LEFT + at / seconds * (right - LEFT)

    def y(value: float) -> float:
        return BOTTOM - value / top * (BOTTOM - TOP)

    def parts() -> Iterator[str]:
        box = f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12"'
        yield f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
        yield f'<title>Panel "{escape(title)}" of the dashboard, the last {seconds:g} s</title>'
        yield f'<rect width="{WIDTH}" height="{height}" rx="4" fill="#181b1f"/>'
        yield f'<text x="12" y="20" fill="#d8d9da" font-size="14">{escape(title)}</text>'
        for n in range(round(top / gap) + 1):
            yield f'<path d="M{LEFT} {y(n * gap):.0f}H{right:.0f}" stroke="#2c3235"/>' + label(
                LEFT - 6, y(n * gap) + 4, "end", f"{n * gap:g}{unit}"
            )
        size, word = (60.0, "min") if seconds > 180 else (1.0, "s")
        along = step(seconds / size, 6) * size
        for n in range(int(seconds / along) + 1):
            yield label(x(n * along), BOTTOM + 22, "middle", f"{n * along / size:g} {word}")
        for n, each in enumerate(series):
            color = COLORS[n % len(COLORS)]
            befores = (-math.inf, *(at for at, _ in each.points))
            path = "".join(
                f"{'M' if at - before > 1.5 * seconds / POINTS else 'L'}{x(at):.1f} {y(value):.1f}"
                for before, (at, value) in zip(befores, each.points, strict=False)
            )
            yield f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>'
            yield f'<text x="{right + 14:.0f}" y="{48 + 18 * n}" fill="{color}">{escape(each.name)}</text>'
        yield "</svg>\n"

    return "\n".join(parts())


def label(x: float, y: float, anchor: str, text: str) -> str:
    """A word at an axis."""
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="#9fa7b3" text-anchor="{anchor}">{escape(text)}</text>'


def main() -> int:
    """The picture on standard output; 1 where there is nothing to draw, 2 for a wrong command line."""
    there = panels()
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] + ".", epilog=f"Panels: {'; '.join(there)}.")
    parser.add_argument("panel", help="the title of a panel")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL", help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1800, help="of the time behind us (default: %(default)g)")
    parser.add_argument("--rate", default="1m", help="what rates are taken over, four scrapes (default: %(default)s)")
    options = parser.parse_args()
    if options.panel not in there:
        parser.error(f"no panel {options.panel!r}; there are: {'; '.join(there)}")
    panel = there[options.panel]
    try:
        series = read(panel, options.prometheus, options.seconds, options.rate)
    except PanelError as error:
        print(f"docs/panel.py: {error}", file=sys.stderr)
        return 1
    unit = UNITS[panel["fieldConfig"]["defaults"]["unit"]][1]
    sys.stdout.write(draw(options.panel, series, options.seconds, unit))
    return 0


if __name__ == "__main__":
    sys.exit(main())
