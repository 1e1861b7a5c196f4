"""The detectors: each looks at a run's history and says what it sees at this step, or None.

They see conditions, not events: `watch` decides how long a condition must hold before it is an alarm. Levels are
medians over `window` steps, and "the first steps" are the run's first window (history.py).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from rlvr.runner.alarms import evidence
from rlvr.runner.alarms.history import SURE, History, Seen, number
from rlvr.runner.alarms.settings import AlarmSettings

WARNING, CRITICAL = "warning", "critical"
LEARNED = 0.05  # more of all answers correct
KL_CRITICAL = 4  # times the threshold


@dataclass(frozen=True)
class Found:
    severity: str
    message: str
    rollouts: tuple[tuple[int, int], ...] = ()


Detector = Callable[[History, AlarmSettings], Found | None]


def not_finite(h: History, s: AlarmSettings) -> Found | None:
    """NaN or infinity in any metric. Rewards of a step in which every verdict was masked are excused."""
    masked = (number(h.row.get("verdicts/error")) or 0.0) + (number(h.row.get("verdicts/skipped")) or 0.0) >= 1
    bad = [
        name
        for name, value in h.row.items()
        if isinstance(value, float) and not math.isfinite(value) and not (masked and name.startswith("reward"))
    ]
    if not bad:
        return None
    names = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
    advice = "lower learning_rate or set [trl] max_grad_norm, and go on from the last checkpoint before it"
    return Found(CRITICAL, f"{names}: not a finite number; {advice}", _strong(h))


def entropy(h: History, s: AlarmSettings) -> Found | None:
    """Exploration ends while there is still something to learn: entropy falls although the reward doesn't rise."""
    now, start = h.level("entropy"), h.of("entropy").start(s.window)
    if now is None or not start or start <= 0 or not h.full or _solved(h, s):
        return None
    share = now / start
    before = h.of("entropy").level(s.window, s.window)
    falling = before is not None and now < before - SURE * h.of("entropy").noise(s.window)
    rising = h.of("reward").rising(s.window)
    spent = share < s.entropy_floor
    if not (spent or (share < s.entropy_low and falling and not rising)):
        return None
    return Found(
        CRITICAL if spent and not rising else WARNING,
        f"entropy is at {now:.3g}, {share:.0%} of the first steps' {start:.3g}, and the reward is{'' if rising else ' not'} "
        "rising: exploration ends; lower learning_rate, raise temperature or [trl] epsilon_high, or go back to the best "
        "checkpoint",
        evidence.named(evidence.same(h.rollouts) or evidence.alike(h.rollouts)),
    )


def no_variance(h: History, s: AlarmSettings) -> Found | None:
    """Groups whose rewards are all equal have no advantages: their tokens teach nothing."""
    now = h.level("groups/no_variance")
    now = h.level("frac_reward_zero_std") if now is None else now
    if now is None or now < s.no_variance:
        return None
    shown = evidence.named(evidence.alike(h.rollouts))
    teach = f"{now:.0%} of the groups have equal rewards and teach nothing"
    right = f"{h.correct or 0:.0%} are correct"
    why = _why_alike(h, s)
    if why == "alike right":
        return Found(WARNING, f"{teach}, most as all their answers are right ({right}): the questions have become easy; "
                              "stop here, or ask harder ones (pass_rate_band, resample_rounds)", shown)  # fmt: skip
    if why == "alike wrong":
        return Found(WARNING, f"{teach}, most as all their answers are wrong ({right}): ask easier questions, give worked "
                              "examples (shots), or check the verifier", shown)  # fmt: skip
    return Found(
        CRITICAL if now >= s.no_variance_critical else WARNING,
        f"{teach}: the answers to a question have become alike; lower learning_rate, raise temperature, set resample_rounds",
        shown,
    )


def _why_alike(h: History, s: AlarmSettings) -> str:
    """What most of the groups without variance are, from the rollouts or, without them, from the share of right answers."""
    kinds = {name: h.total(name) for name in ("alike right", "alike wrong", "alike text")}
    if any(kinds.values()):
        most = max(kinds, key=lambda name: kinds[name])
        return most if 2 * kinds[most] > sum(kinds.values()) else "alike text"
    right = h.correct
    if right is None:
        return "alike text"
    return "alike right" if right >= s.solved else "alike wrong" if right <= 1 - s.solved else "alike text"


