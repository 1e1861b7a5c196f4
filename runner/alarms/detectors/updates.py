"""The updates of the weights: numbers that are not finite, clipping, distance from the reference model, gradients."""

import math
from statistics import median

from rlvr.runner.alarms import evidence
from rlvr.runner.alarms.detectors.common import strongest_updates
from rlvr.runner.alarms.finding import Finding, Severity
from rlvr.runner.alarms.history import History, number
from rlvr.runner.alarms.settings import AlarmSettings

KL_CRITICAL = 4  # times the threshold


def not_finite(h: History, s: AlarmSettings) -> Finding | None:
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
    return Finding(Severity.CRITICAL, f"{names}: not a finite number; {advice}", strongest_updates(h))


def clip(h: History, s: AlarmSettings) -> Finding | None:
    """Most of the update is thrown away by the clip bounds."""
    now = h.level("clip_ratio/region_mean")
    if now is None or now < s.clip:
        return None
    return Finding(
        Severity.CRITICAL if now >= 2 * s.clip else Severity.WARNING,
        f"{now:.0%} of the tokens' updates are clipped: lower learning_rate, make fewer updates of a batch "
        "([trl] num_iterations), or widen [trl] epsilon_high",
        strongest_updates(h),
    )


def kl(h: History, s: AlarmSettings) -> Finding | None:
    """The policy runs away from the reference model. TRL logs `kl` if [trl] beta is above 0."""
    now, start = h.level("kl"), h.of("kl").start(s.window)
    if now is None or now < s.kl or (h.full and start is not None and now < 2 * start):
        return None
    return Finding(
        Severity.CRITICAL if now >= KL_CRITICAL * s.kl else Severity.WARNING,
        f"{now:.3g} nats a token away from the reference model: raise [trl] beta, or lower learning_rate",
        strongest_updates(h),
    )


def gradient(h: History, s: AlarmSettings) -> Finding | None:
    """Gradients that are mostly zero, or that jump again and again."""
    norms = h.of("grad_norm").last(s.window)
    if len(norms) < s.window:
        return None
    zeros = sum(norm < 1e-9 for norm in norms) / len(norms)
    if zeros >= s.gradient_zero:
        return Finding(
            Severity.CRITICAL,
            f"{zeros:.0%} of the last {len(norms)} steps had no gradient: nothing is learned; look at the zero-variance "
            "groups, and whether all rewards are masked",
            evidence.named(evidence.zero_variance(h.rollouts)),
        )
    longer = h.of("grad_norm").last(5 * s.window)  # spikes are rare: they come back, or they don't
    usual = max(median(norms), median(longer))  # while norms grow, the present ones are the usual ones
    spikes = [norm for norm in longer if norm > s.gradient_spike * usual]
    if usual > 1e-9 and len(spikes) >= 3:
        return Finding(
            Severity.WARNING,
            f"{len(spikes)} of the last {len(longer)} steps had a gradient of up to {max(spikes) / usual:.0f} times the usual: "
            "set [trl] max_grad_norm, or lower learning_rate",
            strongest_updates(h),
        )
    return None
