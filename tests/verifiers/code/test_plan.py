"""Which tests are compared on the host, which the test runner runs, and what is no test. And how answers are compared."""

import pytest

from rlvr.errors import ConfigError
from rlvr.sandboxes.inside import codec
from rlvr.verifiers.code import compare
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


SAME = [
    (1, 1), (1, True), (1, 1.0), (0.0, -0.0), (2, 2 + 0j), ("a", "a"), (None, None), ([1, [2]], [1, [2]]), ((), ()),
    ({1: "a", (2, None): [3]}, {(2.0, None): [3], True: "a"}), ({1, "a"}, frozenset({"a", 1.0})), (b"a", bytearray(b"a")),
    (1 << 200, 1 << 200), (float("inf"), float("inf")), ({frozenset({1, (2, 3)})}, {frozenset({(2, 3), 1})}),
]  # fmt: skip
DIFFERENT = [
    (1, "1"), (1, 2), ("1", 1), ([1], (1,)), ((1,), [1]), (None, 0), (False, None), ([], {}), ({}, set()), ({1: 2}, {1: 3}),
    ({1: 2}, {1: 2, 3: 4}), ({1}, {2}), ({1}, {1, 2}), (float("nan"), float("nan")), ("a", b"a"), ([1, 2], [1]), (10**30, 10.0**30),
    ({1: 1}, {"1": 1}), ({"n1"}, {1}), (0.1 + 0.2, 0.3),
]  # fmt: skip


@pytest.mark.parametrize(("want", "got"), SAME, ids=repr)
def test_equal(want, got):
    nodes, (root,) = codec.encode([got])
    assert compare.equal(want, nodes, root)
    assert want == got


@pytest.mark.parametrize(("want", "got"), DIFFERENT, ids=repr)
def test_different(want, got):
    nodes, (root,) = codec.encode([got])
    assert not compare.equal(want, nodes, root)
    assert want != got


def test_what_is_opaque_equals_nothing():
    nodes, (root,) = codec.encode([object()], lambda x: 1)
    for want in (None, 1, True, "", [], {}, set(), ()):
        assert not compare.equal(want, nodes, root)
    assert compare.truth(nodes, root) is None


def test_a_hostile_answer_costs_no_more_than_what_is_expected():
    shared = []
    for _ in range(60):
        shared = [shared, shared]  # 2 ** 60 items, for a walk that follows the answer
    nodes, (root,) = codec.encode([shared])
    assert not compare.equal([[[], []], [[], 1]], nodes, root)
    keys = {(1 << 61) * i - i: 0 for i in range(100)}
    nodes, (root,) = codec.encode([keys])
    assert not compare.equal({1: 0}, nodes, root)


def test_depth():
    deep = []
    for _ in range(50_000):
        deep = [deep]
    nodes, (root,) = codec.encode([deep])
    assert compare.equal(deep, nodes, root)
    while deep:
        deep = deep.pop()  # without recursion


@pytest.mark.parametrize(
    ("output", "expected", "tolerance", "same"),
    [
        (b"1\n", b"1\n", None, True),
        (b"1" + b"\n" * 10**6, b"1\n", None, True),
        (b"1", b"1\n", None, True), (b"1 \r\n\n\n", b"1\n", None, True), (b"6.0\n", b"6\n", None, False),
        (b"1 2\n", b"1  2\n", None, False), (b"1\n2\n", b"1 2\n", None, False), (b"\n1", b"1", None, False), (b"", b"", None, True),
        (b"1.0000001 a\n", b"1 a\n", 1e-6, True), (b"1.1\n", b"1\n", 1e-6, False), (b"nan\n", b"1\n", 1e-6, False),
        (b"inf", b"1", 1e-6, False),
        (b"1e400\n", b"1\n", 1e-6, False), (b"1 1\n", b"1\n", 1e-6, False), (b"9" * 10**6, b"1", 1e-6, False), (b"1_0", b"10", 1e-6, False),
        (b"1e999999999999", b"2", 1e-6, False), (b"\xff\xfe", b"\xff\xfe", None, True), (b"-1\r\x1b[2K4\x08", b"4", None, False),
    ],
)  # fmt: skip
def test_outputs(output, expected, tolerance, same):
    assert compare.same_output(output, expected, tolerance) is same