def reward_fall(h: History, s: AlarmSettings) -> Found | None:
    """What was learned is lost again."""
    series = h.of("reward")
    now, best = series.level(s.window), h.best.get("reward")
    if now is None or best is None or not h.full:
        return None
    lost = best - now
    if lost <= max(s.reward_fall * abs(best), SURE * series.noise(s.window)):
        return None
    return Found(
        CRITICAL,
        f"the reward fell from {best:.3g} to {now:.3g}: the run forgets; lower learning_rate and go on from the best "
        "checkpoint",
        evidence.named(evidence.strongest(_wrong(h), lambda one: -(one.reward or 0.0))),
    )


def category_fall(h: History, s: AlarmSettings) -> Found | None:
    """One category is lost while the whole stands."""
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
    return Found(
        WARNING,
        f"category {category!r}: {h.best[worst]:.0%} were correct, now {h.level(worst) or 0:.0%}; "
        'ask it more often (category_boost_below, or category_weights = "balanced")',
        evidence.named(one for one in _wrong(h) if one.category == category),
    )


def plateau(h: History, s: AlarmSettings) -> Found | None:
    """No better reward for a long time, although there is something left to learn."""
    series = h.of("reward")
    now, then = series.level(s.window), series.level(s.window, s.plateau)
    if now is None or then is None or len(series.values) < s.plateau + s.window or _solved(h, s):
        return None
    if now - then > SURE * series.noise(s.window) or (h.best.get("reward", now) - now) > s.reward_fall * abs(now):
        return None  # it rises, or it falls, which is another alarm
    return Found(
        WARNING,
        f"the reward is at {now:.3g}, as it was {s.plateau} steps ago ({then:.3g}): stop and keep the best checkpoint, or "
        "change the questions (pass_rate_band, harder data)",
        evidence.named(_wrong(h)),
    )


def length(h: History, s: AlarmSettings) -> Found | None:
    """Completions grow or shrink many times over without more right answers."""
    series = h.of("completions/mean_length")
    now = series.level(s.window)
    for ago in _moments(s):
        then = series.before(s.window, ago)
        if now is None or not then or not h.full or 1 / s.length_growth < now / then < s.length_growth:
            continue
        if _learned(h, s, ago):
            continue
        longer = now > then
        shown = evidence.strongest(h.rollouts, lambda one, sign=1 if longer else -1: sign * len(one.completion))  # type: ignore[misc]
        advice = (
            "the policy pads; penalise length, or set [trl] loss_type = 'dr_grpo'"
            if longer
            else "the policy gives up its reasoning; lower learning_rate, look at what pays"
        )
        extreme = not 0.5 / s.length_growth < now / then < 2 * s.length_growth
        return Found(
            CRITICAL if extreme else WARNING,
            f"completions went from {then:.0f} to {now:.0f} tokens without more right answers: {advice}",
            evidence.named(shown),
        )
    return None


def truncation(h: History, s: AlarmSettings) -> Found | None:
    """Completions are cut off before they answer: their rewards measure the token limit."""
    counted, cut = h.total("counted"), h.total("cut")
    if counted:
        share, finished = cut / counted, counted - cut
        if share < s.truncation:
            return None
        unanswered = h.total("cut unparsed") / counted
        finished_right = (h.total("correct") - h.total("cut correct")) / finished if finished else 0.0
        worse = finished >= 0.1 * counted and h.total("cut correct") / cut < 0.5 * finished_right
        if unanswered < s.truncation and not worse:
            return None  # answers that fit the limit exactly
    else:
        share = h.level("completions/clipped_ratio") or 0.0
        if share < s.truncation:
            return None
    return Found(
        CRITICAL if share >= 0.8 else WARNING,
        f"{share:.0%} of the completions are cut off by the token limit before they answer: raise "
        'max_completion_length, or mask them ([reward] truncated = "mask")',
        evidence.named(one for one in h.rollouts if one.truncated),
    )


def format_only(h: History, s: AlarmSettings) -> Found | None:
    """A part of the reward other than the verdict rises while right answers don't."""
    parts = _parts(h, s)
    total = sum(abs(level) for level in parts.values())
    for name in parts:
        series = h.of(f"reward_parts/{name}")
        for ago in _moments(s):
            then = series.before(s.window, ago)
            if name == "verdict" or then is None or not h.full or _learned(h, s, ago):
                continue
            if parts[name] - then > max(s.format_rise * total, SURE * series.noise(s.window), 1e-9):
                return Found(
                    WARNING,
                    f"part {name!r} of the reward rose from {then:.3g} to {parts[name]:.3g} while right answers stand at "
                    f"{h.correct or 0:.0%}: form is being learned, not answers; lower its weight in [reward] parts",
                    evidence.named(one for one in _wrong(h) if (one.reward or 0.0) > 0),
                )
    return None


