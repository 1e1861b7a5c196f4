"""Is anything learned, and is it what was meant? Exploration, reward, categories, held-out accuracy."""

from rlvr.runner.alarms import evidence
from rlvr.runner.alarms.detectors.common import solved, wrong
from rlvr.runner.alarms.finding import Finding, Severity
from rlvr.runner.alarms.history import SURE, History
from rlvr.runner.alarms.settings import AlarmSettings


def entropy(h: History, s: AlarmSettings) -> Finding | None:
    """Exploration ends while there is still something to learn: entropy falls although the reward doesn't rise."""
    now, start = h.level("entropy"), h.of("entropy").start(s.window)
    if now is None or not start or start <= 0 or not h.full or solved(h, s):
        return None
    share = now / start
    before = h.of("entropy").level(s.window, s.window)
    falling = before is not None and now < before - SURE * h.of("entropy").noise(s.window)
    rising = h.of("reward").rising(s.window)
    spent = share < s.entropy_floor
    if not (spent or (share < s.entropy_low and falling and not rising)):
        return None
    return Finding(
        Severity.CRITICAL if spent and not rising else Severity.WARNING,
        f"entropy is at {now:.3g}, {share:.0%} of the first steps' {start:.3g}, and the reward is{'' if rising else ' not'} "
        "rising: exploration ends; lower learning_rate, raise temperature or [trl] epsilon_high, or go back to the best "
        "checkpoint",
        evidence.named(evidence.same(h.rollouts) or evidence.zero_variance(h.rollouts)),
    )


def no_variance(h: History, s: AlarmSettings) -> Finding | None:
    """Zero-variance groups, whose rewards are all equal, have no advantages: they give no learning signal."""
    now = h.level("groups/no_variance")
    now = h.level("frac_reward_zero_std") if now is None else now
    if now is None or now < s.no_variance:
        return None
    rollouts = evidence.named(evidence.zero_variance(h.rollouts))
    what = f"{now:.0%} of the groups have equal rewards and give no learning signal"
    right = f"{h.correct or 0:.0%} are correct"
    match _kind_of_most(h, s):
        case evidence.ALL_RIGHT:
            message = (
                f"{what}, most because all their answers are right ({right}): the questions have become easy; stop here, or "
                "ask harder ones (pass_rate_band, resample_rounds)"
            )
            return Finding(Severity.WARNING, message, rollouts)
        case evidence.ALL_WRONG:
            message = (
                f"{what}, most because all their answers are wrong ({right}): ask easier questions, give few-shot examples "
                "(shots), or check the verifier"
            )
            return Finding(Severity.WARNING, message, rollouts)
    return Finding(
        Severity.CRITICAL if now >= s.no_variance_critical else Severity.WARNING,
        f"{what}: the answers to a question have become alike; lower learning_rate, raise temperature, set resample_rounds",
        rollouts,
    )


def _kind_of_most(h: History, s: AlarmSettings) -> str:
    """What most of the zero-variance groups are, from the rollouts or, without them, from the share of right answers."""
    kinds = {name: h.total(name) for name in (evidence.ALL_RIGHT, evidence.ALL_WRONG, evidence.ONE_TEXT)}
    if any(kinds.values()):
        most = max(kinds, key=lambda name: kinds[name])
        return most if 2 * kinds[most] > sum(kinds.values()) else evidence.ONE_TEXT
    right = h.correct
    if right is None:
        return evidence.ONE_TEXT
    return (
        evidence.ALL_RIGHT if right >= s.solved else evidence.ALL_WRONG if right <= 1 - s.solved else evidence.ONE_TEXT
    )


def reward_fall(h: History, s: AlarmSettings) -> Finding | None:
    """What was learned is lost again."""
    series = h.of("reward")
    now, best = series.level(s.window), h.best.get("reward")
    if now is None or best is None or not h.full:
        return None
    lost = best - now
    if lost <= max(s.reward_fall * abs(best), SURE * series.noise(s.window)):
        return None
    return Finding(
        Severity.CRITICAL,
        f"the reward fell from {best:.3g} to {now:.3g}: the run forgets; lower learning_rate and go on from the best "
        "checkpoint",
        evidence.named(evidence.strongest(wrong(h), lambda rollout: -(rollout.reward or 0.0))),
    )


def category_fall(h: History, s: AlarmSettings) -> Finding | None:
    """One category is lost while the rest holds."""
    worst, loss = "", 0.0
    for name in h.series:
        if not name.endswith("/pass_rate") or name not in h.best:
            continue
        now = h.level(name)
        if now is not None and h.best[name] - now > max(s.category_fall, SURE * h.of(name).noise(s.window), loss):
            worst, loss = name, h.best[name] - now
    if not worst:
        return None
    category = worst.removeprefix("category/").removesuffix("/pass_rate")
    return Finding(
        Severity.WARNING,
        f"category {category!r}: {h.best[worst]:.0%} were correct, now {h.level(worst) or 0:.0%}; "
        'ask it more often (category_boost_below, or category_weights = "balanced")',
        evidence.named(rollout for rollout in wrong(h) if rollout.category == category),
    )


def plateau(h: History, s: AlarmSettings) -> Finding | None:
    """No better reward for a long time, although there is something left to learn."""
    series = h.of("reward")
    now, then = series.level(s.window), series.level(s.window, s.plateau)
    if now is None or then is None or len(series.values) < s.plateau + s.window or solved(h, s):
        return None
    if now - then > SURE * series.noise(s.window) or (h.best.get("reward", now) - now) > s.reward_fall * abs(now):
        return None  # it rises, or it falls, which is another alarm
    return Finding(
        Severity.WARNING,
        f"the reward is at {now:.3g}, as it was {s.plateau} steps ago ({then:.3g}): stop and keep the best checkpoint, or "
        "change the questions (pass_rate_band, harder data)",
        evidence.named(wrong(h)),
    )


def held_out(h: History, s: AlarmSettings) -> Finding | None:
    """Training gets better, held-out questions don't: what is rewarded isn't the task."""
    known = h.held_out
    if len(known) < 3 or known[-1].step < h.step - 2 * s.window:
        return None
    rise = h.of("verdicts/correct").rise(s.window)
    rise = h.of("reward").rise(s.window) if rise is None else rise
    best = max(known[:-1], key=lambda point: point.accuracy)
    first, before, last = known[0], known[-2], known[-1]
    best_paid = evidence.named(evidence.strongest(h.rollouts, lambda rollout: rollout.reward or 0.0))
    if max(last.high, before.high) < best.low and rise is not None and rise > 0:
        return Finding(
            Severity.CRITICAL,
            f"held-out accuracy fell from {best.accuracy:.0%} to {last.accuracy:.0%} while the training reward rose: "
            "read the best-paid rollouts; the verifier is being gamed, or the data learned by heart",
            best_paid,
        )
    if rise is None or rise <= max(s.held_out, SURE * h.of("reward").noise(s.window)):
        return None
    if all(point.high < first.accuracy + rise / 2 for point in (last, before)):
        return Finding(
            Severity.WARNING,
            f"{rise:.0%} more answers are correct in training, held-out accuracy went from {first.accuracy:.0%} to "
            f"{last.accuracy:.0%}: read the best-paid rollouts, and compare with a control run (reward = random)",
            best_paid,
        )
    return None
