"""Charts as inline SVG, for pages that need nothing beside themselves. Their colors are classes c0 to c7 of report.css."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 340, 170, 46, 8, 8, 20
POINTS = 240  # a line has no more: each is the mean of its steps
COLORS = 8
FEW = 3  # of more lines, single steps would only be a tangle
SMOOTH = 25  # a running mean spans this part of the run
NORMAL95 = 1.96

Point = tuple[float, float]  # step, value


@dataclass(frozen=True)
class Line:
    """One curve. With `low` and `high` (as many as points) an interval is drawn, and each point as a dot."""

    label: str
    points: Sequence[Point]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    interval: bool = False  # of the running mean, from the spread of its steps


def lines(title: str, shown: Sequence[Line], note: str = "") -> str:
    """A chart of curves: each step thin if there are few, their running mean thick. Empty if no line has points."""
    shown = [line for line in shown if line.points]
    if not shown:
        return ""
    values = [v for line in shown for v in (*(y for _, y in thin(line.points)), *line.low, *line.high)]
    frame = _Frame([x for line in shown for x, _ in line.points], values)
    drawn = []
    for number, line in enumerate(shown):
        color = f"c{number % COLORS}"
        if line.low:
            drawn.append(frame.band(line.points, line.low, line.high, color))
            drawn.append(frame.line(line.points, f"mean {color}"))
            drawn += [frame.dot(point, color) for point in line.points]
            continue
        means, low, high = running(line.points)
        if line.interval and len(means) > 2:
            drawn.append(frame.band(means, low, high, color))
        elif len(shown) <= FEW:
            drawn.append(frame.line(thin(line.points), f"raw {color}"))
        drawn.append(frame.line(means, f"mean {color}"))
        if len(line.points) == 1:
            drawn.append(frame.dot(line.points[0], color))
    return _figure(title, [line.label for line in shown], frame, drawn, note)


def areas(title: str, shown: Sequence[Line], note: str = "", colors: Sequence[str] = ()) -> str:
    """A stacked chart: each layer lies on those before it. Layers that are 0 throughout are left out."""
    layers = [(place, line) for place, line in enumerate(shown) if any(y for _, y in line.points)]
    if not layers:
        return ""
    steps = sorted({x for _, line in layers for x, _ in line.points})
    below = dict.fromkeys(steps, 0.0)
    stacked = []
    for place, line in layers:
        values = dict(line.points)
        top = {x: below[x] + values.get(x, 0.0) for x in steps}
        stacked.append((place, line.label, below, top))
        below = top
    frame = _Frame(steps, list(below.values()))
    drawn, labels, classes = [], [], []
    for place, label, low, high in stacked:
        color = colors[place] if colors else f"c{place % COLORS}"
        upper, lower = thin([(x, high[x]) for x in steps]), thin([(x, low[x]) for x in steps])
        if len(upper) == 1:  # one step alone is a bar as wide as the chart
            upper, lower = ([(upper[0][0] + side, line[0][1]) for side in (-0.5, 0.5)] for line in (upper, lower))
        drawn.append(frame.band(upper, [y for _, y in lower], [y for _, y in upper], f"solid {color}"))
        labels.append(label)
        classes.append(color)
    return _figure(title, labels, frame, drawn, note, classes)


def thin(points: Sequence[Point], most: int = POINTS) -> list[Point]:
    """At most `most` points, each the mean of as many neighbours."""
    size = math.ceil(len(points) / most)
    if size <= 1:
        return list(points)
    buckets = [points[start : start + size] for start in range(0, len(points), size)]
    return [(bucket[-1][0], math.fsum(y for _, y in bucket) / len(bucket)) for bucket in buckets]


def running(points: Sequence[Point]) -> tuple[list[Point], list[float], list[float]]:
    """The running mean with its 95 % interval (normal, from the window's spread), thinned: (points, low, high)."""
    window = max(1, len(points) // SMOOTH)
    sums, squares = [0.0], [0.0]
    for _, y in points:
        sums.append(sums[-1] + y)
        squares.append(squares[-1] + y * y)
    step = math.ceil(len(points) / POINTS)
    means, low, high = [], [], []
    for end in [*range(len(points), 0, -step)][::-1]:
        start = max(0, end - window)
        count = end - start
        mean = (sums[end] - sums[start]) / count
        variance = max(0.0, (squares[end] - squares[start]) / count - mean * mean)
        half = NORMAL95 * math.sqrt(variance / count)
        means.append((points[end - 1][0], mean))
        low.append(mean - half)
        high.append(mean + half)
    return means, low, high


class _Frame:
    """Where values are in the picture."""

    def __init__(self, steps: Sequence[float], values: Sequence[float]) -> None:
        self.x0, self.x1 = min(steps), max(steps)
        self.y0, self.y1 = min(0.0, *values), max(values)
        if self.y1 <= self.y0:
            self.y1 = self.y0 + 1

    def place(self, x: float, y: float) -> tuple[float, float]:
        share = (x - self.x0) / (self.x1 - self.x0) if self.x1 > self.x0 else (0.5 + x - self.x0)
        height = (y - self.y0) / (self.y1 - self.y0)
        return LEFT + (WIDTH - LEFT - RIGHT) * share, TOP + (HEIGHT - TOP - BOTTOM) * (1 - height)

    def line(self, points: Sequence[Point], style: str) -> str:
        return f'<polyline class="{style}" points="{self._path(points)}"/>'

    def band(self, points: Sequence[Point], low: Sequence[float], high: Sequence[float], style: str) -> str:
        upper = [(x, min(y, self.y1)) for (x, _), y in zip(points, high, strict=True)]
        lower = [(x, max(y, self.y0)) for (x, _), y in zip(points, low, strict=True)]
        return f'<polygon class="band {style}" points="{self._path([*upper, *lower[::-1]])}"/>'

    def dot(self, point: Point, style: str) -> str:
        x, y = self.place(*point)
        return f'<circle class="dot {style}" r="2.5" cx="{x:.1f}" cy="{y:.1f}"/>'

    def _path(self, points: Sequence[Point]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.place(*point) for point in points))

    def axes(self) -> str:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        middle = (self.y0 + self.y1) / 2
        grid = "".join(
            f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
            for y in (self.place(self.x0, value)[1] for value in (self.y1, middle))
        )
        labels = "".join(
            f'<text x="{LEFT - 5}" y="{self.place(self.x0, value)[1] + 3:.1f}" text-anchor="end">{value:.3g}</text>'
            for value in (self.y1, middle, self.y0)
        )
        return (
            f'{grid}<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}"/>{labels}'
            f'<text x="{LEFT}" y="{HEIGHT - 5}">{self.x0:g}</text>'
            f'<text x="{right}" y="{HEIGHT - 5}" text-anchor="end">step {self.x1:g}</text>'
        )


def _figure(
    title: str, labels: Sequence[str], frame: _Frame, drawn: Sequence[str], note: str, classes: Sequence[str] = ()
) -> str:
    names = classes or [f"c{number % COLORS}" for number in range(len(labels))]
    keys = " ".join(
        f'<span class="key {name}">{html.escape(label)}</span>' for name, label in zip(names, labels, strict=True)
    )
    under = f"<small>{html.escape(note)}</small>" if note else ""
    return (
        f"<figure><figcaption>{html.escape(title)} {keys}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)} by step">'
        f"{frame.axes()}{''.join(drawn)}</svg>{under}</figure>\n"
    )
