"""Does it learn, and would it have learnt without the verifier? Each arm is a real `rlvr run` in a process of its own.

    python benchmarks/learning.py addition        three seeds, 400 steps; 600 steps; 600 steps with naive settings
    python benchmarks/learning.py arithmetic      the verifier's reward, and a random one, on SmolLM2-135M-Instruct
    python benchmarks/learning.py trl             the same settings through plain TRL: loss curve and seconds a step
    python benchmarks/learning.py gsm8k           before and after, 0 and 8 shots, strict and lenient

--plot FILE.svg draws the curves of held-out accuracy and reward; --json prints the figures; runs are kept in --output.
Figures and what they say: docs/learning.md.
"""

import argparse
import contextlib
import io
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# What two processors do in five minutes; with a GPU, `rlvr run gsm8k --profile gpu` asks all 1,319 questions.
GSM8K = {
    "steps": 8, "prompts_per_step": 4, "group_size": 8, "max_completion_length": 128, "learning_rate": 1e-5,
    "eval_examples": 100, "save_every": 8, "trl": {"vllm_importance_sampling_correction": False},
}  # fmt: skip
NAIVE = {"prompts_per_step": 16, "group_size": 16, "learning_rate": 1e-2, "trl": {}}  # constant, no entropy bonus


def run(output: Path, *arguments: str, config: dict[str, Any] | None = None) -> dict[str, Any]:
    """The result of one `rlvr run`, with its seconds and its rows."""
    import tomli_w

    flags = [*arguments, "--signal-check", "0"]  # a run without anything to learn is a result too
    if config is not None:
        output.mkdir(parents=True, exist_ok=True)
        (output / "settings.toml").write_text(tomli_w.dumps(config))
        flags += ["-c", str(output / "settings.toml")]
    command = [sys.executable, "-m", "rlvr.runner.cli", "run", *flags, "--output", str(output), "--json"]
    print("$ rlvr run", *flags, file=sys.stderr)
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"the run failed with {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result | {"seconds": time.perf_counter() - start}


def addition(output: Path) -> list[dict[str, Any]]:
    arms = [
        arm(f"seed {seed}", run(output, "addition", "--seed", seed, "--eval-every", "100")) for seed in ("0", "1", "2")
    ]
    arms.append(arm("600 steps", run(output, "addition", "--steps", "600", "--eval-every", "50")))
    naive = run(output, "addition", "--steps", "600", "--eval-every", "50", config=NAIVE)
    return [*arms, arm("600 steps, naive settings", naive)]


def arithmetic(output: Path) -> list[dict[str, Any]]:
    return [
        arm(f"reward: {reward}", run(output, "arithmetic", "--reward", reward)) for reward in ("verifier", "random")
    ]


def gsm8k(output: Path) -> list[dict[str, Any]]:
    return [
        arm(f"{shots} shots", run(output, "gsm8k", "--shots", shots, "--eval-shots", shots, config=GSM8K))
        for shots in ("0", "8")
    ]


