"""What the completions look like: their length, where they end, and what they copy."""

from rlvr.runner.alarms import evidence
from rlvr.runner.alarms.detectors.common import learned, moments
from rlvr.runner.alarms.finding import Finding, Severity
from rlvr.runner.alarms.history import History, RolloutView
from rlvr.runner.alarms.settings import AlarmSettings


def length(h: History, s: AlarmSettings) -> Finding | None:
    """Completions grow or shrink many times over without more right answers."""
    series = h.of("completions/mean_length")
    now = series.level(s.window)
    for ago in moments(s.window):
        then = series.before(s.window, ago)
        if now is None or not then or not h.full or 1 / s.length_growth < now / then < s.length_growth:
            continue
        if learned(h, s.window, ago):
            continue
        longer = now > then
        advice = (
            "the policy pads; penalize length, or set [trl] loss_type = 'dr_grpo'"
            if longer
            else "the policy gives up its reasoning; lower learning_rate, look at what pays"
        )
        extreme = not 0.5 / s.length_growth < now / then < 2 * s.length_growth
        return Finding(
            Severity.CRITICAL if extreme else Severity.WARNING,
            f"completions went from {then:.0f} to {now:.0f} tokens without more right answers: {advice}",
            evidence.named(evidence.strongest(h.rollouts, _length if longer else _brevity)),
        )
    return None


def _length(rollout: RolloutView) -> float:
    return len(rollout.completion)


def _brevity(rollout: RolloutView) -> float:
    return -len(rollout.completion)


def truncation(h: History, s: AlarmSettings) -> Finding | None:
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
    return Finding(
        Severity.CRITICAL if share >= 0.8 else Severity.WARNING,
        f"{share:.0%} of the completions are cut off by the token limit before they answer: raise "
        'max_completion_length, or mask them ([reward] truncated = "mask")',
        evidence.named(rollout for rollout in h.rollouts if rollout.truncated),
    )


def identical(h: History, s: AlarmSettings) -> Finding | None:
    """Different questions get one and the same wrong answer, or a group one and the same long text."""
    rollouts, same = h.total("rollouts"), h.total("same")
    if not rollouts or same / rollouts < s.identical:
        return None
    return Finding(
        Severity.CRITICAL,
        f"{same / rollouts:.0%} of the completions are copies of each other: the policy has collapsed to few texts; lower "
        "learning_rate, raise temperature, and go on from the best checkpoint",
        evidence.named(evidence.same(h.rollouts)),
    )


def echo(h: History, s: AlarmSettings) -> Finding | None:
    """Completions that repeat the prompt instead of answering."""
    sampled, echoing = h.total("sampled"), h.total("echoing")
    if not sampled or echoing / sampled < s.echo:
        return None
    return Finding(
        Severity.WARNING,
        f"{echoing / sampled:.0%} of the completions repeat the prompt's words: check that the verifier doesn't take an "
        "answer out of repeated text, and that the chat template fits the model",
        evidence.named(rollout for rollout in evidence.sampled(h.rollouts) if evidence.echoes(rollout)),
    )
