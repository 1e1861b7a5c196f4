"""What is paid for: parts of the reward, and what a shadow verifier says of the verdicts."""

from rlvr.runner.alarms import evidence
from rlvr.runner.alarms.detectors.common import learned, moments, reward_parts, wrong
from rlvr.runner.alarms.finding import Finding, Severity
from rlvr.runner.alarms.history import SURE, History, RolloutView
from rlvr.runner.alarms.settings import AlarmSettings

SHORTER = 0.75  # of the length before: completions shrink
MOST = 2 / 3  # of the reward


def format_only(h: History, s: AlarmSettings) -> Finding | None:
    """A part of the reward other than the verdict rises while right answers don't."""
    parts = reward_parts(h, s.window)
    total = sum(abs(level) for level in parts.values())
    for name in parts:
        series = h.of(f"reward_parts/{name}")
        for ago in moments(s.window):
            then = series.before(s.window, ago)
            if name == "verdict" or then is None or not h.full or learned(h, s.window, ago):
                continue
            if parts[name] - then > max(s.format_rise * total, SURE * series.noise(s.window), 1e-9):
                return Finding(
                    Severity.WARNING,
                    f"part {name!r} of the reward rose from {then:.3g} to {parts[name]:.3g} while right answers are at "
                    f"{h.correct or 0:.0%}: form is being learned, not answers; lower its weight in [reward] parts",
                    evidence.named(_paid(wrong(h))),
                )
    return None


def wrong_paid(h: History, s: AlarmSettings) -> Finding | None:
    """Wrong answers earn most of the reward, right ones don't increase, and completions shrink to what is paid.

    Levels are those of a fifth of a window: a policy learns this within ten steps.
    """
    steps = max(4, s.window // 5)
    paid, wrong_answers = h.total("wrong paid", steps), h.total("wrong", steps)
    earned, earned_wrong = h.total("earned"), h.total("earned wrong")
    if h.steps < 2 * steps or not paid or paid < s.wrong_paid * wrong_answers or earned_wrong < MOST * earned:
        return None
    lengths = h.of("completions/mean_length")
    now = lengths.level(steps)
    for ago in moments(steps):
        then = lengths.before(steps, ago)
        if now is None or then is None or now > SHORTER * then or learned(h, steps, ago):
            continue
        parts = {name: level for name, level in reward_parts(h, steps).items() if name != "verdict" and level > 0}
        part = max(parts, key=lambda name: parts[name], default="verdict")
        return Finding(
            Severity.WARNING,
            f"wrong answers earn {earned_wrong / earned:.0%} of the reward, most of it by part {part!r}; right answers are at "
            f"{h.correct or 0:.0%}, and completions went from {then:.0f} to {now:.0f} tokens: the policy learns to earn that "
            "part instead of answering; pay it only for right answers ([reward]; `rlvr check` says what wrong ones can earn)",
            evidence.named(_paid(wrong(h))),
        )
    return None


def _paid(rollouts: list[RolloutView]) -> list[RolloutView]:
    return [rollout for rollout in rollouts if (rollout.reward or 0.0) > 0]


def shadow(h: History, s: AlarmSettings) -> Finding | None:
    """A second verifier refuses what the first one pays for."""
    decided, refused = h.total("shadowed"), h.total("refused")
    if not decided or refused / decided < s.shadow or refused < 5:
        return None
    share = refused / decided
    return Finding(
        Severity.CRITICAL if share >= 0.5 else Severity.WARNING,
        f"the shadow verifier refuses {share:.0%} of the answers that were paid as correct ({refused:.0f} of {decided:.0f} "
        "in the last steps): read them; if they are wrong, the verifier is being gamed",
        evidence.named(evidence.refused(h.rollouts)),
    )


def one_part(h: History, s: AlarmSettings) -> Finding | None:
    """Most of what is paid is paid by something other than the verdict."""
    parts = reward_parts(h, s.window)
    total = sum(abs(level) for level in parts.values())
    if "verdict" not in parts or len(parts) < 2 or not total or not h.full:
        return None
    name = max(parts, key=lambda part: abs(parts[part]))
    if name == "verdict" or abs(parts[name]) < s.one_part * total:
        return None
    return Finding(
        Severity.WARNING,
        f"part {name!r} makes {abs(parts[name]) / total:.0%} of the reward, the verdict {abs(parts['verdict']) / total:.0%}: "
        "what is learned is that part; lower its weight in [reward] parts",
        evidence.named(evidence.strongest(wrong(h), lambda rollout: rollout.reward or 0.0)),
    )


def dead_part(h: History, s: AlarmSettings) -> Finding | None:
    """A part of the reward that has never paid."""
    for name, series in h.series.items():
        part = name.removeprefix("reward_parts/")
        if part in (name, "verdict") or len(series.values) < 3 * s.window:
            continue
        if not any(series.values):
            return Finding(
                Severity.WARNING,
                f"part {part!r} of the reward has been 0 for {len(series.values)} steps: no verdict has it; check its "
                "name in [reward] parts",
            )
    return None
