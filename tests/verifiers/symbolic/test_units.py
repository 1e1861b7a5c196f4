"""`units`: which texts are a quantity, and when two quantities are one."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pint")

from rlvr.verifiers.symbolic.fields import Unreadable
from rlvr.verifiers.symbolic.units import grammar
from rlvr.verifiers.symbolic.units.verifier import generate, near_misses, units
from rlvr.verifiers.types import Completion, Example, Status, Verdict


def verdict(gold: str, answer: str, metadata: dict[str, Any] | None = None, **options: Any) -> Verdict:
    example = Example("1", "", gold, metadata=metadata or {})
    answered = units.with_options(**options)(example, Completion(f"\\boxed{{{answer}}}"))
    assert isinstance(answered, Verdict)
    return answered


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("72 km/h", "20 m/s"),
        ("72 km/h", r"20\ \text{m/s}"),
        ("72 km/h", r"20\,\mathrm{m\,s^{-1}}"),
        ("72 km/h", r"20\ \frac{\text{m}}{\text{s}}"),
        ("72 km/h", "20 m·s⁻¹"),
        ("72 km/h", "20 metres per second"),
        ("72 km/h", "v = 20 m/s"),
        ("72 km/h", "72 kph"),
        ("9.8 m/s^2", "9.8 m/s²"),
        ("9.8 m/s^2", "980 centimeters per second squared"),
        ("12 m^2", "12 square meters"),
        ("12 cm^3", "12 mL"),
        ("1 kWh", "3.6 × 10^6 J"),
        ("1 kWh", "3.6e6 N·m"),
        ("1/3 h", "20 min"),
        ("80 min", "1 hour and 20 minutes"),
        ("63 in", "5 ft 3 in"),
        ("1 lb", "0.45359237 kg"),
        ("10 °C", "50 °F"),
        ("10 degrees Celsius", "283.15 K"),
        ("4.2 J/(g K)", r"4200 J/(kg \cdot °C)"),
        ("30 degrees", r"30^\circ"),
        ("2 years", "24 months"),
        ("1 bar", "10^5 Pa"),
        ("5 Ω", r"5\,\Omega"),
        ("7", "7"),
    ],
)
def test_the_same_quantity(gold: str, answer: str) -> None:
    answered = verdict(gold, answer)
    assert answered.status is Status.CORRECT, answered.reason


@pytest.mark.parametrize(
    ("gold", "answer", "reason"),
    [
        ("72 km/h", "20", "the unit is missing"),
        ("7", "7 m", "a number without a unit is asked for"),
        ("72 km/h", "20 km/h", "72 is right"),
        ("5 kg", "5 N", "measure different things"),
        ("10 °C", "10 K", "283.15 is right"),
        ("1 year", "365 days", "no fixed number of days"),
        ("1 MW", "1 mW", "1e+09 is right"),
    ],
)
def test_another_quantity(gold: str, answer: str, reason: str) -> None:
    answered = verdict(gold, answer)
    assert answered.status is Status.INCORRECT
    assert reason in answered.reason


@pytest.mark.parametrize(
    "text",
    ["", "m", "5 c", "5 J/kg·K", "5 m or 6 m", "5 m 6 kg", "$5", "5%", "5 m^0", "5 m^99", "5 kilokilom", "5 (m/s", "5 m//s",
     "5 h 80 min", "9^9 m", "5 m + 5 m", "x m", "5 m\u0000", "{5} {m} {", "1,23 m", "5 dozen", "1" * 200 + " m"],
)  # fmt: skip
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(Unreadable):
        grammar.read(text)


def test_options_and_what_the_problem_asks_for() -> None:
    gold = "12.3456 m/s"
    assert verdict(gold, "12.3 m/s").status is Status.INCORRECT
    assert verdict(gold, "12.3 m/s", digits=3).status is Status.CORRECT
    assert verdict(gold, "44.4 km/h", digits=3).status is Status.CORRECT
    assert verdict(gold, "12.4 m/s", digits=3).status is Status.INCORRECT
    assert verdict(gold, "12.3 m/s", rel_tol=0.01).status is Status.CORRECT
    assert verdict("72 km/h", "72 km/h", {"unit": "m/s"}).status is Status.INCORRECT
    assert verdict("72 km/h", "20 m/s", {"unit": "m/s"}).status is Status.CORRECT
    assert verdict("72 km/h", "20 m/s", any_unit=False).status is Status.INCORRECT
    assert verdict("5 °C", "9 °F", {"difference": True}).status is Status.CORRECT
    assert verdict("5 °C", "278.15 K", {"difference": True}).status is Status.INCORRECT


@pytest.mark.parametrize(
    ("gold", "metadata"), [("five", {}), ("", {}), ("5 m", {"unit": "cubits"}), ("5 m", {"digits": 99}), ("50%", {})]
)
def test_a_wrong_gold_answer_is_an_error(gold: str, metadata: dict[str, Any]) -> None:
    assert verdict(gold, "5 m", metadata).status is Status.ERROR


def test_made_quantities_are_right_and_near_misses_wrong() -> None:
    draw = random.Random(1)
    for row in generate(300, 1):
        example = Example("1", row["question"], row["gold"], metadata=row["metadata"])
        assert units(example, Completion(row["completion"])).status is Status.CORRECT, row
        for text in near_misses(row, draw):
            assert units(example, Completion(text)).status in (Status.INCORRECT, Status.UNPARSED), (row, text)


@given(st.text(st.sampled_from(list("0159.,-^*/·() kmsghJ°C²{}\\$%")), max_size=25))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        quantity = grammar.read(text)
    except Unreadable:
        return
    assert 1 <= len(quantity.parts) <= grammar.MAX_PARTS
