"""What several detectors ask of a history."""

from rlvr.runner.alarms import evidence
from rlvr.runner.alarms.finding import Place
from rlvr.runner.alarms.history import SURE, History, RolloutView, number
from rlvr.runner.alarms.settings import AlarmSettings

LEARNED = 0.05  # more of all answers correct


def solved(h: History, s: AlarmSettings) -> bool:
    """Whether nearly all answers are correct, so that little is left to learn."""
    return (h.correct or 0.0) >= s.solved


def moments(window: int) -> tuple[int | None, ...]:
    """What the present is compared with, in steps ago: the run's first steps (None), and three windows ago."""
    return None, 3 * window


def learned(h: History, window: int, ago: int | None) -> bool:
    """Whether clearly more answers are correct than `ago` steps ago (None: in the first steps): held-out ones, if they
    were measured then and since."""
    known = h.held_out
    past = known[:1] if ago is None else [point for point in known if point.step <= h.step - ago][-1:]
    if past and known[-1].step > past[0].step:
        return known[-1].accuracy - past[0].accuracy > LEARNED
    series = h.of("verdicts/correct")
    now, then = series.level(window), series.before(window, ago)
    return now is None or then is None or now - then > max(LEARNED, SURE * series.noise(window))


def reward_parts(h: History, window: int) -> dict[str, float]:
    """The level of each part of the reward."""
    prefix = "reward_parts/"
    levels = {name.removeprefix(prefix): h.of(name).level(window) for name in h.series if name.startswith(prefix)}
    return {name: level for name, level in levels.items() if level is not None}


def wrong(h: History) -> list[RolloutView]:
    """This step's rollouts that are not correct, through the model's doing."""
    return [rollout for rollout in h.rollouts if not rollout.correct and not rollout.status.masked]


def strongest_updates(h: History) -> tuple[Place, ...]:
    """The rollouts that moved the policy most: those with the largest advantages."""
    strongest = evidence.strongest(h.rollouts, lambda rollout: abs(number(rollout.advantage) or 0.0))
    return tuple(rollout.place for rollout in strongest)
