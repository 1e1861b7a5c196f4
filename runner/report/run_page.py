"""Makes report.html: one self-contained page about a run, for reading rather than for machines."""

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from rlvr.files import write_whole
from rlvr.runner.alarms import Alarm
from rlvr.runner.report.categories import categories
from rlvr.runner.report.curves import Metrics, curves, time_split
from rlvr.runner.report.html import HERE, STYLE, accuracy_cell
from rlvr.runner.report.rollout_viewer import chosen, embedded
from rlvr.runner.run_folder.environment import Environment
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.run_folder.learning_signal import LearningSignal
from rlvr.runner.run_folder.result import RunResult, result
from rlvr.runner.settings.run_config import RunConfig


def write(folder: RunFolder) -> Path:
    """Write the page, of a run that goes on or was stopped too. Returns its path.

    Raises ConfigError for a file of the run that can't be read, OSError if the page can't be written.
    """
    _, pack, config = RunFolder.open(folder.path)
    metrics, steps, alarms = folder.metrics(), folder.rollout_steps(), folder.alarms()
    environment = folder.environment()
    places, indices = chosen(steps, [place for alarm in alarms for place in alarm.rollouts])
    rollouts = f"{len(steps):,} rollouts" + (f", {len(places):,} of them below" if len(places) < len(steps) else "")
    values = {
        "title": escape(folder.path.name),
        "style": STYLE.read_text(encoding="utf-8"),
        "script": (HERE / "report.js").read_text(encoding="utf-8"),
        "summary": _notes(config, environment)
        + _accuracy(result(folder))
        + _list(_facts(pack, config, environment, metrics, rollouts, folder.signal())),
        "alarms": _alarms(alarms),
        "curves": curves(metrics, folder.evaluations()),
        "time": time_split(metrics),
        "categories": categories(folder.evaluation("before"), folder.evaluation("after"), metrics),
        "config": escape((folder.path / "config.toml").read_text(encoding="utf-8")),
        "environment": escape(json.dumps(environment.table, indent=1)),
        "rollouts": embedded(folder.rollout_rows(places), indices),
    }
    template = (HERE / "report_template.html").read_text(encoding="utf-8")
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)  # in one pass: values are never templates
    path = folder.path / "report.html"
    write_whole(path, page)
    return path


def _facts(
    pack: str,
    config: RunConfig,
    environment: Environment,
    metrics: Metrics,
    rollouts: str,
    signal: LearningSignal | None,
) -> list[str]:
    data = environment.train_data
    steps = metrics[-1]["step"] if metrics else 0
    facts = [
        f"pack {pack}",
        f"model {environment.model} ({environment.model_origin})",
        f"verifier {verifier_name(environment.verifier)}",
        f"generation by {environment.backend}",
        *([environment.shared_prefixes] if environment.shared_prefixes else []),
        f"{steps} of {config.steps} steps",
        rollouts,
        f"data: {data.get('source')} {data.get('hub') or data.get('dataset') or ''}",
    ]
    if signal is not None:
        facts.append(f"before training, {signal}")
    generated, useful = (sum(row.get(f"tokens/{name}") or 0.0 for row in metrics) for name in ("generated", "useful"))
    if generated:
        share = f", {generated / useful:.2f} per useful one" if useful else ", none of them useful"
        facts.append(f"{generated:,.0f} tokens generated{share}")
    return facts


def _list(facts: Sequence[str]) -> str:
    return f"<ul class=facts>{''.join(f'<li>{escape(fact)}</li>' for fact in facts)}</ul>"


def _accuracy(figures: RunResult) -> str:
    if not figures.accuracy:
        return ""
    head = "<thead><tr><th></th><th>before [95 % interval]</th><th>after [95 % interval]</th></tr></thead>"
    rows = "".join(
        f"<tr><th>{kind} accuracy</th><td>{accuracy_cell(both.before)}</td><td>{accuracy_cell(both.after)}</td></tr>"
        for kind, both in figures.accuracy.items()
    )
    return f"<div class=wide><table>{head}{rows}</table></div>"


def _notes(config: RunConfig, environment: Environment) -> str:
    """What a reader must know before any figure."""
    notes, data = [], environment.train_data
    if data.get("source") == "substitute":
        notes.append(
            f"The data is a substitute ({data.get('dataset')}) for {data.get('instead_of')}: figures are not "
            "comparable with published ones."
        )
    if config.reward != "verifier":
        notes.append(
            f"A control run: the reward was {config.reward}, not the verifier's. What improved was not taught by verdicts."
        )
    if environment.contaminated:
        notes.append(
            f"{len(environment.contaminated)} of {environment.eval_examples} evaluation questions are in the training data "
            "or among the few-shot examples: the accuracy on them is not meaningful."
        )
    return "".join(f"<p class=note>{escape(note)}</p>" for note in notes)


def verifier_name(described: Mapping[str, object] | None) -> str:
    """A verifier as a run recorded it, in a few words."""
    if described is None:
        return "not recorded"
    if "name" not in described:  # several, by name
        named = {name: verifier_name(one if isinstance(one, Mapping) else None) for name, one in described.items()}
        return ", ".join(f"{name}: {words}" for name, words in named.items())
    options = described.get("options")
    given = ", ".join(f"{key}={value!r}" for key, value in options.items()) if isinstance(options, Mapping) else ""
    return f"{described['name']} version {described.get('version')}" + (f" ({given})" if given else "")


def _alarms(alarms: Sequence[Alarm]) -> str:
    if not alarms:
        return ""
    items = []
    for alarm in alarms:
        links = " ".join(f'<a href="#r-{step}-{index}">{index}</a>' for step, index in alarm.rollouts)
        items.append(
            f'<li class="{alarm.severity}"><b class="{alarm.severity}">{escape(alarm.name)}</b> at step {alarm.step}: '
            f"{escape(alarm.message)}" + (f" <small>rollouts {links}</small>" if links else "") + "</li>\n"
        )
    return f'<h2 id="alarms">Alarms</h2><ul class=alarms>{"".join(items)}</ul>'
