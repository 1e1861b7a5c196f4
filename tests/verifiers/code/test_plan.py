"""Which tests are compared on the host, which the test runner runs, and what is not a test."""

import pytest

from rlvr.errors import ConfigError
from rlvr.verifiers.code.plan import plans_for
from rlvr.verifiers.code.problem import CodeProblem

HOST = [
    "assert f(1) == 2",
    "assert 2 == f(1)",
    "assert f([1, {'a': (2, None)}], key='x') == {1, 2}",
    "assert f('a' * 200, [0] * 3) == float('inf')",
    "assert f(-1, 2 + 3) is None",
    "assert f(1)",
    "assert not f(1), 'a message'",
    "assert abs(f(1) - 0.5) <= 1e-6",
    "assert abs(0.5 - f(1)) < 1e-6",
    "assert math.isclose(f(1), 0.5, rel_tol=0.001)",
    "assert f(1) == 2\nassert f(2) == 3",
    "assert f() == set()",
    "def check(candidate):\n    'doc'\n    assert candidate(1) == 2\n    assert candidate(2) == 3",
]
TEST_RUNNER = [
    "assert f(x) == 2",
    "assert f(f(1)) == 2",
    "assert sorted(f(1)) == [1]",
    "assert f(1) > 2",
    "x = f(1)\nassert x == 2",
    "assert f(*[1]) == 2",
    "assert g(1) == 2",
    "assert f(1).x == 2",
    "assert 1 <= f(1) <= 2",
    "assert len([1]) == 1",
    "assert f('a' * 10**9) == 1",
    "def check(candidate):\n    for i in range(3):\n        assert candidate(i) == i",
]


def plans_of(**metadata):
    return plans_for(CodeProblem.from_metadata(metadata))


def plans(test, **more):
    return plans_of(entry_point="f", tests=[test], **more)


@pytest.mark.parametrize("test", HOST)
def test_compared_on_the_host(test):
    assert all(plan.job is not None and not plan.source for plan in plans(test))


@pytest.mark.parametrize("test", TEST_RUNNER)
def test_goes_to_the_test_runner(test):
    assert all(plan.job is None and plan.source for plan in plans(test))


@pytest.mark.parametrize("test", HOST[:2] + HOST[-1:])
def test_expected_values_stay_here(test):
    for plan in plans(
        test.replace("== 2", "== 'SECRET'").replace("== 3", "== 'SECRET'").replace("2 ==", "'SECRET' ==")
    ):
        assert plan.expectations[0].value == "SECRET"
        assert plan.job is not None
        assert b"SECRET" not in plan.job.blob


def test_check_is_one_test_for_each_assert():
    assert len(plans(HOST[-1])) == 2


def test_visible_and_hidden():
    found = plans_of(entry_point="f", visible=["assert f(1) == 1"], hidden=["assert f(2) == 2"])
    assert [plan.hidden for plan in found] == [False, True]


def test_cases_are_used_where_there_are_no_tests():
    assert plans_of(entry_point="f", cases=[{"args": [1], "expected": 2}])[0].expectations[0].value == 2


@pytest.mark.parametrize(
    "metadata",
    [
        {"tests": ["assert f(1) =="]},
        {"tests": [5]},
        {"kind": "stdio", "tests": ["x"]},
        {"kind": "stdio", "tests": [{"stdin": "1"}]},
        {"kind": "shell", "tests": ["x"]},
        {"cases": [{"args": [1], "expected": 1}]},
        {"entry_point": "f", "cases": [{"args": [1]}]},
    ],
)
def test_what_is_no_test(metadata):
    with pytest.raises(ConfigError):
        plans_of(**metadata)
