"""Reads RE2's syntax into a tree of the parts of a regular language: character sets, concatenations, alternations, repetitions.

RE2 must have compiled the pattern before, so it is well-formed; what can't be compared as a regular language raises
Unreadable.
"""

import re
import string
from dataclasses import dataclass

from rlvr.verifiers.symbolic.fields import Unreadable

MAX_DEPTH = 40
MAX_SIZE = 1500  # characters to match once repetitions are written out
MAX_CLASS = 1000  # characters of one class

_CLASSES = {"d": frozenset(string.digits), "w": frozenset(string.ascii_letters + string.digits + "_"),
            "s": frozenset("\t\n\f\r ")}  # fmt: skip
_NAMED = {
    "alnum": string.ascii_letters + string.digits, "alpha": string.ascii_letters, "blank": "\t ", "digit": string.digits,
    "lower": string.ascii_lowercase, "punct": string.punctuation, "space": "\t\n\v\f\r ", "upper": string.ascii_uppercase,
    "word": string.ascii_letters + string.digits + "_", "xdigit": string.hexdigits,
}  # fmt: skip
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_COUNT = re.compile(r"\{([0-9]{1,4})(,?)([0-9]{0,4})\}")
_HEX = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_GROUP = re.compile(r"\?(?::|P?<[A-Za-z_][A-Za-z0-9_]*>)")
_FLAGS = re.compile(r"\(\?([is]+)\)")


@dataclass(frozen=True, slots=True)
class CharSet:
    """One character: of `chars`, or outside of them."""

    chars: frozenset[str]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Anchor:
    """The beginning of the text, or its end."""

    end: bool


@dataclass(frozen=True, slots=True)
class Concatenation:
    """The parts one after the other; without parts the empty text."""

    parts: "tuple[RegexNode, ...]"


@dataclass(frozen=True, slots=True)
class Alternation:
    """One of the options."""

    options: "tuple[RegexNode, ...]"


@dataclass(frozen=True, slots=True)
class Repetition:
    """`part` at least `low` and at most `high` times; None means no limit."""

    part: "RegexNode"
    low: int
    high: int | None


RegexNode = CharSet | Anchor | Concatenation | Alternation | Repetition
_ANY = CharSet(frozenset(), negated=True)
_EMPTY = Concatenation(())


def read(pattern: str, flags: str, *, search: bool) -> RegexNode:
    """The language of `pattern`: all texts that match, or that contain a match if `search`; without anchors.

    `flags` are of `i` and `s`. Raises Unreadable for what isn't supported and for what is too large.
    """
    ends = Repetition(_ANY, 0, None)
    alternatives: list[RegexNode] = []
    for starts, stops, part in _anchored(_Reader(pattern, flags).read()):
        before, after = (() if starts or not search else (ends,)), (() if stops or not search else (ends,))
        alternatives.append(Concatenation((*before, part, *after)))
    tree = Alternation(tuple(alternatives))
    if _size(tree) > MAX_SIZE:
        raise Unreadable(f"the pattern describes more than {MAX_SIZE} characters")
    return tree


