"""Tokens -> tree, by recursive descent with precedence. Refuses what it doesn't know, and anything left over.

Each token is read a bounded number of times, and nesting is limited, so that the time is linear in the text. This
module holds the outer layers: lists, labels, units, relations, sums, products.
"""

import re
from fractions import Fraction

from rlvr.verifiers.expressions.commands import GREEK, NAMED_SETS, Commands
from rlvr.verifiers.expressions.errors import ParseError
from rlvr.verifiers.expressions.lexer import END, FUNCTIONS, Token, join_thousands, tokens
from rlvr.verifiers.expressions.syntax import Node, is_proper, is_whole, negated, num, sym
from rlvr.verifiers.expressions.units import factor, is_unit

_RELATIONS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "le": "<=", "ge": ">=", "ne": "!=", "!=": "!=",
    "in": "in", "approx": "~", "equiv": "=", "sim": "~", "to": "to", "Rightarrow": "=>", "subset": "sub", "simeq": "~",
    "implies": "=>",
}  # fmt: skip
_SETS = {"cup": "union", "cap": "inter", "setminus": "minus"}
_CONDITIONS = re.compile(r"(?:for|where|with|when|if|such that|provided|as|because)\b", re.IGNORECASE)
_MINUTES = Token("cmd", "min")
_OPEN_WORDS = frozenset({"only", "exactly", "just", "approximately", "about", "roughly"})


def parse(text: str, thousands: bool = True) -> Node:
    """The tree of an answer in normalized LaTeX (see normalize.latex).

    `thousands`: 1,234 is one number, not two. Raises ParseError for anything outside the grammar or over a limit.
    """
    all_tokens = tokens(join_thousands(text) if thousands else text)
    if not all_tokens:
        raise ParseError("nothing to read")
    parser = _Parser(all_tokens)
    try:
        tree = parser.statement()
    except RecursionError:
        raise ParseError("nested too deeply") from None
    if parser.token != END:
        raise ParseError(f"left over: {parser.token.value!r}")
    return tree


