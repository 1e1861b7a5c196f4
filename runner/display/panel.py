"""What the live view shows of a step: bars, shares and lines made from its metrics and rollouts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rlvr.runner.alarms import Alarm
from rlvr.text import one_line
from rlvr.verifiers.types import Rollout, Status, Verdict

STYLES = {
    "correct": "green", "incorrect": "red", "unparsed": "yellow",
    "timeout": "magenta", "error": "bold red", "skipped": "dim",
}  # fmt: skip
SHOWN_ROLLOUTS = 3
SHOWN_CATEGORIES = 5
SHOWN_ALARMS = 2
BAR = 30
Row = Mapping[str, Any]


def panel(
    progress: RenderableType,
    row: Row,
    rewards: Sequence[float],
    rollouts: Sequence[Rollout],
    evaluations: Sequence[tuple[str, float]],
    alarms: Sequence[Alarm],
) -> Panel:
    """The live panel. `rewards` are those of all steps, `evaluations` (when, accuracy) those so far."""
    parts: list[RenderableType] = [progress]
    if row:
        parts += [
            _figures(row), *_reward_bars(row), statuses(row), time_split(row),
            Text("reward " + spark(rewards, 60), style="cyan"), *_categories(row),
        ]  # fmt: skip
    if evaluations:
        parts.append(_evaluations(evaluations))
    parts += [alarm_line(alarm) for alarm in alarms[-SHOWN_ALARMS:]]
    parts += rollout_lines(of_different_groups(rollouts)[:SHOWN_ROLLOUTS])
    critical = any(alarm.critical for alarm in alarms)
    return Panel(Group(*parts), title="GRPO", border_style="red" if critical else "yellow" if alarms else "blue")


def line(row: Row, steps: int) -> str:
    """A step in one plain line."""
    tokens = _tokens_per_second(row)
    return (
        f"step {row['step']}/{steps}  reward {_number(row, 'reward'):.3f}  "
        f"correct {_number(row, 'verdicts/correct'):.0%}  length {_number(row, 'completions/mean_length'):.0f}  "
        f"{_number(row, 'time/step'):.1f} s ({', '.join(f'{n} {s:.2f}' for n, s in _times(row))})"
        + (f"  {tokens:.0f} tokens/s" if tokens else "")
    )


def _figures(row: Row) -> Table:
    cells = [
        f"reward [bold]{_number(row, 'reward'):.3f}[/] ± {_number(row, 'reward_std'):.3f}",
        f"zero-variance groups {_number(row, 'groups/no_variance', 'frac_reward_zero_std'):.0%}",
        f"length {_number(row, 'completions/mean_length'):.0f}",
        f"entropy {_number(row, 'entropy'):.2f}",
        f"loss {_number(row, 'loss'):+.4f}",
    ]
    tokens, useful = _tokens_per_second(row), row.get("tokens/per_useful")
    if tokens:
        cells.append(f"{tokens:.0f} tokens/s")
    if useful:
        cells.append(f"{_number(row, 'tokens/per_useful'):.1f} tokens per useful one")
    grid = Table.grid(padding=(0, 3))
    for start in range(0, len(cells), 4):
        grid.add_row(*cells[start : start + 4])
    return grid


def _reward_bars(row: Row) -> list[Text]:
    """A bar for each part of the reward, against the largest."""
    prefix = "reward_parts/"
    parts = {name.removeprefix(prefix): _number(row, name) for name in row if name.startswith(prefix)}
    most = max((abs(value) for value in parts.values()), default=0.0)
    if len(parts) < 2 or not most:
        return []
    width = max(map(len, parts))
    bars = []
    for name, value in parts.items():
        filled = round(BAR * abs(value) / most)
        text = Text(f"  {one_line(name):<{width}} ")
        text.append("█" * filled, style="red" if value < 0 else "cyan")
        text.append(" " * (BAR - filled) + f" {value:.3f}")
        bars.append(text)
    return bars


def statuses(row: Row) -> Text:
    """The shares of the statuses among the step's verdicts."""
    text = Text("verdicts ")
    for status in Status:
        share = _number(row, f"verdicts/{status}")
        if share:
            text.append(f"{status} {share:.0%}  ", style=STYLES[str(status)])
    disagreement = _number(row, "shadow/disagreement")
    if disagreement:
        text.append(f"the shadow verifier disagrees on {disagreement:.0%}", style="yellow")
    return text


