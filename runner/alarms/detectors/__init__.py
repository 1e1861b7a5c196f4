"""The detectors: each looks at a run's history `h` with the settings `s`, and says what it sees at this step, or None.

They see conditions, not events: `watch` decides how long a condition must hold before it is an alarm. Levels are
medians over `window` steps, and "the first steps" are the run's first window (history.py).
"""

from collections.abc import Callable

from rlvr.runner.alarms.detectors.learning import category_fall, entropy, held_out, no_variance, plateau, reward_fall
from rlvr.runner.alarms.detectors.rewards import dead_part, format_only, one_part, shadow, wrong_paid
from rlvr.runner.alarms.detectors.texts import echo, identical, length, truncation
from rlvr.runner.alarms.detectors.updates import clip, gradient, kl, not_finite
from rlvr.runner.alarms.finding import Finding
from rlvr.runner.alarms.history import History
from rlvr.runner.alarms.settings import AlarmSettings

Detector = Callable[[History, AlarmSettings], Finding | None]
DETECTORS: dict[str, Detector] = {  # an alarm's name is its detector's
    function.__name__: function
    for function in (
        not_finite, entropy, no_variance, reward_fall, category_fall, plateau, length, truncation, format_only, wrong_paid,
        shadow, identical, echo, held_out, clip, kl, gradient, one_part, dead_part,
    )
}  # fmt: skip
# These need no persistence: a NaN is one, evaluations have intervals, and several conditions at once are no chance.
AT_ONCE = ("not_finite", "held_out", "wrong_paid")
