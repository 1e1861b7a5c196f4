"""The adapter of reasoning-gym: what is offered, how it is scored, and that no generator pays for what isn't its answer."""

import ast
import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("reasoning_gym")

from rlvr.errors import ConfigError
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.symbolic.reasoning_gym.questions import SLOW, library, scorer_digest
from rlvr.verifiers.symbolic.reasoning_gym.scorers import COMPARE
from rlvr.verifiers.symbolic.reasoning_gym.verifier import (
    OFFERED,
    REFUSED,
    VERSION,
    final,
    generate,
    reasoning_gym,
    rows,
)
from rlvr.verifiers.types import Completion, Example, Status

ROOT = Path(__file__).parents[3]
EXECUTES = {"eval", "exec", "compile", "parse_expr", "sympify", "from_string", "literal_eval", "__import__", "S"}
BY_LIBRARY = sorted(name for name, rule in OFFERED.items() if rule.by_library)
QUICK = sorted(set(OFFERED) - SLOW)


def test_every_generator_of_the_version_is_offered_or_refused_with_a_reason() -> None:
    from importlib.metadata import version

    assert version("reasoning-gym") == VERSION
    assert set(OFFERED) | set(REFUSED) == set(library().factory.DATASETS)
    assert not set(OFFERED) & set(REFUSED)
    assert all(len(reason) > 10 for reason in REFUSED.values())
    assert all(rule.by_library or rule.compare in COMPARE for rule in OFFERED.values())


@pytest.mark.parametrize("name", BY_LIBRARY)
def test_no_scorer_that_is_trusted_executes_an_answer(name: str) -> None:
    cls = library().factory.DATASETS[name][0]
    tree = ast.parse(inspect.getsource(importlib.import_module(cls.__module__)))
    names = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    attributes = {
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not names & EXECUTES
    assert not (attributes - {"compile"}) & EXECUTES  # re.compile
    assert scorer_digest(name) == OFFERED[name].digest


def test_a_scorer_that_changed_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    from rlvr.verifiers.symbolic.reasoning_gym import questions

    row = next(rows("jugs", 1, 0))
    monkeypatch.setattr(questions, "scorer_digest", lambda name: "another")
    example = Example("1", row["question"], row["gold"], metadata=row["metadata"])
    assert reasoning_gym(example, Completion(f"<answer>{row['gold']}</answer>")).status is Status.ERROR


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=2) as engine:
        yield engine


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """benchmarks/reasoning_gym_sweep.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("reasoning_gym_sweep", ROOT / "benchmarks" / "reasoning_gym_sweep.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", QUICK)
def test_gold_answers_are_right_and_attacks_are_not(name: str, engine: Engine, benchmark: ModuleType) -> None:
    swept = benchmark.sweep(name, engine, questions=1, seed=5)
    assert swept.questions == 1
    assert swept.ok, (swept.gold_refused, swept.accepted, swept.unsettled)


def test_gold_answers_over_many_seeds() -> None:
    for seed in range(2):
        for row in generate(200, seed):
            example = Example("1", row["question"], row["gold"], metadata=row["metadata"])
            verdict = reasoning_gym(example, Completion(row["completion"]))
            assert verdict.status is Status.CORRECT, (row["category"], row["gold"], verdict)


def test_rows_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    first, again, other = (list(rows("gcd", 5, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert set(first[0]) == {"question", "gold", "category", "metadata"}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("composite", {}, "isn't offered"),
        ("countdwon", {}, "did you mean 'countdown'"),
        ("gcd", {"min_numbers": -1}, "'gcd'"),
        ("gcd", {"colour": "red"}, "colour"),
    ],
)
def test_a_generator_or_option_that_is_wrong_is_named(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        list(rows(name, 1, 0, **options))


@pytest.mark.parametrize(
    "metadata", [{"generator": "boxnet"}, {"generator": "nonesuch"}], ids=["a refused generator", "an unknown one"]
)
def test_an_example_of_an_unknown_generator_is_an_error(metadata: dict[str, str]) -> None:
    assert (
        reasoning_gym(Example("1", "", "5", metadata=metadata), Completion("<answer>5</answer>")).status is Status.ERROR
    )


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<answer>5</answer>", "5"),
        ("<answer>4</answer> no: <ANSWER>5</ANSWER>", "5"),
        ("<think><answer>4</answer></think>\nAnswer: 5", "5"),
        ("<answer>_ Q\nQ _</answer>", "_ Q\nQ _"),
        ("Answer: 5", "5"),
        ("<answer></answer>", None),
        ("5", None),
        ("</answer>" * 3, None),
    ],
)
def test_where_the_answer_stands(text: str, answer: str | None) -> None:
    assert final(text) == answer


def test_the_table_of_the_docs_is_current(benchmark: ModuleType) -> None:
    assert benchmark.table() in (ROOT / "docs" / "verifiers" / "reasoning_gym.md").read_text(encoding="utf-8")
