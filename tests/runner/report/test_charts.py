"""Charts: few points however long a run is, intervals inside the frame, and layers that add up."""

import re

import pytest

from rlvr.runner.report.charts import HEIGHT, POINTS, WIDTH, Line, areas, lines, running, thin


def coordinates(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", svg)]


@pytest.mark.parametrize("count", [1, 2, 3, 100, 240, 241, 5000])
def test_every_chart_stays_in_its_frame(count: int) -> None:
    points = [(float(i), (-1.0) ** i * i) for i in range(1, count + 1)]
    ones = [(x, 1.0) for x, _ in points]
    for chart in (
        lines("t", [Line("a", points)]), lines("t", [Line("a", points, interval=True)]), areas("t", [Line("a", ones), Line("b", ones)]),
        lines("t", [Line("a", points, [y - 1 for _, y in points], [y + 1 for _, y in points])]),
    ):  # fmt: skip
        found = coordinates(chart)
        assert found
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in found)


def test_nothing_to_draw() -> None:
    assert lines("t", []) == lines("t", [Line("a", [])]) == areas("t", [Line("a", [(1.0, 0.0)])]) == ""


def test_text_is_escaped() -> None:
    assert "<b>" not in lines("<b>", [Line("<b>", [(1.0, 1.0)])], "<b>")


def test_a_long_line_is_thinned_by_means() -> None:
    points = [(float(i), float(i % 2)) for i in range(1000)]
    thinned = thin(points, 100)
    assert len(thinned) == 100
    assert {y for _, y in thinned} == {0.5}
    assert thinned[-1][0] == 999
    assert thin(points[:50], 100) == points[:50]


def test_a_running_mean() -> None:
    points = [(float(i), 1.0 if i < 500 else 3.0) for i in range(1000)]
    means, low, high = running(points)
    assert len(means) <= POINTS
    assert (means[0][1], means[-1]) == (1.0, (999.0, 3.0))
    assert low[0] == high[0] == 1.0
    widest = max(range(len(means)), key=lambda i: high[i] - low[i])
    assert 480 <= means[widest][0] <= 560
    assert low[widest] < means[widest][1] < high[widest]
