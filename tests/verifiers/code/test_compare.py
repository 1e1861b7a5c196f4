"""How answers and outputs are compared: as Python does, and never at the answer's expense."""

import pytest

from rlvr.sandboxes.inside import codec
from rlvr.verifiers.code import compare

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
