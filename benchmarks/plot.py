"""The curve as an SVG, by hand: two panels over the batch size on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any, Final

_WIDTH: Final = 380
_HEIGHT: Final = 260
_LEFT: Final = 62
_TOP: Final = 44
_PLOT_WIDTH: Final = 300
_PLOT_HEIGHT: Final = 160
_GAP: Final = 12
_DECADES: Final = 3  # 1 to 1,000 events a request


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity; `top` ends its axis, `logarithmic` begins it at `bottom` and not at zero."""

    title: str
    member: str
    colour: str
    top: float
    bottom: float = 0.0
    logarithmic: bool = False
    prefix: str = ""

    def height(self, value: float) -> float:
        """Share of the axis below a value."""
        if self.logarithmic:
            return log10(value / self.bottom) / log10(self.top / self.bottom)
        return value / self.top

    def ticks(self) -> list[float]:
        if self.logarithmic:
            first, last = round(log10(self.bottom)), round(log10(self.top))
            return [10.0**power for power in range(first, last + 1)]
        return [self.top * part / 4 for part in range(5)]


PANELS: Final = (
    Panel("dollars per million events", "dollars_per_million", "#b45309", 10, prefix="$"),
    Panel("events per second, one function", "events_per_second", "#1d4ed8", 10_000, 10, logarithmic=True),
)


def svg(points: Sequence[Mapping[str, Any]]) -> str:
    """The whole picture; readable on light and dark pages, for it brings its own ground."""
    width = 2 * _WIDTH + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" width="{width}" height="{_HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="11" role="img" '
        'aria-label="Cost and rate of ingest against the events in a request">',
        f'<rect width="{width}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for place, panel in enumerate(PANELS):
        parts += [f'<g transform="translate({place * (_WIDTH + _GAP)} 0)">', *_panel(panel, points), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel, points: Sequence[Mapping[str, Any]]) -> list[str]:
    bottom, right = _TOP + _PLOT_HEIGHT, _LEFT + _PLOT_WIDTH
    parts = [f'<text x="{_LEFT}" y="24" font-size="13" font-weight="600" fill="#111827">{panel.title}</text>']
    for tick in panel.ticks():
        y = bottom - panel.height(tick) * _PLOT_HEIGHT
        parts += [
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e5e7eb"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#4b5563">{panel.prefix}{tick:,.10g}</text>',
        ]
    for point in points:
        x = _x(point["batch"])
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#4b5563">{point["batch"]}</text>')
    middle = _LEFT + _PLOT_WIDTH / 2
    parts.append(f'<text x="{middle}" y="{bottom + 38}" text-anchor="middle" fill="#4b5563">events per request</text>')
    places = [(_x(it["batch"]), bottom - panel.height(it[panel.member]) * _PLOT_HEIGHT) for it in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline points="{line}" fill="none" stroke="{panel.colour}" stroke-width="2"/>')
    for (x, y), point in zip(places, points, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{panel.colour}"/>')
        if point in (points[0], points[-1]) or point["batch"] == 100:
            value = point[panel.member]
            shown = f"{panel.prefix}{value:,.2f}" if panel.prefix else f"{value:,}"
            anchor = "start" if point is points[0] else "middle"
            parts.append(
                f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="{anchor}" fill="{panel.colour}">{shown}</text>'
            )
    return parts


def _x(batch: int) -> float:
    return _LEFT + log10(batch) / _DECADES * _PLOT_WIDTH
