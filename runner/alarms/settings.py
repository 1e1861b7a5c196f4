"""What an alarm needs to go off: the table `[alarms]` of a run's configuration (docs/alarms.md says what each means)."""

from typing import Annotated, Literal

from pydantic import Field

from rlvr.tasks.schema import Table

Name = Literal[
    "not_finite", "entropy", "no_variance", "reward_fall", "category_fall", "plateau", "length", "truncation",
    "format_only", "wrong_paid", "shadow", "identical", "echo", "held_out", "clip", "kl", "gradient", "one_part", "dead_part",
]  # fmt: skip
Share = Annotated[float, Field(ge=0, le=1)]
Above1 = Annotated[float, Field(gt=1, allow_inf_nan=False)]
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class AlarmSettings(Table):
    """Thresholds. Windows are counted in steps."""

    off: list[Name] = []  # alarms that never go off
    window: Annotated[int, Field(ge=5)] = (
        20  # the steps that are looked at, and the first ones that they are held against
    )
    persistence: Annotated[int, Field(ge=1)] = (
        10  # steps in a row in which an alarm's condition holds before it goes off
    )
    solved: Share = 0.9  # share of correct completions from which little is left to learn
    entropy_low: Share = 0.5  # of the first steps' entropy: below, and falling, it is a warning
    entropy_floor: Share = 0.1  # below, it is critical
    no_variance: Share = 0.7  # share of groups that teach nothing
    no_variance_critical: Share = 0.9
    reward_fall: Share = 0.2  # of the best reward so far that is lost again
    category_fall: Share = 0.2  # of completions: lost again by one category
    plateau: Annotated[int, Field(ge=10)] = 150  # steps without a better reward
    length_growth: Above1 = 2.0  # times the first steps' length, or one part in that many
    truncation: Share = 0.3  # share of completions cut off, and worse for it
    format_rise: Share = 0.2  # rise of a part of the reward, of what the parts pay together, without more right answers
    wrong_paid: Share = 0.8  # share of wrong answers that are paid
    shadow: Share = 0.2  # share of correct verdicts that the shadow verifier refuses
    identical: Share = 0.5  # share of completions that are one and the same text
    echo: Share = 0.3  # share of completions made of the prompt's words
    held_out: Share = 0.1  # rise in training without half of it on held-out questions
    clip: Share = 0.3  # share of tokens whose update is clipped
    kl: Above0 = 1.0  # nats a token away from the reference model
    gradient_spike: Above1 = 10.0  # times the usual norm
    gradient_zero: Share = 0.8  # share of steps without a gradient
    one_part: Share = 0.8  # share of the reward that is paid by something other than the verdict
