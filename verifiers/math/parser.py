"""Tokens -> tree, by recursive descent with precedence. Refuses what it doesn't know, and whatever is left over.

Each token is read a bounded number of times, and nesting is limited, so that the time is linear in the text.
"""

import re
from collections.abc import Callable
from fractions import Fraction

from rlvr.verifiers.math.errors import ParseError
from rlvr.verifiers.math.lexer import END, FUNCTIONS, Token, join_thousands, tokens
from rlvr.verifiers.math.syntax import EMPTY, INFINITY, Node, num, sym, word_set
from rlvr.verifiers.math.units import factor, is_unit

MAX_DEPTH = 40
_RELATIONS = {
    "=": "=", "==": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "le": "<=", "ge": ">=", "ne": "!=", "!=": "!=",
    "in": "in", "approx": "~", "equiv": "=", "sim": "~", "to": "to", "Rightarrow": "=>", "subset": "sub", "simeq": "~",
    "implies": "=>",
}  # fmt: skip
_SETS = {"cup": "union", "cap": "inter", "setminus": "minus"}
_GREEK = word_set(
    "alpha beta gamma delta varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau "
    "upsilon varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell hbar aleph mho"
)
_NAMED_SETS = {"R": "reals", "Z": "integers", "N": "naturals", "Q": "rationals", "C": "complexes"}
_CONDITIONS = re.compile(r"(?:for|where|with|when|if|such that|provided|as|because)\b", re.IGNORECASE)
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_ALWAYS_FUNCTIONS = frozenset("fghFGH")
_FUNCTION_NAMES = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "ln": "log", "lg": "log10"}
_TRIG = word_set("sin cos tan cot sec csc sinh cosh tanh")
_PERCENT = {Token("op", "%"), Token("cmd", "%"), Token("word", "percent"), Token("word", "pct")}
_DEGREE = {Token("cmd", "degree"), Token("cmd", "circ"), *(Token("word", w) for w in ("degrees", "degree", "deg"))}
_OPEN_WORDS = frozenset({"only", "exactly", "just", "approximately", "about", "roughly"})