def time_split(row: Row) -> Text:
    """How the time of the step was shared."""
    text = Text(f"step {_number(row, 'time/step'):.1f} s: ")
    for name, seconds in _times(row):
        text.append(f"{name} {seconds:.2f} s  ", style="dim")
    return text


def _times(row: Row) -> list[tuple[str, float]]:
    """The parts of a step's time, in the order in which they happen."""
    order = ("generate", "verify", "wait", "update", "sync")
    return [(name, _number(row, f"time/{name}")) for name in order if f"time/{name}" in row]


def _categories(row: Row) -> list[Text]:
    """Pass rates of the categories, the worst first."""
    ends = "/pass_rate"
    rates = [(_number(row, name), name[len("category/") : -len(ends)]) for name in row if name.endswith(ends)]
    if not rates:
        return []
    text = Text("correct  ")
    for rate, name in sorted(rates)[:SHOWN_CATEGORIES]:
        text.append(f"{one_line(name)[:24] or '-'} ")
        text.append(f"{rate:.0%}   ", style="green" if rate >= 0.5 else "yellow")
    if len(rates) > SHOWN_CATEGORIES:
        text.append(f"and {len(rates) - SHOWN_CATEGORIES} more", style="dim")
    return [text]


def _evaluations(accuracies: Sequence[tuple[str, float]]) -> Text:
    text = Text("held-out ")
    for number, (when, accuracy) in enumerate(accuracies[-4:]):
        text.append(" → " if number else "")
        text.append(f"{when} {accuracy:.1%}", style="bold" if accuracy == max(a for _, a in accuracies) else "")
    return text


def alarm_line(alarm: Alarm) -> Text:
    """An alarm in one line."""
    text = Text(f"{alarm.severity}: ", style="bold red" if alarm.critical else "bold yellow")
    return text.append(f"{alarm.name} at step {alarm.step}: {one_line(alarm.message)}", style="default not bold")


def of_different_groups(rollouts: Sequence[Rollout]) -> list[Rollout]:
    """One rollout of each group, correct ones and others by turns if there are both."""
    firsts: dict[int, list[Rollout]] = {}
    for rollout in rollouts:
        firsts.setdefault(rollout.group, []).append(rollout)
    chosen = []
    for place, members in enumerate(firsts.values()):
        wanted = [rollout for rollout in members if (rollout.verdict.status is Status.CORRECT) == (place % 2 == 0)]
        chosen.append((wanted or members)[0])
    return chosen


def rollout_lines(rollouts: Sequence[Rollout]) -> list[Text]:
    """Rollouts with their verdicts, one line each."""
    lines = []
    for rollout in rollouts:
        text = answer_line(rollout.completion.text, rollout.verdict, rollout.example.gold)
        value = "masked" if rollout.reward.value is None else f"{rollout.reward.value:.2f}"
        lines.append(text.append(f"  reward {value}", style="bold"))
    return lines


def answer_line(text: str, verdict: Verdict, gold: str) -> Text:
    """The end of a completion, with its verdict."""
    line = Text(no_wrap=False)
    line.append(f"  {verdict.status:<10}", style=STYLES[str(verdict.status)])
    end = one_line(text[-2000:])
    line.append("…" + end[-90:] if len(end) > 90 else end)
    extracted = "nothing" if verdict.extracted is None else one_line(verdict.extracted)
    return line.append(f"  [extracted {extracted:.40}, gold {one_line(gold):.40}]", style="dim")


def spark(values: Sequence[float], width: int) -> str:
    """The last values as a line of small bars."""
    values = values[-width:]
    low, high = min(values), max(values)
    blocks = "▁▂▃▄▅▆▇█"
    return "".join(blocks[int((v - low) / (high - low) * 7) if high > low else 0] for v in values)


def _tokens_per_second(row: Row) -> float:
    seconds = _number(row, "time/generate")
    return _number(row, "tokens/generated") / seconds if seconds > 0 else 0.0


def _number(row: Row, *names: str) -> float:
    """The first of these metrics that is a finite number; else 0."""
    for name in names:
        value = row.get(name)
        if isinstance(value, (int, float)) and math.isfinite(value):
            return float(value)
    return 0.0
