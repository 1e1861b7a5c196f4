"""The test runner's side: a test's code runs here, in a sandbox without the candidate, against proxies of its functions.

A proxy forwards calls, attributes, items, length and iteration; their results are plain data again. It never forwards
equality, truth, order, arithmetic or membership: a value that is not plain data equals nothing, so it can't lie about
itself.
"""

import builtins
from collections.abc import Callable, Iterator
from typing import Any

from codec import Malformed, check, decode, dumps, encode, loads  # noqa: F401 - found beside this file

ANSWER_BYTES = 16 << 20
TEXT = 200  # characters of an exception's text in a verdict
NAME = 100  # characters of an exception's name, which the candidate chooses
# Methods of built-in types that answer yes or no. An object that only pretends to be one must not answer them.
PREDICATES = {name for kind in (str, bytes, float, int) for name in dir(kind) if name.startswith("is")}
PREDICATES |= {"startswith", "endswith", "issubset", "issuperset", "isdisjoint"}


class CandidateGone(BaseException):
    """The candidate's process has ended and can't answer."""


class Unsupported(BaseException):
    """The test passes something that can't cross the boundary: the test's fault, not the candidate's."""


class Proxy:
    """An opaque value of the candidate, which stays in the candidate's process."""

    def __init__(self, remote: "RemoteCandidate", handle: int, name: str, true: bool = False) -> None:
        self.__dict__.update(_remote=remote, _handle=handle, _name=name, _true=true)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._remote.ask("call", self._handle, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in PREDICATES:
            raise AttributeError(f"an opaque {self._name!r} doesn't answer {name}")
        return self._remote.ask("attr", self._handle, (name,))

    def __setattr__(self, name: str, value: Any) -> None:
        self._remote.ask("set", self._handle, (name, value))

    def __getitem__(self, key: Any) -> Any:
        return self._remote.ask("item", self._handle, (key,))

    def __setitem__(self, key: Any, value: Any) -> None:
        self._remote.ask("setitem", self._handle, (key, value))

    def __len__(self) -> int:
        size = self._remote.ask("len", self._handle)
        if type(size) is not int or size < 0:
            raise TypeError("no length")
        return size

    def __iter__(self) -> Iterator[Any]:
        handle = self._remote.ask("iter", self._handle)
        while True:
            try:
                value = self._remote.ask("next", handle)
            except StopIteration:
                return
            yield value

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        if other is None:
            return True
        raise TypeError(f"an opaque {self._name!r} equals nothing and differs from nothing")

    def __bool__(self) -> bool:
        if self._true:
            return True
        raise TypeError(f"an opaque {self._name!r} is neither true nor false")

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<opaque {self._name}>"


class RemoteCandidate:
    """Asks the candidate's process. `send` carries a request there and returns the answer, empty if it has ended."""

    def __init__(self, send: Callable[[dict[str, Any]], bytes]) -> None:
        self.send = send
        self.classes: dict[tuple[str, str], type[BaseException]] = {}

    def handle(self, x: Any) -> int:
        """The candidate's handle of a proxy. Raises Unsupported for any other value."""
        if type(x) is Proxy:
            return int(x._handle)
        raise Unsupported(f"a test passes a {type(x).__name__} to the candidate")

    def ask(self, what: str, name: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Ask for one operation on a name or a handle, and return its value.

        Containers among the arguments that the candidate changed are changed here too. Raises what the candidate
        raised, NameError for a name that it lacks, CandidateGone if it has ended, Unsupported for an argument that
        can't be passed, and Malformed for an invalid answer.
        """
        seen: dict[int, Any] = {}
        nodes, roots = encode([tuple(args), kwargs or {}], self.handle, seen=seen)
        request = {"nodes": nodes, "calls": [[what, name, *roots]], "changes": True}
        data = self.send(request)
        if not data:
            raise CandidateGone
        answer = loads(data, ANSWER_BYTES)
        kind, *rest = answer["out"][0]
        if kind in ("raised", "exception"):
            exception = self.exception(str(rest[0])[:NAME], str(rest[1]))
            if kind == "exception":
                return exception
            raise exception(*rest[2])
        if kind == "missing":
            raise NameError(f"name {rest[0]!r} is not defined")
        if kind not in ("value", "class"):
            raise Malformed(str(rest))
        check(answer["nodes"])
        objects = decode(answer["nodes"], self.opaque, seen)
        return objects[answer["roots"][rest[0]]]

    def opaque(self, node: Any) -> Proxy:
        """The proxy of an opaque node: [tag, handle, name of its class] and, for a value known to be true, True."""
        return Proxy(self, *node[1:])

    def exception(self, own: str, base: str) -> type[BaseException]:
        """A class for the candidate's exception class `own`, derived from its nearest built-in class `base`."""
        parent = getattr(builtins, base, Exception)
        if not (isinstance(parent, type) and issubclass(parent, BaseException)):
            parent = Exception
        if (own, base) not in self.classes:
            plain = own == parent.__name__ and not issubclass(parent, (UnicodeError, BaseExceptionGroup))
            self.classes[own, base] = parent if plain else type(own, (parent,), {"__new__": _new, "__init__": _init})
        return self.classes[own, base]


def _new(kind: type[BaseException], *args: object) -> BaseException:
    return BaseException.__new__(kind, *args)


def _init(self: BaseException, *args: object) -> None:
    """Some built-in exceptions insist on arguments; these take any."""


class TestNamespace(dict[str, Any]):
    """The test's globals. A name that neither the test nor Python defines is the candidate's."""

    def __init__(self, remote: RemoteCandidate) -> None:
        super().__init__(__name__="__main__", __builtins__=builtins)
        self.remote = remote

    def __missing__(self, name: str) -> Any:
        if name in builtins.__dict__ or name.startswith("__"):
            raise KeyError(name)
        try:
            self[name] = self.remote.ask("name", name)
        except NameError:
            raise KeyError(name) from None
        return self[name]


def run_test(source: bytes, spec: dict[str, Any], send: Callable[[dict[str, Any]], bytes]) -> dict[str, str]:
    """Run a test and return the verdict as a message. Only a test that ran to its end has passed.

    `kind` is passed, raised (with `error`, the exception's name, and `detail`, its text), candidate_gone or
    unsupported (with `detail`). The host reads it as a TestRunnerVerdict.
    """
    remote = RemoteCandidate(send)
    namespace = TestNamespace(remote)
    try:
        for name in spec.get("names", ()):
            namespace[name] = remote.ask("name", name)
        namespace.update(spec.get("values", {}))
        exec(compile(source, "<test>", "exec", dont_inherit=True), namespace)
        return {"kind": "passed"}
    except Unsupported as error:
        return {"kind": "unsupported", "detail": str(error)[:TEXT]}
    except CandidateGone:
        return {"kind": "candidate_gone"}
    except BaseException as error:
        text = ""
        try:
            text = str(error)[:TEXT]
        except BaseException:
            pass
        return {"kind": "raised", "error": type(error).__name__[:NAME], "detail": text}