def parse(text: str, thousands: bool = True) -> Node:
    """The tree of an answer in normalised LaTeX. Raises ParseError."""
    found = tokens(join_thousands(text) if thousands else text)
    if not found:
        raise ParseError("nothing to read")
    parser = _Parser(found)
    try:
        tree = parser.statement()
    except RecursionError:
        raise ParseError("nested too deeply") from None
    if parser.token != END:
        raise ParseError(f"left over: {parser.token.value!r}")
    return tree


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self.found = found
        self.at = 0
        self.depth = 0
        self.bars = 0  # open |…|
        self.no_bar = 0  # inside \{x | …\}: a bar is no absolute value

    # ---- reading tokens -----------------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.found[self.at] if self.at < len(self.found) else END

    def peek(self, ahead: int = 1) -> Token:
        return self.found[self.at + ahead] if self.at + ahead < len(self.found) else END

    def next(self) -> Token:
        token = self.token
        self.at += 1
        return token

    def accept(self, *values: str) -> bool:
        if self.token.value in values and self.token.kind in ("op", "cmd"):
            self.at += 1
            return True
        return False

    def expect(self, value: str) -> None:
        if not self.accept(value):
            raise ParseError(f"expected {value!r}, found {self.token.value!r}")

    def nested(self, read: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ParseError("nested too deeply")
        node = read()
        self.depth -= 1
        return node

    # ---- lists --------------------------------------------------------------------------------------------------

    def statement(self) -> Node:
        """items separated by ; , and or"""
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
        """Skip 'where x > 0', 'for all x': it says where an answer holds, and isn't one."""
        token = self.token
        if not ((token.kind in ("text", "word") and _CONDITIONS.match(token.value.strip())) or token.value == "forall"):
            return False
        rest = self.found[self.at :]
        if any(t.kind in ("text", "word") and t.value.strip().lower() in ("or", "else") for t in rest):
            raise ParseError("alternatives behind a condition")
        for index, following in enumerate(rest[:-1]):  # ", and f(x) = 2 for …" goes on
            if following.value == "," and rest[index + 1].value.strip() == "and" and self.depth == 0:
                self.at += index
                return True
        self.at = len(self.found)
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
        """A unit behind the value, in words or in \\text."""
        parts: list[str] = []
        while True:
            token = self.token
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
        found = bool(self.connective())
        self.at = start
        return found

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
                term = Node("mod", (_negate(term.args[0]), term.args[1]))
            elif sign == "-":
                term = _negate(term)
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
            return _negate(self.signed_once()) if negative else self.signed_once()
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
                    before = self.found[self.at - 1]
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
                if _is_whole(node) and _is_proper(fraction):
                    node = Node("mixed", (node, fraction))
                    node = Node("percent", (node,)) if percent else node
                elif fraction.head == "div" and fraction.args[0].head == "num" and fraction.args[1].head == "num":
                    raise ParseError("a number beside a fraction that is no proper one")
                else:
                    node = _joined("mul", node, fraction)
                    node = Node("percent", (node,)) if percent else node
                continue
            node = _joined("mul", node, self.power())

    def mixed(self, whole: Node) -> Node | None:
        """1 1/2 in plain text."""
        tokens_ahead = (self.token, self.peek(1), self.peek(2))
        if not (_is_whole(whole) and tokens_ahead[1] == Token("op", "/") and tokens_ahead[2].kind == "num"):
            return None
        top, bottom = tokens_ahead[0].value, tokens_ahead[2].value
        if not (top.isdigit() and bottom.isdigit() and int(top) < int(bottom)):
            return None
        self.at += 3
        return Node("mixed", (whole, Node("div", (num(int(top)), num(int(bottom))))))

    def starts_factor(self, token: Token) -> bool:
        if token.kind == "word":
            return len(token.value) == 1
        if token.kind == "cmd":
            return (
                token.value in FUNCTIONS
                or token.value in _GREEK
                or token.value in ("frac", "sqrt", "pi", "binom", "{", "lfloor", "lceil", "infty", "operatorname", "circ_",
                                   "int", "sum", "prod", "lim", "begin", "langle", "e", "i", "mathbb", "mathrm")
            )  # fmt: skip
        return token.kind == "op" and (
            token.value in "({[" or (token.value == "|" and not self.bars and not self.no_bar)
        )

    # ---- powers, subscripts, postfix signs ----------------------------------------------------------------------

    def power(self) -> Node:
        return self.postfix(self.nested(self.atom))

    def postfix(self, node: Node) -> Node:
        count = 0
        while True:
            count += 1
            if count > 20:
                raise ParseError("too many signs in a row")
            token = self.token
            if token.kind == "op" and token.value in ("^", "**"):
                if self.side_here():
                    return node
                self.at += 1
                node = self.degrees(node) if self.degree_here() else Node("pow", (node, self.nested(self.exponent)))
            elif token.kind == "op" and token.value == "_":
                self.at += 1
                node = _subscripted(node, self.subscript())
            elif token.kind == "op" and token.value == "!":
                self.at += 1
                node = Node("fact", (node,))
            elif token in _PERCENT:
                self.at += 1
                node = Node("percent", (node,))
            elif token.kind == "op" and token.value == "'" and node.head == "sym":
                self.at += 1
                node = sym(node.args[0] + "'")
            elif token in _DEGREE:
                self.at += 1
                node = self.degrees(node)
            else:
                return node

    def side_here(self) -> bool:
        """The + of a limit's x -> 3^+."""
        ahead = [self.peek(k).value for k in (1, 2, 3)]
        if ahead[0] == "{":
            return ahead[1] in ("+", "-") and ahead[2] == "}"
        return ahead[0] in ("+", "-") and ahead[1] == "}"

    def degree_here(self) -> bool:
        """Read `\\circ` or `{\\circ}`."""
        names = ("circ", "degree")
        if self.token.value in names:
            self.at += 1
            return True
        if self.token.value == "{" and self.peek(1).value in names and self.peek(2).value == "}":
            self.at += 3
            return True
        return False

    def degrees(self, node: Node) -> Node:
        """Degrees, with minutes and seconds where they follow."""
        parts = [node]
        for mark in ("'", '"'):
            ahead = 1
            if self.token.kind == "num" and self.peek(ahead).value == mark:
                parts.append(Node("div", (self.number(), num(60 ** len(parts)))))
                self.at += 1
            elif (
                self.token.kind == "num"
                and mark == "'"
                and self.peek(1).value == "^"
                and "prime" in (self.peek(2).value, self.peek(3).value)
            ):
                parts.append(Node("div", (self.number(), num(60))))
                self.at += 4 if self.peek(1).value == "{" else 2
        if len(parts) > 1:
            node = Node("add", tuple(parts))
        return Node("unit", (node, "deg"))

    def exponent(self) -> Node:
        if self.token.kind == "op" and self.token.value in ("-", "+"):
            negative = self.next().value == "-"
            node = self.exponent()
            return _negate(node) if negative else node
        if self.token == Token("op", "{"):
            return self.group()
        node = self.nested(self.atom)
        if self.token.kind == "op" and self.token.value in ("^", "**") and self.peek().value not in ("circ", "degree"):
            self.at += 1
            return Node("pow", (node, self.nested(self.exponent)))
        return node

    def subscript(self) -> str:
        """A subscript is part of a name: its tokens, as they stand."""
        if not self.accept("{"):
            token = self.next()
            if token.kind not in ("num", "word", "cmd", "text"):
                raise ParseError("an odd subscript")
            return token.value
        depth = 1
        parts: list[str] = []
        while True:
            token = self.next()
            if token == END:
                raise ParseError("unbalanced braces")
            depth += (token.value == "{" and token.kind == "op") - (token.value == "}" and token.kind == "op")
            if depth == 0:
                return " ".join(parts) if len(parts) != 1 else parts[0]
            parts.append(token.value)

    # ---- atoms --------------------------------------------------------------------------------------------------

    def group(self) -> Node:
        """The braced argument of a command, or its one token."""
        if self.token == Token("op", "{"):
            self.at += 1
            saved, self.bars, self.no_bar = (self.bars, self.no_bar), 0, 0
            node = self.nested(self.sets)
            self.bars, self.no_bar = saved
            self.expect("}")
            return node
        return self.nested(self.atom)

    def digit_or_group(self) -> Node:
        """An argument of \\frac: \\frac12 is one half."""
        token = self.token
        if token.kind == "num" and len(token.value) > 1 and token.value.isdigit():
            self.found[self.at] = Token("num", token.value[1:])
            return num(int(token.value[0]))
        return self.group()

    def number(self) -> Node:
        text = self.next().value
        mantissa = text.lower().partition("e")[0]
        places = len(mantissa.partition(".")[2]) if "." in mantissa else None
        exponent = text.lower().partition("e")[2]
        return num(Fraction(text), places if not exponent else None)

    def atom(self) -> Node:
        token = self.token
        if token.kind == "num":
            return self.number()
        if token.kind == "text":
            if len(token.value) == 1 and token.value.isalpha():
                self.at += 1
                return sym(token.value)
            raise ParseError(f"words inside an expression: {token.value!r}")
        if token.kind == "word":
            if len(token.value) != 1:
                raise ParseError(f"a word inside an expression: {token.value!r}")
            self.at += 1
            if token.value == "I":
                return sym("i")
            return self.maybe_function(sym(token.value))
        if token.kind == "op":
            return self.bracket()
        if token.kind == "cmd":
            return self.command()
        raise ParseError("something is missing")

    def maybe_function(self, name: Node) -> Node:
        """f(x) is an application; c(x + 1) is a product."""
        if self.token != Token("op", "("):
            return name
        opened = self.at
        self.at += 1
        try:
            arguments = self.nested(self.statement)
            self.expect(")")
        except ParseError:
            self.at = opened
            raise
        defines = self.token == Token("op", "=") and arguments.head in ("sym", "list")
        if name.args[0] in _ALWAYS_FUNCTIONS or defines:
            return Node("apply", (name, *(arguments.args if arguments.head == "list" else (arguments,))))
        self.at = opened
        return name

    def bracket(self) -> Node:
        opener = self.token.value
        if opener == "|":
            self.at += 1
            self.bars += 1
            node = self.nested(self.sum)
            self.bars -= 1
            self.expect("|")
            return Node("abs", (node,))
        if opener == "]":
            return self.reversed_interval()
        if opener not in _CLOSERS:
            raise ParseError(f"unexpected {opener!r}")
        self.at += 1
        saved, self.bars, self.no_bar = (self.bars, self.no_bar), 0, 0
        node = self.nested(self.statement)
        self.bars, self.no_bar = saved
        closer = self.token.value if self.token.kind == "op" else ""
        if closer not in (")", "]", "}") and not (closer == "[" and opener == "["):
            raise ParseError(f"{opener!r} isn't closed")
        if (opener == "{") != (closer == "}"):
            raise ParseError(f"{opener!r} closed by {closer!r}")
        self.at += 1
        return _bracketed(opener, closer, node)

    def reversed_interval(self) -> Node:
        """]a, b[ is the French (a, b)."""
        self.at += 1
        saved, self.bars = self.bars, 0
        node = self.nested(self.statement)
        self.bars = saved
        closer = self.next().value
        if closer not in ("[", "]", ")") or node.head != "list" or len(node.args) != 2:
            raise ParseError("an odd bracket")
        return Node("interval", (*node.args, False, closer == "]"))

    def command(self) -> Node:
        name = self.next().value
        if name in FUNCTIONS and name not in ("sqrt", "cbrt"):
            return self.function(_FUNCTION_NAMES.get(name, name))
        if name == "frac":
            top = self.digit_or_group()
            return Node("div", (top, self.digit_or_group()))
        if name == "sqrt":
            return self.root()
        if name == "cbrt":
            return Node("root", (self.group(), num(3)))
        if name == "binom":
            top = self.digit_or_group()
            return Node("binom", (top, self.digit_or_group()))
        if name == "{":
            return self.set()
        if name in ("lfloor", "lceil"):
            node = self.nested(self.sum)
            self.expect("r" + name[1:])
            return Node("floor" if name == "lfloor" else "ceil", (node,))
        if name == "langle":
            node = self.nested(self.statement)
            self.expect("rangle")
            return Node("tuple", node.args if node.head == "list" else (node,))
        if name == "|":
            node = self.nested(self.sum)
            self.expect("|")
            return Node("norm", (node,))
        if name == "emptyset":
            return EMPTY
        if name == "infty":
            return INFINITY
        if name == "mathbb":
            letter = self.group()
            if letter.head != "sym" or letter.args[0] not in _NAMED_SETS:
                raise ParseError("an unknown blackboard letter")
            return sym(_NAMED_SETS[letter.args[0]])
        if name in ("R", "reals"):
            return sym("reals")
        if name == "begin":
            return self.matrix()
        if name in ("int", "sum", "prod", "lim"):
            return self.big(name)
        if name == "ldots":
            return sym("...")
        if name in ("pi", "e", "i") or name in _GREEK:
            return self.maybe_function(sym(name)) if name in _GREEK else sym(name)
        if name in ("overline", "vec", "overrightarrow", "hat", "bar", "angle", "triangle"):
            letters = [self.group()]
            while self.token.kind == "word" and len(self.token.value) == 1 and letters[0].head == "sym":
                letters.append(sym(self.next().value))
            return Node("marked", (sym(name), letters[0] if len(letters) == 1 else Node("mul", tuple(letters))))
        raise ParseError(f"unknown command \\{name}")

    def root(self) -> Node:
        if self.token == Token("op", "["):
            self.at += 1
            degree = self.nested(self.sum)
            self.expect("]")
            return Node("root", (self.group(), degree))
        if self.token == Token("op", "("):  # sqrt(2) in plain text
            return Node("root", (self.nested(self.atom), num(2)))
        return Node("root", (self.group(), num(2)))

    def function(self, name: str) -> Node:
        base = power = None
        for _ in range(2):
            if self.token == Token("op", "_") and name in ("log", "max", "min"):
                self.at += 1
                base = self.group()
            elif self.token == Token("op", "^"):
                self.at += 1
                power = self.nested(self.exponent)
        if name in _TRIG and power == num(-1):
            name, power = "a" + name, None
        if self.token == Token("op", "("):
            self.at += 1
            saved, self.bars = self.bars, 0
            content = self.nested(self.statement)
            self.bars = saved
            self.expect(")")
            arguments = content.args if content.head == "list" else (content,)
        elif self.token == Token("op", "{"):
            content = self.nested(self.atom)
            arguments = content.args if content.head in ("list", "set") else (content,)
        else:
            arguments = (self.nested(lambda: self.implicit(stop_at_functions=True)),)
        if base is not None and name == "log":
            name, arguments = "logbase", (*arguments, base)
        node = Node(name, tuple(arguments))
        return node if power is None else Node("pow", (node, power))

    def set(self) -> Node:
        if self.accept("}"):
            return EMPTY
        saved, self.bars, self.no_bar = (self.bars, self.no_bar), 0, 1
        first = self.nested(self.commas)
        if self.accept("|") or self.accept(":"):
            self.no_bar = 0
            condition = self.nested(self.commas)
            node = Node("builder", (first, condition))
        else:
            self.no_bar = 0
            items = list(first.args) if first.head in ("list", "or") else [first]
            while self.accept(";"):
                items.append(self.nested(self.commas))
            node = Node("set", tuple(items))
        self.bars, self.no_bar = saved
        if not self.accept("}"):
            raise ParseError("a set isn't closed")
        return node

    def matrix(self) -> Node:
        kind = self.environment()
        if kind.rstrip("*") not in ("pmatrix", "bmatrix", "matrix", "vmatrix", "Bmatrix", "smallmatrix", "array"):
            raise ParseError(f"unknown environment {kind}")
        if kind == "array":
            self.expect("{")
            while not self.accept("}"):
                if self.next() == END:
                    raise ParseError("unbalanced braces")
        rows: list[Node] = []
        row: list[Node] = []
        while True:
            if self.accept("end"):
                break
            row.append(self.nested(self.sum))
            if self.accept("&"):
                continue
            rows.append(Node("row", tuple(row)))
            row = []
            self.accept("\\")
        if self.environment() != kind or row or len({len(r.args) for r in rows}) != 1:
            raise ParseError("an odd matrix")
        matrix = Node("matrix", tuple(rows))
        return Node("det", (matrix,)) if kind == "vmatrix" else matrix

    def environment(self) -> str:
        self.expect("{")
        name = ""
        while not self.accept("}"):
            token = self.next()
            if token == END or len(name) > 30:
                raise ParseError("an odd environment")
            name += token.value
        return name

    def big(self, name: str) -> Node:
        """Integrals, sums, products and limits: bounds, then what they run over."""
        lower: Node = sym("")
        upper: Node = sym("")
        for _ in range(2):
            if self.accept("_"):
                lower = self.bound()
            elif self.accept("^"):
                upper = self.bound()
        if name == "int":
            return Node("int", (*self.integrand(), lower, upper))
        if name in ("sum", "prod"):
            return Node(name, (self.nested(self.product), lower, upper))
        return Node("lim", (self.nested(self.product), lower))

    def bound(self) -> Node:
        if self.token != Token("op", "{"):
            return self.nested(self.atom)
        self.at += 1
        if self.accept("}"):
            return sym("")
        node = self.nested(self.relation)
        side = ""
        if self.token == END:
            raise ParseError("unbalanced braces")
        if self.accept("^"):
            braced = self.accept("{")
            side = self.next().value
            if braced:
                self.expect("}")
        self.expect("}")
        return Node("side", (node, sym(side))) if side else node

    def over_dx(self) -> None:
        r"""Rewrite \frac{dx}{x} as \frac{1}{x} dx."""
        ahead = [self.peek(k).value for k in range(5)]
        if ahead[:3] == ["frac", "{", "d"] and ahead[4] == "}":
            depth, end = 0, self.at + 5
            while end < len(self.found):
                depth += (self.found[end].value == "{") - (self.found[end].value == "}")
                end += 1
                if depth == 0:
                    break
            dx = self.found[self.at + 2 : self.at + 4]
            self.found[end:end] = dx
            self.found[self.at + 2 : self.at + 4] = [Token("num", "1")]

    def integrand(self) -> tuple[Node, Node]:
        """What stands before dx, and x."""
        self.over_dx()
        closers = {"[": "]", "(": ")"}
        opener = self.token.value if self.token.value in closers else ""
        depth = 0
        for index in range(self.at, len(self.found)):
            token = self.found[index]
            if token.kind == "op":
                depth += (token.value in "([{") - (token.value in ")]}")
            if (
                token.value == "d"
                and token.kind in ("word", "text")
                and index + 1 < len(self.found)
                and depth <= (1 if opener else 0)
            ):
                inner = self.found[self.at + (1 if opener and depth else 0) : index]
                variable = self.found[index + 1]
                if variable.kind not in ("word", "cmd") or len(variable.value) > 8:
                    break
                self.at = index + 2
                if opener and depth and self.next().value not in "])}":
                    break
                if not inner:
                    return num(1), sym(variable.value)
                sub = _Parser(inner)
                sub.depth = self.depth + 1
                if sub.depth > MAX_DEPTH:
                    break
                body = sub.sum()
                if sub.token != END:
                    break
                return body, sym(variable.value)
        raise ParseError("an integral without its variable")


def _says_where(node: Node) -> bool:
    """k in Z: no part of an answer, but where its parameter comes from."""
    if node.head != "rel" or node.args[0] != ("in",) or node.args[1].head != "sym":
        return False
    return node.args[2].head == "sym" and node.args[2].args[0].partition("_")[0] in _NAMED_SETS.values()


def _joined(head: str, left: Node, right: Node) -> Node:
    """An associative operation, flat: long chains mustn't become deep trees."""
    return Node(head, (*left.args, right) if left.head == head else (left, right))


def _negate(node: Node) -> Node:
    if node.head == "num":
        return Node("num", (-node.args[0], node.args[1]))
    if node.head in ("unit", "percent"):
        return Node(node.head, (_negate(node.args[0]), *node.args[1:]))
    return Node("neg", (node,))


def _is_whole(node: Node) -> bool:
    return node.head == "num" and node.args[1] is None and node.args[0].denominator == 1


def _is_proper(node: Node) -> bool:
    if node.head != "div" or not all(a.head == "num" and _is_whole(a) for a in node.args):
        return False
    return bool(0 < node.args[0].args[0] < node.args[1].args[0])


def _subscripted(node: Node, subscript: str) -> Node:
    """A subscript makes another name; below a number it is the base."""
    if node.head == "sym":
        return sym(f"{node.args[0]}_{subscript}")
    if node.head == "pow" and node.args[0].head == "sym":
        return Node("pow", (_subscripted(node.args[0], subscript), node.args[1]))
    if node.head == "num" and _is_whole(node) and subscript.isdigit() and len(subscript) <= 2:
        base, digits = int(subscript), str(node.args[0])
        if 2 <= base <= 10 and all(int(d) < base for d in digits):
            return Node("based", (num(int(digits, base)), num(base)))
    raise ParseError("a subscript in an odd place")


def _bracketed(opener: str, closer: str, node: Node) -> Node:
    items = node.args if node.head == "list" else (node,)
    if opener == "{":
        return Node("list", items) if len(items) > 1 else node
    if len(items) == 2 and (opener == "[" or closer == "]"):
        if closer == "[":
            closer = ")"
        return Node("interval", (*items, opener == "[", closer == "]"))
    if opener + closer not in ("()", "[]"):
        raise ParseError(f"{opener!r} closed by {closer!r}")
    if len(items) > 1:
        return Node("tuple", items)
    if node.head == "or":
        raise ParseError("alternatives in brackets")
    return node if opener == "(" else Node("bracket", (node,))


__all__ = ["MAX_DEPTH", "parse"]
