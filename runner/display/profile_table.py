"""How a profile looks on a terminal: a histogram of pass rates, and a table by category."""

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from rlvr.runner.analysis.profile import Bar, ProfileSummary
from rlvr.text import percent, percent_with_interval

WIDTH = 40  # characters of the longest bar


def profile_table(title: str, summary: ProfileSummary) -> Group:
    """The tables of a profile."""
    bars = Table(title="examples by pass rate", title_justify="left")
    bars.add_column("pass rate", justify="right")
    bars.add_column("examples", justify="right")
    bars.add_column("")
    most = max((bar.examples for bar in summary.histogram), default=0)
    for bar in summary.histogram:
        length = -(-WIDTH * bar.examples // most) if most else 0
        bars.add_row(_range(bar), f"{bar.examples:,}", "█" * length)
    table = Table()
    table.add_column("category")
    for column in ("examples", "pass rate [95 %]", "never", "always", "varied", "cut off", "tokens"):
        table.add_column(column, justify="right")
    for category, figures in {"all": summary, **summary.categories}.items():
        table.add_row(
            escape(category) or "-",
            f"{figures.examples:,}",
            percent_with_interval(figures.pass_rate, figures.interval),
            f"{figures.never:,}",
            f"{figures.always:,}",
            percent(figures.variance),
            f"{figures.truncated:.0%}",
            f"{figures.mean_length:.0f}",
            style="bold" if figures is summary else "",
        )
    notes = [
        "never, always: solved in no sample, in every one; varied: groups of "
        f"{summary.group_size} that hold right and wrong completions"
    ]
    if summary.undecided:
        notes.append(f"left out because all their verdicts are infrastructure errors: {summary.undecided}")
    return Group(Text(title, style="italic"), bars, table, Text("\n".join(notes), style="dim italic"))


def _range(bar: Bar) -> str:
    if bar.low == bar.high:
        return f"{bar.low:.0%}"
    low, high = f"{bar.low:.0%}", f"{bar.high:.0%}"
    return f"{'above' if not bar.low else 'from'} {low}, below {high}"
