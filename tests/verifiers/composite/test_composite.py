"""Composites: what the parts say, and what the whole says; how they are written, and what is refused."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from rlvr.verifiers import Completion, ConfigError, Example, Status, Verdict, Verifier, VerifierError, verifier
from rlvr.verifiers.composite.composite import COMPOSITES, Composite, build, merge
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry

EXAMPLE = Example("1", "", "42")


@verifier("says", bounded=True)
def say(example: Example, completion: Completion, *, status: str = "correct", score: float = -1.0) -> Verdict:
    """A verdict as its options say."""
    value = float(status == "correct") if score < 0 else score
    return Verdict(Status(status), value, extracted=status, reason=f"it says {status}", parts={"own": 0.5})


@verifier("in_worker", deadline_s=0.5)
def in_worker(example: Example, completion: Completion, *, hang: bool = False) -> bool:
    while hang:
        time.sleep(1)
    return completion.text == example.gold


@verifier("waits")
async def waits(example: Example, completion: Completion) -> bool:
    await asyncio.sleep(0.01)
    return completion.text == example.gold


OWN = {v.name: v for v in (say, in_worker, waits)}


def find(name: str) -> Verifier:
    return OWN.get(name) or registry().verifier(name)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=1) as engine:
        yield engine


def composite(kind: str, *says: Any, **options: Any) -> Verifier:
    """`says`: a status, or a status and a score, or a whole table."""
    of = []
    for number, one in enumerate(says):
        table = one if isinstance(one, dict) else {"name": "says", "status": one}
        if isinstance(one, tuple):
            table = {"name": "says", "status": one[0], "score": one[1]}
        of.append({"label": f"p{number}", **table})
    return build({"name": kind, "of": of, **options}, find)


C, N, U, T, E, S = "correct", "incorrect", "unparsed", "timeout", "error", "skipped"


@pytest.mark.parametrize(
    ("kind", "says", "status", "score"),
    [
        ("all", (C, C), C, 1.0),
        ("all", (C, N), N, 0.0),
        ("all", (U, N), U, 0.0),  # the first that isn't correct
        ("all", (C, T), T, 0.0),
        ("all", (C, (N, 0.4)), N, 0.4),
        ("all", (E, C), E, 0.0),
        ("all", (C, S), S, 0.0),
        ("all", (S, E), E, 0.0),
        ("all", (E, N), N, 0.0),  # decided without the part that failed
        ("all", (E, (N, 0.4)), E, 0.0),  # not correct, but the score isn't known
        ("any", (N, C), C, 1.0),
        ("any", (N, U), N, 0.0),
        ("any", (U, U), U, 0.0),
        ("any", (T, U), T, 0.0),
        ("any", ((N, 0.2), (N, 0.7)), N, 0.7),
        ("any", (E, C), C, 1.0),  # decided without the part that failed
        ("any", (E, N), E, 0.0),
        ("any", (N, S), S, 0.0),
        ("any", (E, (C, 0.5)), E, 0.0),
        ("weighted", (C, C, C), C, 1.0),
        ("weighted", (C, N), N, 0.5),
        ("weighted", (U, U), U, 0.0),
        ("weighted", (T, T), T, 0.0),
        ("weighted", (U, N), N, 0.0),
        ("weighted", (C, (N, 0.5)), N, 0.75),
        ("weighted", (C, E), E, 0.0),
        ("weighted", (C, S), S, 0.0),
        ("gate", (C, C), C, 1.0),
        ("gate", (C, (N, 0.5)), N, 0.5),
        ("gate", (C, U), U, 0.0),
        ("gate", (N, C), N, 0.0),
        ("gate", (U, C), U, 0.0),
        ("gate", (U, E), U, 0.0),  # never asked
        ("gate", (E, C), E, 0.0),
        ("gate", (S, C), S, 0.0),
        ("gate", (C, E), E, 0.0),
        ("gate", (C, C, N), N, 0.0),
    ],
)
def test_truth_table(engine: Engine, kind: str, says: tuple[Any, ...], status: str, score: float) -> None:
    verdict = engine.verify(composite(kind, *says), EXAMPLE, Completion("x"))
    assert (verdict.status, verdict.score) == (status, pytest.approx(score))
    assert verdict.reason


@pytest.mark.parametrize(("threshold", "status"), [(0.75, C), (0.76, N), (1.0, N)])
def test_weights_and_threshold(engine: Engine, threshold: float, status: str) -> None:
    whole = composite("weighted", {"name": "says", "weight": 3}, {"name": "says", "status": N}, threshold=threshold)
    verdict = engine.verify(whole, EXAMPLE, Completion("x"))
    assert (verdict.status, verdict.score) == (status, 0.75)


def test_parts_are_kept(engine: Engine) -> None:
    verdict = engine.verify(composite("all", C, E, (N, 0.0)), EXAMPLE, Completion("x"))
    assert verdict.parts == {
        "p0": 1.0, "p0.own": 0.5,
        "p1": None, "p1.own": 0.5,  # a part of which nothing is known has no score
        "p2": 0.0, "p2.own": 0.5,
        "status": {"p0": C, "p1": E, "p2": N},
        "reason": {"p0": "it says correct", "p1": "it says error", "p2": "it says incorrect"},
    }  # fmt: skip
    assert (verdict.extracted, verdict.reason) == (N, "p2: it says incorrect")


def test_behind_a_closed_gate_nothing_runs(engine: Engine) -> None:
    verdict = engine.verify(composite("gate", N, {"name": "in_worker", "hang": True}), EXAMPLE, Completion("x"))
    assert verdict.parts["status"] == {"p0": N}


def test_parts_run_where_they_would_run_alone(engine: Engine) -> None:
    whole = composite("all", C, {"name": "in_worker"}, {"name": "waits"}, {"name": "in_worker", "hang": True})
    verdict = engine.verify(whole, EXAMPLE, Completion("42"))
    assert verdict.parts["status"] == {"p0": C, "p1": C, "p2": C, "p3": T}
    assert verdict.status == T
    in_turn = composite("gate", {"name": "waits"}, {"name": "in_worker"}, {"name": "waits"}, C)
    assert engine.verify(in_turn, EXAMPLE, Completion("42")).status == C
    assert whole.deadline_s == sum(part.verifier.deadline_s for part in whole.of)  # type: ignore[attr-defined]


def test_many_at_once_in_few_workers(engine: Engine) -> None:
    whole = composite("gate", {"name": "in_worker"}, {"name": "in_worker"}, {"name": "waits"})
    pairs = [(EXAMPLE, Completion("42" if n % 2 else f"not {n}")) for n in range(60)]
    verdicts = engine.verify_batch(whole, pairs)
    assert [v.status for v in verdicts] == [C if n % 2 else N for n in range(60)]


def test_from_asyncio(engine: Engine) -> None:
    whole = composite("any", {"name": "waits"}, {"name": "in_worker"})
    assert asyncio.run(engine.averify(whole, EXAMPLE, Completion("42"))).status == C


def test_nested(engine: Engine) -> None:
    inner = {"name": "any", "of": [{"name": "says", "status": N}, {"name": "says", "label": "b"}]}
    whole = composite("gate", inner, C)
    verdict = engine.verify(whole, EXAMPLE, Completion("x"))
    assert verdict.status == C
    assert verdict.parts["p0.b"] == 1.0
    assert verdict.parts["p0.status"] == {"says": N, "b": C}
    assert isinstance(whole, Composite)
    assert [leaf.name for leaf in whole.leaves] == ["says"] * 3


def test_an_engine_that_closes_leaves_nobody_waiting() -> None:
    engine = Engine(workers=1)
    whole = composite("gate", {"name": "in_worker"}, {"name": "in_worker"})
    futures = [engine.submit(whole, EXAMPLE, Completion("42")) for _ in range(8)]
    engine.close()
    assert {future.result(timeout=30).status for future in futures} <= {Status.CORRECT, Status.ERROR}


def test_as_a_plain_function_it_points_to_the_engine() -> None:
    with pytest.raises(VerifierError, match="only the engine runs it"):
        composite("gate", C, C)(EXAMPLE, Completion("x"))


def test_without_parts_it_decides_nothing(engine: Engine) -> None:
    verdict = engine.verify(registry().verifier("gate"), EXAMPLE, Completion("x"))
    assert verdict.status == E
    assert "no parts" in verdict.reason


def table(kind: str, *of: Any, **options: Any) -> dict[str, Any]:
    return {"name": kind, "of": list(of), **options}


NUMBER = {"name": "number"}
DEEP: dict[str, Any] = NUMBER
for _ in range(5):
    DEEP = {"name": "all", "of": [DEEP]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (table("all"), "of: expected 1 to 16 parts, found 0"),
        (table("gate", NUMBER), "of: expected 2 to 16 parts, found 1"),
        (table("all", *[{**NUMBER, "label": f"l{n}"} for n in range(17)]), "of: expected 1 to 16 parts, found 17"),
        ({"name": "all"}, "of: expected 1 to 16 parts, found 0"),
        ({"name": "all", "of": "number"}, r"of: expected a list of \[\[verifier.of\]\] tables, found 'number'"),
        ({"name": "all", "of": ["number"]}, r"expected a list of \[\[verifier.of\]\] tables"),
        (table("all", {"mode": "strict"}), "part 1: label ''"),
        (table("all", {"label": "x"}), "part 1: expected a table with a verifier's name"),
        (table("all", NUMBER, NUMBER), "part 2: two parts are called 'number'; give one another label"),
        (table("all", {**NUMBER, "label": "status"}), "part 1: label 'status'"),
        (table("all", {**NUMBER, "label": "A b"}), "part 1: label 'A b'"),
        (table("all", {"name": "numbr"}), "part 1: no verifier is called 'numbr'; did you mean 'number'"),
        (table("all", {**NUMBER, "mod": "x"}), "part 1: verifier 'number' has no option 'mod'; did you mean 'mode'"),
        (table("all", {**NUMBER, "weight": 2}), "part 1: only parts of 'weighted' have a weight"),
        (table("weighted", {**NUMBER, "weight": 0}), "part 1: weight must be above 0 and at most 1e[+]06, not 0"),
        (table("weighted", {**NUMBER, "weight": True}), "part 1: weight must be"),
        (table("weighted", {**NUMBER, "weight": float("nan")}), "part 1: weight must be"),
        (table("weighted", NUMBER, threshold=0), "threshold must be above 0 and at most 1, not 0"),
        (table("weighted", NUMBER, threshold=1.5), "threshold must be above 0 and at most 1, not 1.5"),
        (table("all", NUMBER, threshold=0.5), "verifier 'all' has no option 'threshold'"),
        (table("all", NUMBER, deadline_s=1), "has no deadline_s: each of its parts has its own"),
        (DEEP, "composites may be 4 deep, not 5"),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(given, find)


def test_only_the_registry_gives_a_composite_its_lookup() -> None:
    with pytest.raises(ConfigError, match="verifier 'all': of: only a composite of the registry can look its parts up"):
        COMPOSITES[0].with_options(of=[NUMBER])
    assert [part.label for part in registry().verifiers["all"].with_options(of=[NUMBER]).of] == ["number"]


def test_options_of_parts_can_be_changed_by_label() -> None:
    given = table("gate", {**NUMBER, "label": "format"}, table("any", {"name": "math"}, label="right"))
    changed = merge(given, {"right": {"math": {"bare": True}}, "format": {"mode": "lenient"}})
    assert changed["of"] == [
        {**NUMBER, "label": "format", "mode": "lenient"},
        table("any", {"name": "math", "bare": True}, label="right"),
    ]
    assert given["of"][0] == {**NUMBER, "label": "format"}
    with pytest.raises(ConfigError, match="no part is called 'forma'"):
        merge(given, {"forma": {"mode": "lenient"}})


def test_defaults_reach_the_parts_that_know_them() -> None:
    whole = build(table("all", {"name": "code"}, NUMBER), find, {"packages": ("numpy",)})
    assert isinstance(whole, Composite)
    assert [part.verifier.options for part in whole.of] == [{"packages": ("numpy",)}, {}]