def shadow(h: History, s: AlarmSettings) -> Found | None:
    """A second verifier refuses what the first one pays for."""
    decided, refused = h.total("shadowed"), h.total("refused")
    if not decided or refused / decided < s.shadow or refused < 5:
        return None
    share = refused / decided
    return Found(
        CRITICAL if share >= 0.5 else WARNING,
        f"the shadow verifier refuses {share:.0%} of the answers that were paid as correct ({refused:.0f} of {decided:.0f} "
        "in the last steps): read them; if they are wrong, the verifier is being gamed",
        evidence.named(evidence.refused(h.rollouts)),
    )


def identical(h: History, s: AlarmSettings) -> Found | None:
    """Different questions get one and the same wrong answer, or a group one and the same long text."""
    rollouts, same = h.total("rollouts"), h.total("same")
    if not rollouts or same / rollouts < s.identical:
        return None
    return Found(
        CRITICAL,
        f"{same / rollouts:.0%} of the completions are copies of each other: the policy has collapsed to few texts; lower "
        "learning_rate, raise temperature, and go on from the best checkpoint",
        evidence.named(evidence.same(h.rollouts)),
    )


def echo(h: History, s: AlarmSettings) -> Found | None:
    """Completions that repeat the prompt instead of answering."""
    sampled, echoing = h.total("sampled"), h.total("echoing")
    if not sampled or echoing / sampled < s.echo:
        return None
    return Found(
        WARNING,
        f"{echoing / sampled:.0%} of the completions repeat the prompt's words: check that the verifier doesn't take an "
        "answer out of repeated text, and that the chat template fits the model",
        evidence.named(one for one in evidence.sampled(h.rollouts) if evidence.echoes(one)),
    )


def held_out(h: History, s: AlarmSettings) -> Found | None:
    """Training gets better, held-out questions don't: what is rewarded isn't the task."""
    known = [(step, found["strict"]) for step, found in sorted(h.evaluations.items()) if _figures(found)]
    if len(known) < 3 or known[-1][0] < h.step - 2 * s.window:
        return None
    rise = h.of("verdicts/correct").rise(s.window)
    rise = h.of("reward").rise(s.window) if rise is None else rise
    best = max(known[:-1], key=lambda one: one[1]["accuracy"])[1]
    last, before, first = known[-1][1], known[-2][1], known[0][1]
    shown = evidence.named(evidence.strongest(h.rollouts, lambda one: one.reward or 0.0))
    fallen = max(last["interval"][1], before["interval"][1]) < best["interval"][0]
    if fallen and rise is not None and rise > 0:
        return Found(
            CRITICAL,
            f"held-out accuracy fell from {best['accuracy']:.0%} to {last['accuracy']:.0%} while the training reward rose: "
            "read the best-paid rollouts; the verifier is being gamed, or the data learned by heart",
            shown,
        )
    if rise is None or rise <= max(s.held_out, SURE * h.of("reward").noise(s.window)):
        return None
    if all(one["interval"][1] < first["accuracy"] + rise / 2 for one in (last, before)):
        return Found(
            WARNING,
            f"{rise:.0%} more answers are correct in training, held-out accuracy went from {first['accuracy']:.0%} to "
            f"{last['accuracy']:.0%}: read the best-paid rollouts, and compare with a control arm (reward = random)",
            shown,
        )
    return None


def clip(h: History, s: AlarmSettings) -> Found | None:
    """Most of the update is thrown away by the clip bounds."""
    now = h.level("clip_ratio/region_mean")
    if now is None or now < s.clip:
        return None
    return Found(
        CRITICAL if now >= 2 * s.clip else WARNING,
        f"{now:.0%} of the tokens' updates are clipped: lower learning_rate, make fewer updates of a batch "
        "([trl] num_iterations), or widen [trl] epsilon_high",
        _strong(h),
    )


def kl(h: History, s: AlarmSettings) -> Found | None:
    """The policy runs away from the reference model. TRL logs `kl` where [trl] beta is above 0."""
    now, start = h.level("kl"), h.of("kl").start(s.window)
    if now is None or now < s.kl or (h.full and start is not None and now < 2 * start):
        return None
    return Found(
        CRITICAL if now >= KL_CRITICAL * s.kl else WARNING,
        f"{now:.3g} nats a token away from the reference model: raise [trl] beta, or lower learning_rate",
        _strong(h),
    )


