"""`regex`: a regular expression matches and refuses what it should, or describes the same language as the gold one.

`example.metadata`:

- `match`, `refuse`: texts that the pattern must match and must not. Most of them should not be in the question, or an
  answer that lists the visible ones is right.
- `equivalent`: whether the pattern must match exactly what `example.gold` matches (default: if no texts are given).
- `mode`: `fullmatch` (default) or `search`; `flags`: of `i`, `m` and `s`; `alphabet`: the characters that texts may have
  in the comparison (default: all).

The syntax is RE2's, which matches in linear time: look-around and references to groups are refused. Languages are compared
as finite automata; if they differ, the reason has a shortest text that tells them apart, confirmed by RE2.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.fields import Unreadable, choice, fail, field, short
from rlvr.verifiers.symbolic.final_answer import last_code, load
from rlvr.verifiers.symbolic.regex.automaton import Automaton, TooLarge, telling_text
from rlvr.verifiers.symbolic.regex.syntax import read
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import verifier

MAX_LENGTH = 1000  # characters of a pattern
MAX_TEXTS = 2000  # of the example
_MEMORY = 1 << 20  # bytes that RE2 may use for a pattern


class RegexProblem(NamedTuple):
    """What the metadata asks for; see above."""

    match: list[str]
    refuse: list[str]
    equivalent: bool
    search: bool
    flags: str
    alphabet: str


@verifier("regex", cases=Path(__file__).with_name("cases.jsonl"))
def regex(example: Example, completion: Completion) -> Verdict:
    """A regular expression matches and refuses what it should, or equals the gold one as a language."""
    problem = _problem(example.metadata)
    answer = last_code(completion.text, "regex", "regexp", "re", "re2", "text", "")
    if answer is None:
        return Verdict.unparsed("no line 'Answer: …' and no fenced block")
    try:
        matches = _compiled(answer, problem)
        wrong = _wrong_text(matches, problem)
        if not wrong and problem.equivalent:
            wrong = _difference(example.gold, answer, problem)
    except Unreadable as error:
        return Verdict.unparsed(str(error))
    except TooLarge as error:
        return Verdict(Status.TIMEOUT, 0.0, answer, str(error))
    how = "the same language as the gold pattern" if problem.equivalent else "matches and refuses what it should"
    return Verdict.of(not wrong, answer, wrong or how)


def _problem(metadata: Mapping[str, Any]) -> RegexProblem:
    texts = {}
    for name in ("match", "refuse"):
        texts[name] = field(metadata, name, list, [])
        if len(texts[name]) > MAX_TEXTS or not all(isinstance(text, str) for text in texts[name]):
            fail(f"field {name!r} must be a list of at most {MAX_TEXTS} texts")
    equivalent = field(metadata, "equivalent", bool, not (texts["match"] or texts["refuse"]))
    flags = field(metadata, "flags", str, "")
    if set(flags) - set("ims"):
        fail(f"field 'flags' must be of i, m and s, not {flags!r:.20}")
    if equivalent and "m" in flags:
        fail("the flag m can't be had with 'equivalent': its anchors have no meaning for whole languages")
    search = choice(metadata, "mode", ("fullmatch", "search"), "fullmatch") == "search"
    return RegexProblem(
        texts["match"], texts["refuse"], equivalent, search, flags, field(metadata, "alphabet", str, "")
    )


def _compiled(pattern: str, problem: RegexProblem) -> Callable[[str], bool]:
    """The function that says whether RE2 matches a text. Raises Unreadable for a pattern that RE2 refuses."""
    if len(pattern) > MAX_LENGTH:
        raise Unreadable(f"the pattern has {len(pattern)} characters, more than {MAX_LENGTH}")
    if "\n" in pattern:
        raise Unreadable("the pattern has several lines")
    re2 = load("re2", "google-re2")
    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY, False
    try:
        compiled = re2.compile((f"(?{problem.flags})" if problem.flags else "") + pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        what = error.args[0] if error.args else ""
        what = what.decode(errors="replace") if isinstance(what, bytes) else str(what)
        raise Unreadable(f"{short(pattern)} is not a pattern of RE2: {what[:100]}") from None
    if problem.search:
        return lambda text: compiled.search(text) is not None
    return lambda text: compiled.fullmatch(text) is not None


def _wrong_text(matches: Callable[[str], bool], problem: RegexProblem) -> str:
    for text in problem.match:
        if not matches(text):
            return f"it doesn't match {short(text)}"
    for text in problem.refuse:
        if matches(text):
            return f"it matches {short(text)}"
    return ""


def _difference(gold: str, answer: str, problem: RegexProblem) -> str:
    """Why the two languages differ, or "". Raises Unreadable for the answer, VerifierError for the gold pattern."""
    try:
        in_gold = _compiled(gold, problem)
        wanted = _automaton(gold, problem.flags, problem.search)
    except Unreadable as error:
        raise VerifierError(f"the gold pattern: {error}") from None
    telling = telling_text(wanted, _automaton(answer, problem.flags, problem.search), problem.alphabet)
    if telling is None:
        return ""
    should = in_gold(telling)
    if should == _compiled(answer, problem)(telling):
        raise VerifierError(f"RE2 and the automata disagree about {telling!r} for {short(gold)} or {short(answer)}")
    return f"it {'does not match' if should else 'matches'} {short(telling)}"


@functools.lru_cache(maxsize=256)
def _automaton(pattern: str, flags: str, search: bool) -> Automaton:
    return Automaton(read(pattern, flags, search=search))
