"""Numbers, names, brackets, and what follows them: powers, subscripts, signs."""

from fractions import Fraction

from rlvr.verifiers.expressions.errors import ParseError
from rlvr.verifiers.expressions.lexer import END, Token
from rlvr.verifiers.expressions.reader import Reader
from rlvr.verifiers.expressions.syntax import Node, is_whole, negated, num, sym

_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_ALWAYS_FUNCTIONS = frozenset("fghFGH")
_PERCENT = {Token("op", "%"), Token("cmd", "%"), Token("word", "percent"), Token("word", "pct")}
_DEGREE = {Token("cmd", "degree"), Token("cmd", "circ"), *(Token("word", w) for w in ("degrees", "degree", "deg"))}


class Atoms(Reader):
    """The innermost layer of the grammar."""

    def power(self) -> Node:
        """An atom with what follows it. Raises ParseError."""
        return self.postfix(self.nested(self.atom))

    def postfix(self, node: Node) -> Node:
        """`node` with the powers, subscripts and signs that follow it. Raises ParseError."""
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
                node = self.degrees(node) if self.degree_here() else self.raised(node)
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
                node = self.maybe_function(sym(node.args[0] + "'"))
            elif token in _DEGREE:
                self.at += 1
                node = self.degrees(node)
            else:
                return node

    def raised(self, base: Node) -> Node:
        """A power; f^{-1}(x) is a function of another name."""
        power = Node("pow", (base, self.nested(self.exponent)))
        if power.args[1] == num(-1) and base.head == "sym" and base.args[0] in _ALWAYS_FUNCTIONS:
            return self.maybe_function(sym(base.args[0] + "^-1"), power)
        return power

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
        """Degrees, with the minutes and seconds that follow, if any."""
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
        """What is above a ^. Raises ParseError."""
        if self.token.kind == "op" and self.token.value in ("-", "+"):
            negative = self.next().value == "-"
            node = self.exponent()
            return negated(node) if negative else node
        if self.token == Token("op", "{"):
            return self.group()
        node = self.nested(self.atom)
        if self.token.kind == "op" and self.token.value in ("^", "**") and self.peek().value not in ("circ", "degree"):
            self.at += 1
            return Node("pow", (node, self.nested(self.exponent)))
        return node

    def subscript(self) -> str:
        """A subscript is part of a name: its tokens, unparsed. Raises ParseError."""
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

    def group(self) -> Node:
        """The braced argument of a command, or its one token. Raises ParseError."""
        if self.token == Token("op", "{"):
            self.at += 1
            saved, self.bars, self.no_bar = (self.bars, self.no_bar), 0, 0
            node = self.nested(self.sets)
            self.bars, self.no_bar = saved
            self.expect("}")
            return node
        return self.nested(self.atom)

    def digit_or_group(self) -> Node:
        """An argument of \\frac: \\frac12 is one half. Raises ParseError."""
        token = self.token
        if token.kind == "num" and len(token.value) > 1 and token.value.isdigit():
            self.tokens[self.at] = Token("num", token.value[1:])
            return num(int(token.value[0]))
        return self.group()

    def number(self) -> Node:
        """A number, with the decimal places that it is written with."""
        text = self.next().value
        mantissa = text.lower().partition("e")[0]
        places = len(mantissa.partition(".")[2]) if "." in mantissa else None
        exponent = text.lower().partition("e")[2]
        return num(Fraction(text), places if not exponent else None)

    def atom(self) -> Node:
        """A number, a name, a bracket or a command. Raises ParseError."""
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

    def maybe_function(self, name: Node, otherwise: Node | None = None) -> Node:
        """f(x) is an application; c(x + 1) is a product, which `otherwise` or `name` begins. Raises ParseError."""
        if self.token != Token("op", "("):
            return otherwise or name
        opened = self.at
        self.at += 1
        try:
            arguments = self.nested(self.statement)
            self.expect(")")
        except ParseError:
            self.at = opened
            raise
        defines = self.token == Token("op", "=") and arguments.head in ("sym", "list", "num", "rel", "apply")
        if name.args[0].rstrip("'").removesuffix("^-1") in _ALWAYS_FUNCTIONS or defines:
            return Node("apply", (name, *(arguments.args if arguments.head == "list" else (arguments,))))
        self.at = opened
        return otherwise or name

    def bracket(self) -> Node:
        """What begins with an opening bracket or a bar. Raises ParseError."""
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
        """]a, b[ is the French (a, b). Raises ParseError."""
        self.at += 1
        saved, self.bars = self.bars, 0
        node = self.nested(self.statement)
        self.bars = saved
        closer = self.next().value
        if closer not in ("[", "]", ")") or node.head != "list" or len(node.args) != 2:
            raise ParseError("an odd bracket")
        return Node("interval", (*node.args, False, closer == "]"))


def _subscripted(node: Node, subscript: str) -> Node:
    """A name with a subscript is another name; below a number the subscript is the base. Raises ParseError."""
    if node.head == "sym":
        return sym(f"{node.args[0]}_{subscript}")
    if node.head == "pow" and node.args[0].head == "sym":
        return Node("pow", (_subscripted(node.args[0], subscript), node.args[1]))
    if node.head == "num" and is_whole(node) and subscript.isdigit() and len(subscript) <= 2:
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
