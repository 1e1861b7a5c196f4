"""Text helpers that every layer uses: names, lines, and figures as people read them."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """'; did you mean …?' with the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def one_line(text: str) -> str:
    """`text` on one line, with every character that could steer a terminal replaced."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))


def percent(share: float) -> str:
    """A share in [0, 1] as a percentage: 12.3%."""
    return f"{share:.1%}"


def percent_interval(interval: tuple[float, float]) -> str:
    """The interval of a share: [7.5%, 16.5%]."""
    return f"[{percent(interval[0])}, {percent(interval[1])}]"


def percent_with_interval(share: float, interval: tuple[float, float]) -> str:
    """A share with its interval: 12.3% [7.5%, 16.5%]."""
    return f"{percent(share)} {percent_interval(interval)}"


def signed_points(difference: float, interval: tuple[float, float]) -> str:
    """A difference of shares in percentage points, with its interval: +12.0 [+7.5, +16.5]."""
    return f"{100 * difference:+.1f} [{100 * interval[0]:+.1f}, {100 * interval[1]:+.1f}]"