class _Parser(Commands):
    """The outer layers of the grammar."""

    def statement(self) -> Node:
        groups = [self.commas()]
        while self.accept(";"):
            if self.token == END:
                break
            groups.append(self.commas())
        if len(groups) == 1:
            return groups[0]
        return Node("list", tuple(Node("tuple", g.args) if g.head == "list" else g for g in groups))

    def commas(self) -> Node:
        items = [self.item()]
        alternatives = False
        while True:
            word = self.connective()
            if not word:
                break
            alternatives |= word == "or"
            while self.connective():
                pass
            if self.token == END:
                break
            if self.condition():
                continue
            items.append(self.item())
        items = [i for n, i in enumerate(items) if not (n and _says_where(i))]
        if len(items) == 1:
            return items[0]
        return Node("or" if alternatives else "list", tuple(items))

    def connective(self) -> str:
        """Read a separator of items, if one is here."""
        token = self.token
        value = token.value.strip().lower().strip(",; ") if token.kind == "text" else token.value
        if token.kind == "op" and value == ",":
            self.at += 1
            return ","
        if token.kind == "op" and value == "&" and self.depth == 0:
            return ""
        if token.kind in ("text", "word") and value in ("and", "or", ""):
            self.at += 1
            return value or ","
        if token.kind == "cmd" and value in ("wedge", "vee"):
            self.at += 1
            return "and" if value == "wedge" else "or"
        return ""

    def condition(self) -> bool:
        """Skip "where x > 0" or "for all x": it limits an answer and is not part of it."""
        token = self.token
        if not ((token.kind in ("text", "word") and _CONDITIONS.match(token.value.strip())) or token.value == "forall"):
            return False
        rest = self.tokens[self.at :]
        if any(t.kind in ("text", "word") and t.value.strip().lower() in ("or", "else") for t in rest):
            raise ParseError("alternatives behind a condition")
        for index, following in enumerate(rest[:-1]):  # ", and f(x) = 2 for …" goes on
            if following.value == "," and rest[index + 1].value.strip() == "and" and self.depth == 0:
                self.at += index
                return True
        self.at = len(self.tokens)
        return True

    def item(self) -> Node:
        token = self.token
        if token.kind in ("text", "word") and token.value.strip().lower() in _OPEN_WORDS:
            self.at += 1
        label = self.label()
        node = self.relation()
        node = self.suffix(node)
        if node.head == "unit" and self.token.kind == "num":
            node = self.more_units(node)
        if self.accept("pmod"):
            node = Node("modulo", (node, self.group()))
        if self.at and self.token != END and self.depth == 0:
            self.condition()
        return Node("rel", (("=",), label, node)) if label else node

    def label(self) -> Node | None:
        """'Maximum: 2' and 'area = 2' name what follows."""
        start, names = self.at, []
        while self.token.kind in ("text", "word") and (self.token.kind == "text" or len(self.token.value) > 2):
            names.append(self.next().value.strip())
        text = " ".join(names).strip()
        if text.endswith(":") or (text.endswith("=") and len(text) > 1):
            text = text[:-1]
        elif not (text and self.token.kind == "op" and self.token.value in (":", "=")):
            self.at = start
            return None
        else:
            self.at += 1
        if not is_unit(text):
            raise ParseError(f"unreadable label {text!r}")
        return sym(text.lower().strip())

    def suffix(self, node: Node) -> Node:
        """A unit after the value, in words or in \\text."""
        parts: list[str] = []
        while True:
            token = self.token
            if token == _MINUTES:
                token = Token("word", "min")
            if token.kind == "text" or (token.kind == "word" and (len(token.value) > 1 or parts)):
                if self.connective_here() or _CONDITIONS.match(token.value.strip()):
                    break
                parts.append(token.value.strip().strip("()"))
                self.at += 1
            elif parts and token.value == "^":
                self.at += 1
                exponent = self.group()
                if exponent.head != "num" or exponent.args[0].denominator != 1 or not 2 <= exponent.args[0] <= 3:
                    raise ParseError("an odd exponent of a unit")
                parts.append(f"^{exponent.args[0]}")
            elif parts and token.value == "/" and self.peek().kind in ("text", "word"):
                parts.append("/")
                self.at += 1
            else:
                break
        if not parts:
            return node
        words = " ".join(p for p in parts if p)
        lowered = words.lower()
        if lowered in ("percent", "pct", "percentage", "percentage points"):
            return Node("percent", (node,))
        if not is_unit(words):
            raise ParseError(f"unreadable words {words!r}")
        if node.head in ("list", "rel") and factor(words) is None:
            raise ParseError(f"unreadable words {words!r}")
        return Node("unit", (node, words))

    def more_units(self, first: Node) -> Node:
        """3 hours 20 minutes"""
        second = self.suffix(self.nested(self.sum))
        if second.head != "unit":
            raise ParseError("a number behind a unit")
        big, small = factor(first.args[1]), factor(second.args[1])
        if big is None or small is None or big[0] != small[0]:
            raise ParseError("units that can't be added")
        part = Node("mul", (second.args[0], num(Fraction(small[1], big[1]))))
        return Node("unit", (Node("add", (first.args[0], part)), first.args[1]))

    def connective_here(self) -> bool:
        start = self.at
        here = bool(self.connective())
        self.at = start
        return here

    # ---- operators ----------------------------------------------------------------------------------------------

    def relation(self) -> Node:
        leading = ""
        if self.token.kind in ("op", "cmd") and self.token.value in _RELATIONS and self.token.value != "in":
            leading = _RELATIONS[self.next().value]
        operands, operators = [self.ratio()], []
        while True:
            name = _RELATIONS.get(self.token.value) if self.token.kind in ("op", "cmd", "word") else None
            if name is None:
                break
            if self.token.kind == "word" and self.token.value != "in":
                break
            self.at += 1
            operators.append(name)
            operands.append(self.ratio())
        if leading:
            return Node("rel", ((leading, *operators), sym("?"), *operands))
        return Node("rel", (tuple(operators), *operands)) if operators else operands[0]

    def ratio(self) -> Node:
        node = self.sets()
        parts = [node]
        while not self.no_bar and self.token == Token("op", ":"):
            self.at += 1
            parts.append(self.sets())
        return Node("ratio", tuple(parts)) if len(parts) > 1 else node

    def sets(self) -> Node:
        node = self.sum()
        while self.token.kind == "cmd" and self.token.value in _SETS:
            head = _SETS[self.next().value]
            node = _joined(head, node, self.sum()) if head == "union" else Node(head, (node, self.sum()))
        return node

    def sum(self) -> Node:
        terms: list[Node] = []
        sign = ""
        while True:
            if self.token.kind == "op" and self.token.value in "+-":
                sign = self.sign(sign)
                continue
            if self.token.kind == "cmd" and self.token.value in ("pm", "mp"):
                self.at += 1
                term = Node("pm", (self.product(),))
            else:
                term = self.product()
            if sign == "-" and not terms and term.head == "mod":  # -7 mod 3 is (-7) mod 3
                term = Node("mod", (negated(term.args[0]), term.args[1]))
            elif sign == "-":
                term = negated(term)
            terms.append(term)
            if self.token.kind == "op" and self.token.value in ("+", "-"):
                sign = self.next().value
            elif self.token.kind == "cmd" and self.token.value in ("pm", "mp"):
                sign = "+"
            else:
                break
        return Node("add", tuple(terms)) if len(terms) > 1 else terms[0]

    def sign(self, before: str) -> str:
        here = self.next().value
        count = 0
        while self.token.kind == "op" and self.token.value in "+-" and count < 3:
            here = "-" if (here == "-") != (self.next().value == "-") else "+"
            count += 1
        return "-" if (before == "-") != (here == "-") else "+"

    def product(self) -> Node:
        node = self.implicit()
        while True:
            token = self.token
            if token.kind in ("op", "cmd") and token.value in ("*", "times", "cdot"):
                self.at += 1
                node = _joined("mul", node, self.signed())
            elif token.kind in ("op", "cmd") and token.value in ("/", "div"):
                self.at += 1
                node = Node("div", (node, self.signed()))
            elif token.value == "mod" and token.kind in ("cmd", "word"):
                self.at += 1
                node = Node("mod", (node, self.signed()))
            else:
                return node

    def signed(self) -> Node:
        if self.token.kind == "op" and self.token.value in ("-", "+"):
            negative = self.next().value == "-"
            return negated(self.signed_once()) if negative else self.signed_once()
        return self.implicit()

    def signed_once(self) -> Node:
        if self.token.kind == "op" and self.token.value in ("-", "+"):
            raise ParseError("two signs in a row")
        return self.implicit()

    def implicit(self, stop_at_functions: bool = False) -> Node:
        """Factors side by side; a whole number before a fraction is a mixed number."""
        first = self.token.kind
        node = self.power()
        while True:
            token = self.token
            if token.kind == "num":
                if first != "num" or node.head == "mul":
                    before = self.tokens[self.at - 1]
                    if before.kind != "word" or len(before.value) != 1:
                        return node
                    node = _joined("mul", node, self.power())
                    continue
                mixed = self.mixed(node)
                if mixed is None:
                    return node
                node = mixed
                continue
            if not self.starts_factor(token):
                return node
            if stop_at_functions and token.kind == "cmd" and token.value in FUNCTIONS:
                return node
            if first == "num" and token == Token("cmd", "frac") and node.head == "num":
                fraction = self.power()
                percent = fraction.head == "percent"
                fraction = fraction.args[0] if percent else fraction
                if is_whole(node) and is_proper(fraction):
                    node = Node("mixed", (node, fraction))
                    node = Node("percent", (node,)) if percent else node
                elif fraction.head == "div" and fraction.args[0].head == "num" and fraction.args[1].head == "num":
                    raise ParseError("a number beside an improper fraction")
                else:
                    node = _joined("mul", node, fraction)
                    node = Node("percent", (node,)) if percent else node
                continue
            following = self.power()
            if not _says_where(following):  # … (k in Z)
                node = _joined("mul", node, following)

    def mixed(self, whole: Node) -> Node | None:
        """1 1/2 in plain text."""
        tokens_ahead = (self.token, self.peek(1), self.peek(2))
        if not (is_whole(whole) and tokens_ahead[1] == Token("op", "/") and tokens_ahead[2].kind == "num"):
            return None
        top, bottom = tokens_ahead[0].value, tokens_ahead[2].value
        if not (top.isdigit() and bottom.isdigit() and int(top) < int(bottom)):
            return None
        self.at += 3
        return Node("mixed", (whole, Node("div", (num(int(top)), num(int(bottom))))))

    def starts_factor(self, token: Token) -> bool:
        if token.kind == "word":
            return len(token.value) == 1
        if token == _MINUTES:
            return self.peek().value in ("(", "{", "_")  # else it is a unit
        if token.kind == "cmd":
            return (
                token.value in FUNCTIONS
                or token.value in GREEK
                or token.value in ("frac", "sqrt", "pi", "binom", "{", "lfloor", "lceil", "infty", "operatorname", "circ_",
                                   "int", "sum", "prod", "lim", "begin", "langle", "e", "i", "mathbb", "mathrm")
            )  # fmt: skip
        return token.kind == "op" and (
            token.value in "({[" or (token.value == "|" and not self.bars and not self.no_bar)
        )


def _says_where(node: Node) -> bool:
    """k in Z: it says what values the parameter of an answer takes, and is not part of the answer."""
    if node.head != "rel" or node.args[0] != ("in",) or node.args[1].head != "sym":
        return False
    return node.args[2].head == "sym" and node.args[2].args[0].partition("_")[0] in (*NAMED_SETS, *NAMED_SETS.values())


def _joined(head: str, left: Node, right: Node) -> Node:
    """An associative operation, flat: long chains must not become deep trees."""
    return Node(head, (*left.args, right) if left.head == head else (left, right))