class _Reader:
    """A recursive descent over the pattern. `at` is the place of the next character."""

    def __init__(self, pattern: str, flags: str) -> None:
        inline = _FLAGS.match(pattern)
        if inline:
            flags += inline[1]
        self.text, self.at, self.depth = pattern, inline.end() if inline else 0, 0
        self.ignore_case, self.dot_all = "i" in flags, "s" in flags

    def read(self) -> RegexNode:
        tree = self._choice()
        if self.at < len(self.text):
            raise Unreadable(f"{self.text[self.at]!r} at {self.at} is not understood")
        return tree

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _next(self) -> str:
        self.at += 1
        return self.text[self.at - 1 : self.at]

    def _choice(self) -> RegexNode:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable(f"groups are nested more than {MAX_DEPTH} deep")
        options = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            options.append(self._sequence())
        self.depth -= 1
        return options[0] if len(options) == 1 else Alternation(tuple(options))

    def _sequence(self) -> RegexNode:
        parts: list[RegexNode] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def _repeated(self, part: RegexNode) -> RegexNode:
        while True:
            count = _COUNT.match(self.text, self.at)
            if count:
                self.at = count.end()
                low = int(count[1])
                part = Repetition(part, low, low if not count[2] else int(count[3]) if count[3] else None)
            elif self._peek() in ("*", "+", "?") and self._peek():
                part = Repetition(part, *{"*": (0, None), "+": (1, None), "?": (0, 1)}[self._next()])
            else:
                return part
            if self._peek() == "?":  # lazy: the same language
                self.at += 1

    def _atom(self) -> RegexNode:
        character = self._next()
        if character == "(":
            group = _GROUP.match(self.text, self.at)
            if group:
                self.at = group.end()
            elif self._peek() == "?":
                raise Unreadable(f"the group {self.text[self.at - 1 : self.at + 3]!r}… can't be compared")
            inside = self._choice()
            self.at += 1  # the parenthesis: RE2 has seen that it is there
            return inside
        if character == "[":
            return self._class()
        if character == ".":
            return _ANY if self.dot_all else CharSet(frozenset("\n"), negated=True)
        if character in "^$":
            return Anchor(character == "$")
        if character == "\\":
            if self._peek() in ("A", "z") and self._peek():
                return Anchor(self._next() == "z")
            return self._escape()
        return self._set({character})

    def _escape(self) -> CharSet:
        """What follows a backslash, as a set."""
        number = _HEX.match(self.text, self.at)
        if number:
            self.at = number.end()
            code = int(number[1] or number[2], 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise Unreadable(f"{number[0]!r} is not a character")
            return self._set({chr(code)})
        character = self._next()
        if character.lower() in _CLASSES and character:
            return CharSet(_CLASSES[character.lower()], character.isupper())
        if character in _CONTROL and character:
            return self._set({_CONTROL[character]})
        if not character or character.isalnum() or ord(character) > 127:
            raise Unreadable(f"the escape \\{character} can't be compared")
        return self._set({character})

    def _class(self) -> CharSet:
        negated = self._peek() == "^"
        self.at += negated
        inside: set[str] = set()
        outside: frozenset[str] | None = None  # what the negated classes in it leave out
        first = True
        while self._peek() != "]" or first:
            first = False
            named = re.compile(r"\[:(\^?)(\w+):\]").match(self.text, self.at)
            if named:
                self.at = named.end()
                if named[2] not in _NAMED:
                    raise Unreadable(f"the class {named[0]} can't be compared")
                low = CharSet(frozenset(_NAMED[named[2]]), bool(named[1]))
            else:
                low = self._member()
            if low.negated:
                outside = low.chars if outside is None else outside & low.chars
                continue
            if not named and self._peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                inside |= self._range(low, self._member())
            else:
                inside |= low.chars
            if len(inside) > MAX_CLASS:
                raise Unreadable(f"a class of more than {MAX_CLASS} characters")
        self.at += 1
        charset = self._set(inside) if outside is None else CharSet(outside - self._set(inside).chars, negated=True)
        return CharSet(charset.chars, charset.negated != negated)

    def _member(self) -> CharSet:
        """One character, or an escape, of a class; without the other case."""
        ignore_case, self.ignore_case = self.ignore_case, False
        character = self._next()
        charset = self._escape() if character == "\\" else CharSet(frozenset(character))
        self.ignore_case = ignore_case
        return charset

    def _range(self, low: CharSet, high: CharSet) -> set[str]:
        first, last = ord(min(low.chars)), ord(min(high.chars))
        if len(low.chars) != 1 or len(high.chars) != 1 or last - first > MAX_CLASS:
            raise Unreadable(f"a range of more than {MAX_CLASS} characters")
        return {chr(code) for code in range(first, last + 1)}

    def _set(self, characters: set[str]) -> CharSet:
        if self.ignore_case:
            both = {c for character in characters for c in (character.lower(), character.upper()) if len(c) == 1}
            characters = characters | both
        return CharSet(frozenset(characters))


def _anchored(node: RegexNode) -> list[tuple[bool, bool, RegexNode]]:
    """(begins at the start, stops at the end, what is left) of each alternative that holds an anchor, or of all."""
    if not _has_anchor(node):
        return [(False, False, node)]
    if isinstance(node, Anchor):
        return [(not node.end, node.end, _EMPTY)]
    if isinstance(node, Alternation):
        return [alternative for option in node.options for alternative in _anchored(option)]
    if not isinstance(node, Concatenation):
        raise Unreadable("a repeated anchor can't be compared")
    sequences: list[tuple[bool, bool, tuple[RegexNode, ...]]] = [(False, False, ())]
    for part in node.parts:
        longer = []
        for starts, stops, before in sequences:
            for first, last, rest in _anchored(part):
                if (first and before) or (stops and rest != _EMPTY):
                    raise Unreadable("an anchor in the middle can't be compared")
                longer.append((starts or first, stops or last, before if rest == _EMPTY else (*before, rest)))
        sequences = longer
        if len(sequences) > 64:
            raise Unreadable("too many alternatives with anchors")
    return [(starts, stops, Concatenation(parts)) for starts, stops, parts in sequences]


def _has_anchor(node: RegexNode) -> bool:
    if isinstance(node, Repetition):
        return _has_anchor(node.part)
    parts = node.parts if isinstance(node, Concatenation) else node.options if isinstance(node, Alternation) else ()
    return isinstance(node, Anchor) or any(map(_has_anchor, parts))


def _size(node: RegexNode) -> int:
    if isinstance(node, Repetition):
        return min(_size(node.part) * max(node.high or 0, node.low + 1), MAX_SIZE + 1)
    parts = node.parts if isinstance(node, Concatenation) else node.options if isinstance(node, Alternation) else ()
    return 1 + sum(map(_size, parts))
