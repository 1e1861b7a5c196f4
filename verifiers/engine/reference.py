"""How a worker gets a verifier: by module and name if it can be imported, else by value.

References are pickled by the engine and loaded in the fork server and its workers.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rlvr.verifiers.types import Completion, Example
from rlvr.verifiers.verifier import Verifier


@dataclass(frozen=True, slots=True)
class ByName:
    """A verifier at `qualified_name` of an importable module, with options."""

    module: str
    qualified_name: str
    options: Mapping[str, Any]

    def load(self) -> Verifier:
        """Import the verifier, preload it, and set its options. Raises whatever the import raises."""
        return replace(preloaded(self.module, self.qualified_name), options=self.options)


@dataclass(frozen=True, slots=True)
class ByValue:
    """A function with its options and its `preload`, pickled by cloudpickle."""

    pickled: bytes

    def load(self) -> Callable[[Example, Completion], Any]:
        """The function, preloaded, with its options bound. Raises whatever unpickling and preloading raise."""
        import cloudpickle

        function, options, preload = cloudpickle.loads(self.pickled)
        if preload is not None:
            preload()
        return lambda example, completion: function(example, completion, **options)


def reference(verifier: Verifier) -> ByName | ByValue:
    """The reference of a verifier. Raises what cloudpickle raises if it can't be pickled."""
    import cloudpickle

    function: Any = verifier.verify
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    by_value = cloudpickle.list_registry_pickle_by_value()
    if module is not None and module.__name__ != "__main__" and module.__name__ not in by_value:
        attribute: Any = module
        for name in function.__qualname__.split("."):
            attribute = getattr(attribute, name, None)
        if isinstance(attribute, Verifier) and attribute.verify is function and attribute.preload is verifier.preload:
            return ByName(module.__name__, function.__qualname__, dict(verifier.options))
    return ByValue(cloudpickle.dumps((function, dict(verifier.options), verifier.preload)))


def preloaded(module: str, qualified_name: str) -> Verifier:
    """Import a verifier, and call its `preload()` if it has one. Raises whatever the two raise."""
    verifier: Any = importlib.import_module(module)
    for name in qualified_name.split("."):
        verifier = getattr(verifier, name)
    assert isinstance(verifier, Verifier)
    if verifier.preload is not None:
        verifier.preload()
    return verifier
