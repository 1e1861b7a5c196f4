"""`regex`: patterns as models write them; the comparison of languages against RE2, text by text, and interegular."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.errors import VerifierError
from rlvr.verifiers.types import Completion, Example, Status, Verdict

re2 = pytest.importorskip("re2", reason="needs google-re2")

from rlvr.verifiers.symbolic.regex.automaton import Automaton, TooLarge, telling_text
from rlvr.verifiers.symbolic.regex.syntax import Unreadable, read
from rlvr.verifiers.symbolic.regex.verifier import regex

C, X, U, T = Status.CORRECT, Status.INCORRECT, Status.UNPARSED, Status.TIMEOUT


def verify(gold: str, answer: str, **metadata: Any) -> Verdict:
    verdict: Verdict = regex(Example("", "", gold, metadata=metadata), Completion(f"Answer: {answer}"))
    return verdict


@pytest.mark.parametrize(
    ("gold", "answer", "metadata", "status", "reason"),
    [
        ("a+", "aa*", {}, C, "same language"),
        ("a+", "a*", {}, X, "it matches ''"),
        ("a*", "a+", {}, X, "it does not match ''"),
        ("(b*ab*ab*a)*b*", "(b|ab*ab*a)*", {}, C, ""),
        ("a{2,4}", "aaa?a?", {}, C, ""),
        ("a{2,4}", "a{2,5}", {}, X, "it matches 'aaaaa'"),
        ("[a-c]", "a|b|c", {}, C, ""),
        ("[^a]", r"[^a\n]", {}, X, r"it does not match '\n'"),
        (".", r"[^\n]", {}, C, ""),
        (".", r"[\s\S]", {"alphabet": "abc 123"}, C, ""),
        (".", r"[\s\S]", {"flags": "s"}, C, ""),
        (r"[\t\n\f\r ]", r"\s", {}, C, ""),
        ("[A-Za-z]", "[[:alpha:]]", {}, C, ""),
        ("[A-Za-z]", r"[^\W\d_]", {}, C, ""),
        ("[]a]", r"\]|a", {}, C, ""),
        ("[a-]", "-|a", {}, C, ""),
        (r"\x41\x{42}", "AB", {}, C, ""),
        ("a{,2}", r"a\{,2}", {}, C, ""),
        ("(?i)ab", "[aA][bB]", {}, C, ""),
        ("ab", "AB", {"flags": "i"}, C, ""),
        ("[^a]", "[^A]", {"flags": "i"}, C, ""),
        ("a|b", "^a$|^b$", {}, C, ""),
        ("a|b", r"\A(?:a|b)\z", {}, C, ""),
        ("a|b", "(?P<letter>a|b)", {}, C, ""),
        ("a", "^a", {"mode": "search"}, X, ""),
        ("^a", "(?s)^a.*", {"mode": "search"}, C, ""),
        ("^a", "^a|b^c", {"mode": "search"}, U, "anchor in the middle"),
        ("a", "(^a)*", {}, U, "repeated anchor"),
        ("a", r"\ba", {}, U, r"the escape \b"),
        ("a", "(?=a)a", {}, U, "not a pattern of RE2"),
        ("a", "(a){1001}", {}, U, "not a pattern of RE2"),
        ("a", "(?:(?:a{1,30}){1,30}){1,1}", {}, U, "more than 1500"),
        ("a", "\ud800", {}, U, "not a pattern"),
        ("(a|b)*a(a|b){14}", "(a|b)*a(b|a){14}", {}, T, "limit of states"),
        ("a", "b", {"match": ["b"]}, C, ""),
        ("a", "b", {"match": ["b"], "equivalent": True}, X, ""),
        ("", ".*", {"match": ["b"], "refuse": ["a"]}, X, "it matches 'a'"),
        ("", "b", {"match": ["ab"], "mode": "search"}, C, ""),
        ("", "^b$", {"match": ["a\nb"], "mode": "search", "flags": "m"}, C, ""),
        ("", "B", {"match": ["b"], "refuse": ["a"], "flags": "i"}, C, ""),
    ],
)
def test_patterns(gold: str, answer: str, metadata: dict[str, Any], status: Status, reason: str) -> None:
    verdict = verify(gold, answer, **metadata)
    assert verdict.status is status, verdict
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("gold", "metadata", "message"),
    [
        ("(", {}, "the gold pattern"),
        ("(?=a)", {}, "the gold pattern"),
        ("a", {"match": "a"}, "'match'"),
        ("a", {"match": [1]}, "'match'"),
        ("a", {"flags": "x"}, "'flags'"),
        ("a", {"flags": "m"}, "flag m"),
        ("a", {"mode": "match"}, "'mode'"),
        ("a", {"equivalent": 1}, "'equivalent'"),
    ],
)
def test_a_wrong_example_is_our_fault(gold: str, metadata: dict[str, Any], message: str) -> None:
    with pytest.raises(VerifierError, match=message):
        verify(gold, "a", **metadata)


LEAVES = st.sampled_from(["a", "b", "1", ".", "[ab]", "[^a]", r"\d", r"\w", r"\S", "[^b1]", "(?:)", "[a-b1]"])
PATTERNS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"{two[0]}{two[1]}"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
    ),
    max_leaves=5,
)
TEXTS = ["".join(text) for size in range(5) for text in itertools.product("ab1", repeat=size)]


@settings(max_examples=150, deadline=None)
@given(PATTERNS, PATTERNS)
def test_the_comparison_agrees_with_re2_text_by_text(one: str, two: str) -> None:
    telling = telling_text(*(Automaton(read(p, "", search=False)) for p in (one, two)), alphabet="ab1")
    first, second = re2.compile(one), re2.compile(two)
    different = [t for t in TEXTS if bool(first.fullmatch(t)) != bool(second.fullmatch(t))]
    if different:
        assert telling is not None
        assert len(telling) == len(different[0])
    else:
        assert telling is None or len(telling) > 4
    if telling is not None:
        assert bool(first.fullmatch(telling)) != bool(second.fullmatch(telling))


@settings(max_examples=100, deadline=None)
@given(PATTERNS, PATTERNS)
def test_the_comparison_agrees_with_interegular(one: str, two: str) -> None:
    interegular = pytest.importorskip("interegular", reason="needs interegular")
    automata = [interegular.parse_pattern(pattern.replace("(?:)", "(|)")).to_fsm() for pattern in (one, two)]
    telling = telling_text(*(Automaton(read(p, "", search=False)) for p in (one, two)))
    assert (automata[0] ^ automata[1]).empty() == (telling is None)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab1.[](){}*+?|^$\\-,:x{dW", max_size=14))
def test_what_re2_compiles_is_read_or_refused_and_never_misread(pattern: str) -> None:
    try:
        compiled = re2.compile(pattern)
    except re2.error:
        return
    try:
        automaton = Automaton(read(pattern, "", search=False))
    except Unreadable:
        return
    for text in (*TEXTS[:40], "x", "d", "{", "}", "-", "^", "$", "\\", "]", "["):
        literal = Automaton(read(re2.escape(text), "", search=False))
        both = Automaton(read(f"(?:{re2.escape(text)}|(?:{pattern}))", "", search=False))
        matched = bool(compiled.fullmatch(text))
        try:
            assert (telling_text(automaton, both) is None) == matched
            assert telling_text(literal, literal) is None
        except TooLarge:
            return


def test_a_gold_pattern_is_right_whatever_stands_before_it() -> None:
    example = Example("", "", r"a_\*$")
    for text in (
        "Answer: `a_\\*$`",
        "I think.\n\n**Answer:** a_\\*$",
        "```\na_\\*$\n```",
        "Answer:\n```regex\na_\\*\n```",
    ):
        assert regex(example, Completion(text)).status is C, text
