"""Plain values cross unchanged, with their identity; everything else is opaque; hostile tables are refused."""

import pytest

from rlvr.sandboxes.inside import codec

VALUES = [
    None, True, False, 0, -1, 1 << 53, -(1 << 300), 0.1, -0.0, float("inf"), 1e-320, "", "ж\ud800\0", b"\xff\0", 2 + 3j,
    [], (), {}, set(), frozenset(), [1, [2, (3, {4: {5, 6}})]], {(1, "a"): [None], frozenset({1}): b""}, bytearray(b"ab"),
    ((1, 2), (3, (4, (5,)))), [[]] * 3,
]  # fmt: skip


def there_and_back(values):
    nodes, roots = codec.encode(values)
    table = codec.loads(codec.dumps(nodes), 1 << 24)
    codec.check(table)
    made = codec.decode(table)
    return [made[root] for root in roots]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_round_trip(value):
    (back,) = there_and_back([value])
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value) or isinstance(value, (set, frozenset, dict))


def test_depth_costs_nothing():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    (back,) = there_and_back([deep])
    for _ in range(100_000):
        (back,) = back
    assert back == []


def test_identity_and_cycles():
    inner = [1]
    loop = [inner, inner]
    loop.append(loop)
    (back,) = there_and_back([loop])
    assert back[0] is back[1]
    assert back[2] is back


def test_subclasses_are_opaque_but_the_librarys_dicts_are_plain():
    import collections

    point = collections.namedtuple("point", "x y")
    table = collections.defaultdict(list, a=[1])
    assert there_and_back([collections.Counter("aab"), table, point(1, 2)]) == [{"a": 2, "b": 1}, {"a": [1]}, (1, 2)]
    with pytest.raises(codec.Malformed):
        codec.encode([type("L", (list,), {})()])


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000, b"{}", b"[NaN]", b"[1.5]", b"[" + b"9" * 100 + b"]", b'[["l",[5]]]', b'[["l",[-1]]]', b'[["l",[true]]]',
        b'[["q",1]]', b'[["d",[0]]]', b'[["i","xyz"]]', b'[["f","one"]]', b'[["b","0"]]', b'[["o","x","y"]]', b"[[]]", b"\xff",
        b'[["c","1"]]', b'[[["l"],[]]]', b'[["i",5]]',
    ],
    ids=lambda text: repr(text[:20]),
)  # fmt: skip
def test_hostile_tables_are_refused(text):
    with pytest.raises(codec.Malformed):
        codec.check(codec.loads(text, 1 << 20))


def test_tuples_that_contain_themselves_are_refused():
    with pytest.raises(codec.Malformed):
        codec.decode([["t", [0]]])


def test_too_long():
    with pytest.raises(codec.Malformed):
        codec.loads(b"[]" + b" " * 100, 10)