def gradient(h: History, s: AlarmSettings) -> Found | None:
    """Gradients that are mostly zero, or that jump again and again."""
    norms = h.of("grad_norm").last(s.window)
    if len(norms) < s.window:
        return None
    zeros = sum(norm < 1e-9 for norm in norms) / len(norms)
    if zeros >= s.gradient_zero:
        return Found(
            CRITICAL,
            f"{zeros:.0%} of the last {len(norms)} steps had no gradient: nothing is learned; look at the groups without "
            "variance, and whether all rewards are masked",
            evidence.named(evidence.alike(h.rollouts)),
        )
    longer = h.of("grad_norm").last(5 * s.window)  # spikes are rare: they come back, or they don't
    usual = max(median(norms), median(longer))  # while norms grow, the present ones are the usual ones
    spikes = [norm for norm in longer if norm > s.gradient_spike * usual]
    if usual > 1e-9 and len(spikes) >= 3:
        return Found(
            WARNING,
            f"{len(spikes)} of the last {len(longer)} steps had a gradient of up to {max(spikes) / usual:.0f} times the usual: "
            "set [trl] max_grad_norm, or lower learning_rate",
            _strong(h),
        )
    return None


def one_part(h: History, s: AlarmSettings) -> Found | None:
    """Most of what is paid is paid by something other than the verdict."""
    parts = _parts(h, s)
    total = sum(abs(level) for level in parts.values())
    if "verdict" not in parts or len(parts) < 2 or not total or not h.full:
        return None
    name = max(parts, key=lambda part: abs(parts[part]))
    if name == "verdict" or abs(parts[name]) < s.one_part * total:
        return None
    return Found(
        WARNING,
        f"part {name!r} makes {abs(parts[name]) / total:.0%} of the reward, the verdict {abs(parts['verdict']) / total:.0%}: "
        "what is learned is that part; lower its weight in [reward] parts",
        evidence.named(evidence.strongest(_wrong(h), lambda one: one.reward or 0.0)),
    )


def dead_part(h: History, s: AlarmSettings) -> Found | None:
    """A part of the reward that has never paid."""
    for name, series in h.series.items():
        part = name.removeprefix("reward_parts/")
        if part in (name, "verdict") or len(series.values) < 3 * s.window:
            continue
        if not any(series.values):
            return Found(
                WARNING,
                f"part {part!r} of the reward has been 0 for {len(series.values)} steps: no verdict has it; check its "
                "name in [reward] parts",
            )
    return None


DETECTORS: dict[str, Detector] = {
    function.__name__: function
    for function in (
        not_finite, entropy, no_variance, reward_fall, category_fall, plateau, length, truncation, format_only, shadow,
        identical, echo, held_out, clip, kl, gradient, one_part, dead_part,
    )
}  # fmt: skip
AT_ONCE = ("not_finite", "held_out")  # need no persistence: a NaN is one, and evaluations have intervals


def _solved(h: History, s: AlarmSettings) -> bool:
    return (h.correct or 0.0) >= s.solved


def _moments(s: AlarmSettings) -> tuple[int | None, ...]:
    """What the present is held against: the run's first steps, and three windows ago."""
    return None, 3 * s.window


def _learned(h: History, s: AlarmSettings, ago: int | None) -> bool:
    """Whether clearly more answers are correct than `ago` steps ago (None: in the first steps): held-out ones, where
    they were measured then and since."""
    known = [(step, found["strict"]["accuracy"]) for step, found in sorted(h.evaluations.items()) if _figures(found)]
    past = known[:1] if ago is None else [one for one in known if one[0] <= h.step - ago][-1:]
    if past and known[-1][0] > past[0][0]:
        return bool(known[-1][1] - past[0][1] > LEARNED)
    series = h.of("verdicts/correct")
    now, then = series.level(s.window), series.before(s.window, ago)
    return now is None or then is None or now - then > max(LEARNED, SURE * series.noise(s.window))


def _parts(h: History, s: AlarmSettings) -> dict[str, float]:
    prefix = "reward_parts/"
    levels = {name.removeprefix(prefix): h.level(name) for name in h.series if name.startswith(prefix)}
    return {name: level for name, level in levels.items() if level is not None}


def _figures(evaluation: object) -> bool:
    strict = evaluation.get("strict") if isinstance(evaluation, dict) else None
    return isinstance(strict, dict) and strict.get("accuracy") is not None


def _wrong(h: History) -> list[Seen]:
    return [one for one in h.rollouts if not one.correct and not one.masked]


def _strong(h: History) -> tuple[tuple[int, int], ...]:
    """The rollouts that moved the policy most."""
    found = evidence.strongest(h.rollouts, lambda one: abs(number(one.advantage) or 0.0))
    return tuple((one.step, one.index) for one in found)
