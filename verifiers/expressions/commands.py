"""LaTeX commands: fractions, roots, functions, sets, matrices, integrals, sums, limits."""

from rlvr.verifiers.expressions.atoms import Atoms
from rlvr.verifiers.expressions.errors import ParseError
from rlvr.verifiers.expressions.lexer import END, FUNCTIONS, Token
from rlvr.verifiers.expressions.syntax import EMPTY, INFINITY, Node, num, sym, word_set

GREEK = word_set(
    "alpha beta gamma delta varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau "
    "upsilon varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell hbar aleph mho"
)
NAMED_SETS = {"R": "reals", "Z": "integers", "N": "naturals", "Q": "rationals", "C": "complexes"}
_FUNCTION_NAMES = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "ln": "log", "lg": "log10"}
_TRIG = word_set("sin cos tan cot sec csc sinh cosh tanh")


class Commands(Atoms):
    """What a backslash or the name of a function begins."""

    def command(self) -> Node:
        """What a LaTeX command begins. Raises ParseError for one that isn't known."""
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
            if letter.head != "sym" or letter.args[0] not in NAMED_SETS:
                raise ParseError("an unknown blackboard letter")
            return sym(NAMED_SETS[letter.args[0]])
        if name in ("R", "reals"):
            return sym("reals")
        if name == "begin":
            return self.matrix()
        if name in ("int", "sum", "prod", "lim"):
            return self.big(name)
        if name == "ldots":
            return sym("...")
        if name in ("pi", "e", "i") or name in GREEK:
            return self.maybe_function(sym(name)) if name in GREEK else sym(name)
        if name in ("overline", "vec", "overrightarrow", "hat", "bar", "angle", "triangle"):
            letters = [self.group()]
            while self.token.kind == "word" and len(self.token.value) == 1 and letters[0].head == "sym":
                letters.append(sym(self.next().value))
            content = letters[0] if len(letters) == 1 else Node("mul", tuple(letters))
            if content.head == "mul" and all(a.head == "sym" for a in content.args):
                parts = [a.args[0] for a in content.args]  # a vector has a direction, a segment has none
                content = sym(" ".join(parts if name in ("vec", "overrightarrow", "angle") else sorted(parts)))
            return Node("marked", (sym(name), content))
        raise ParseError(f"unknown command \\{name}")

    def root(self) -> Node:
        """A square root, or one of another degree. Raises ParseError."""
        if self.token == Token("op", "["):
            self.at += 1
            degree = self.nested(self.sum)
            self.expect("]")
            return Node("root", (self.group(), degree))
        if self.token == Token("op", "("):  # sqrt(2) in plain text
            return Node("root", (self.nested(self.atom), num(2)))
        return Node("root", (self.group(), num(2)))

    def function(self, name: str) -> Node:
        """A function with its arguments, a base and a power: log_2 x, sin^2 x. Raises ParseError."""
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
        """A set of items, or of all that fulfill a condition. Raises ParseError."""
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
        """A matrix or a determinant. Raises ParseError."""
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
        """The name in \\begin{…} or \\end{…}. Raises ParseError."""
        self.expect("{")
        name = ""
        while not self.accept("}"):
            token = self.next()
            if token == END or len(name) > 30:
                raise ParseError("an odd environment")
            name += token.value
        return name

    def big(self, name: str) -> Node:
        """Integrals, sums, products and limits: bounds, then what they run over. Raises ParseError."""
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
        """A bound of a sum or an integral, or what a limit approaches. Raises ParseError."""
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
            while end < len(self.tokens):
                depth += (self.tokens[end].value == "{") - (self.tokens[end].value == "}")
                end += 1
                if depth == 0:
                    break
            dx = self.tokens[self.at + 2 : self.at + 4]
            self.tokens[end:end] = dx
            self.tokens[self.at + 2 : self.at + 4] = [Token("num", "1")]

    def integrand(self) -> tuple[Node, Node]:
        """The expression before dx, and the variable x. Raises ParseError."""
        self.over_dx()
        closers = {"[": "]", "(": ")"}
        opener = self.token.value if self.token.value in closers else ""
        depth = 0
        for index in range(self.at, len(self.tokens)):
            token = self.tokens[index]
            if token.kind == "op":
                depth += (token.value in "([{") - (token.value in ")]}")
            if (
                token.value == "d"
                and token.kind in ("word", "text")
                and index + 1 < len(self.tokens)
                and depth <= (1 if opener else 0)
            ):
                inner = self.tokens[self.at + (1 if opener and depth else 0) : index]
                variable = self.tokens[index + 1]
                if variable.kind not in ("word", "cmd") or len(variable.value) > 8:
                    break
                self.at = index + 2
                if opener and depth and self.next().value not in "])}":
                    break
                if not inner:
                    return num(1), sym(variable.value)
                sub = self.sub_parser(inner)
                body = sub.sum()
                if sub.token != END:
                    break
                return body, sym(variable.value)
        raise ParseError("an integral without its variable")