def arm(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a run: its figures and curves."""
    from rlvr.runner.run_folder.folder import RunFolder

    folder = RunFolder(Path(result["folder"]))
    rows, evaluations = folder.metrics(), folder.evaluations()
    return {
        "name": name,
        "seconds": result["seconds"],
        "steps": len(rows),
        "step_seconds": statistics.median(row["time/step"] for row in rows),
        "before": evaluations[0].accuracies.as_json(),
        "after": evaluations[-1].accuracies.as_json(),
        "held_out": [(summary.at_step, summary.strict.accuracy) for summary in evaluations],
        "reward": [(row["step"], row["reward"]) for row in rows],
        "alarms": [f"step {alarm.step}: {alarm.name}" for alarm in folder.alarms()],
        "folder": str(folder.path),
    }


# ---- against TRL alone


TRL_RUNS = (("addition", 100, (0, 1, 2)), ("arithmetic", 6, (0,)))  # pack, steps, seeds


def trl(output: Path) -> list[dict[str, Any]]:
    """Plain and ours in turns, each in a fresh process, with no few-shot examples and the same order of questions."""
    found = []
    for pack, steps, seeds in TRL_RUNS:
        curves: dict[str, list[dict[str, list[float]]]] = {"plain": [], "ours": []}
        for seed in seeds:
            for which, runs in curves.items():
                command = [sys.executable, __file__, "--child", which, pack, str(steps), str(seed), str(output)]
                print("$", *command[1:], file=sys.stderr)
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                runs.append(json.loads(done.stdout.splitlines()[-1]))
        # The first steps warm up.
        seconds = {which: [statistics.median(run["seconds"][2:]) for run in runs] for which, runs in curves.items()}
        medians = {which: statistics.median(values) for which, values in seconds.items()}
        found.append(
            {
                "name": f"{pack}: plain TRL and rlvr, {steps} steps, seeds {', '.join(map(str, seeds))}",
                "seconds": seconds,
                "plain": medians["plain"],
                "ours": medians["ours"],
                "ratio": medians["ours"] / medians["plain"],
                "mean_reward": {which: last_mean(runs, "reward", 30) for which, runs in curves.items()},
                "mean_loss": {which: last_mean(runs, "loss", 30) for which, runs in curves.items()},
                "apart": [apart(*pair) for pair in zip(curves["plain"], curves["ours"], strict=True)],
                "curves": curves,
            }
        )
    return found


def last_mean(runs: list[dict[str, list[float]]], name: str, steps: int) -> list[float]:
    return [statistics.fmean(run[name][-steps:]) for run in runs]


def apart(plain: dict[str, list[float]], ours: dict[str, list[float]]) -> int:
    """The first step whose reward is another: rounding has led to another completion."""
    pairs = zip(plain["reward"], ours["reward"], strict=True)
    return next((step for step, (a, b) in enumerate(pairs, 1) if a != b), len(plain["reward"]) + 1)


def child(which: str, pack_name: str, steps: int, seed: int, output: Path) -> None:
    """One short training, in this process: `plain` is GRPOTrainer with a reward function of two lines."""
    from rlvr.runner.display.terminal_view import View
    from rlvr.runner.process.setup import prepare_libraries
    from rlvr.runner.settings.resolve import resolve
    from rlvr.tasks.pack import load_pack

    prepare_libraries()
    from rlvr.runner.training.plan import make_plan
    from rlvr.runner.training.run import run

    flags = {"steps": steps, "seed": seed, "shots": 0, "eval_examples": 0, "eval_every": 0, "save_every": steps * 10,
             "backend": "transformers", "output": str(output)}  # fmt: skip
    pack = load_pack(pack_name)
    config = resolve(pack, "", None, flags)
    view = View(quiet=True)
    plan = make_plan(pack, config, view)
    if which == "ours":
        from rlvr.runner.run_folder.folder import RunFolder

        folder = RunFolder.create(output, pack.name, "child", config, {})
        with contextlib.redirect_stderr(io.StringIO()):
            run(plan, folder, view)
        rows = folder.metrics()
        keys = {"seconds": "time/step", "reward": "reward", "loss": "loss"}
        found = {name: [row[key] for row in rows] for name, key in keys.items()}
    else:
        found = plain_trl(plan, output)
    print(json.dumps(found))


def plain_trl(plan: Any, output: Path) -> dict[str, list[float]]:
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOTrainer

    from rlvr.runner.generation import models
    from rlvr.runner.process.setup import prepare_threads
    from rlvr.runner.settings.trl_config import grpo_config

    model = models.load_for_training(plan.model)
    tiny = models.is_tiny(model)
    prepare_threads(tiny)
    config, examples = plan.config, plan.train.examples
    drawn = plan.sampler.draw(config.prompts_per_step * config.steps)  # the questions that rlvr asks
    rows = [{"prompt": plan.shots.prompt(examples[i], plan.tokenizer).text, "gold": examples[i].gold} for i in drawn]

    def correct(completions: list[str], gold: list[str], **_: Any) -> list[float]:
        return [float(c.strip().partition("\n")[0].strip() == g) for c, g in zip(completions, gold, strict=True)]

    seconds: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.start = time.perf_counter()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            if "loss" in logs:
                now = time.perf_counter()
                seconds.append(now - self.last if hasattr(self, "last") else now - self.start)
                self.last = now

    folder = output / f"plain-{time.time_ns()}" / "checkpoints"
    args = grpo_config(config, folder, backend=plan.backend, context=plan.context, tiny=tiny)
    args.shuffle_dataset = False
    trainer = GRPOTrainer(
        model=model, reward_funcs=[correct], args=args, train_dataset=Dataset.from_list(rows),
        processing_class=plan.tokenizer, callbacks=[Clock()],
    )  # fmt: skip
    with contextlib.redirect_stdout(sys.stderr):
        trainer.train()
    history = [row for row in trainer.state.log_history if "reward" in row]
    return {"seconds": seconds, "reward": [row["reward"] for row in history], "loss": [row["loss"] for row in history]}


# ---- what is shown


def show(arms: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    if "ratio" in arms[0]:
        for column in (
            "",
            "TRL s/step",
            "rlvr s/step",
            "ratio",
            "reward at the end: TRL, rlvr",
            "loss: TRL, rlvr",
            "same until step",
        ):
            table.add_column(column)
        for one in arms:
            ends = ["; ".join(f"{a:.3f}, {b:.3f}" for a, b in zip(one[mean]["plain"], one[mean]["ours"], strict=True))
                    for mean in ("mean_reward", "mean_loss")]  # fmt: skip
            table.add_row(one["name"], f"{one['plain']:.3f}", f"{one['ours']:.3f}", f"{one['ratio']:.3f}", *ends,
                          ", ".join(map(str, one["apart"])))  # fmt: skip
    else:
        for column in ("arm", "steps", "before", "after [95 % interval]", "best seen", "seconds", "alarms"):
            table.add_column(column)
        for one in arms:
            for kind in one["after"]:
                best = max(accuracy for _, accuracy in one["held_out"]) if kind == "strict" else None
                table.add_row(f"{one['name']} ({kind})", str(one["steps"]), share(one["before"][kind]), share(one["after"][kind]),
                              "" if best is None else f"{best:.1%}", f"{one['seconds']:.0f}", "; ".join(one["alarms"]))  # fmt: skip
    Console().print(table)


def share(figures: dict[str, Any]) -> str:
    low, high = figures["interval"]
    return f"{figures['accuracy']:.1%} [{low:.1%}, {high:.1%}]"


COLORS = ("#2563eb", "#16a34a", "#9333ea", "#ea580c", "#dc2626")


def plot(arms: list[dict[str, Any]], path: Path) -> None:
    """Two panels: held-out accuracy and reward by step. Plain SVG, readable on light and dark."""
    width, height, left, top = 420, 230, 44, 26
    steps = max(one["steps"] for one in arms)
    lines = []
    for panel, (title, key) in enumerate((("held-out accuracy", "held_out"), ("reward in training", "reward"))):
        x0 = left + panel * (width + 60)
        lines.append(f'<text x="{x0}" y="{top - 8}">{title}</text>')
        for tick in (0, 0.25, 0.5, 0.75, 1):
            y = top + height * (1 - tick)
            lines.append(f'<line x1="{x0}" y1="{y}" x2="{x0 + width}" y2="{y}" class="grid"/>')
            lines.append(f'<text x="{x0 - 6}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
        lines.append(f'<text x="{x0 + width}" y="{top + height + 16}" text-anchor="end">step {steps}</text>')
        for one, color in zip(arms, COLORS, strict=False):
            values = one[key] if key == "held_out" else smooth(one[key])
            points = " ".join(
                f"{x0 + width * step / steps:.1f},{top + height * (1 - value):.1f}" for step, value in values
            )
            lines.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.6"/>')
    for place, (one, color) in enumerate(zip(arms, COLORS, strict=False)):
        y = top + height + 36 + 18 * place
        lines.append(f'<rect x="{left}" y="{y - 9}" width="22" height="3" fill="{color}"/>')
        lines.append(f'<text x="{left + 30}" y="{y - 3}">{one["name"]}</text>')
    total = left + 2 * (width + 60), top + height + 40 + 18 * len(arms)
    style = "text{font:12px system-ui,sans-serif;fill:#6b7280}.grid{stroke:#9ca3af;stroke-opacity:.35}"
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]} {total[1]}" role="img">'
        f"<style>{style}</style>{''.join(lines)}</svg>\n"
    )


def smooth(points: list[tuple[int, float]], over: int = 10) -> list[tuple[int, float]]:
    values = [value for _, value in points]
    return [(step, statistics.fmean(values[max(0, i - over + 1) : i + 1])) for i, (step, _) in enumerate(points)]


ARMS = {"addition": addition, "arithmetic": arithmetic, "gsm8k": gsm8k, "trl": trl}


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        which, pack, steps, seed, output = sys.argv[2:]
        child(which, pack, int(steps), int(seed), Path(output))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=ARMS)
    parser.add_argument("--output", type=Path, default=Path("runs/learning"))
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    arms = ARMS[options.what](options.output)
    show(arms)
    if options.plot and "ratio" not in arms[0]:
        plot(arms, options.plot)
    if options.json:
        print(json.dumps(arms))


if __name__ == "__main__":
    main()
