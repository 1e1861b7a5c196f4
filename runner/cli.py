"""The command line. Each command is a module in runner/commands, imported only when it is called.

Exit codes: 0 ok, 1 checks failed or below the threshold, 2 usage or configuration, 3 a prerequisite is missing,
5 nothing to do, 70 internal, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

import rlvr
from rlvr.errors import RlvrError

EXIT_USAGE, EXIT_INTERNAL, EXIT_INTERRUPTED = 2, 70, 130

HELP = """Verifiable rewards for training language models, with verifiers that can be trusted.

rlvr verify number --gold 42 "#### 42"   # one verdict, and why
rlvr check tasks/gsm8k                     # is a task pack sound?
rlvr audit number                          # how often is a verifier wrong?
rlvr eval gsm8k --model smollm2-135m       # accuracy with intervals
rlvr run tasks/gsm8k --profile quick       # train with GRPO, and report

`rlvr COMMAND --help` shows a command's flags, with examples. With --debug,
an error comes with its traceback. What people read goes to standard error,
JSON to standard output.
"""

COMMANDS = {  # name -> where it is; the first word of a command line decides which is imported
    "run": "rlvr.runner.commands.run:run",
    "eval": "rlvr.runner.commands.eval:evaluate",
    "compare": "rlvr.runner.commands.compare:compare",
    "rescore": "rlvr.runner.commands.rescore:rescore",
    "verify": "rlvr.runner.commands.verify:verify",
    "check": "rlvr.runner.commands.check:check",
    "audit": "rlvr.runner.commands.audit:audit",
    "new": "rlvr.runner.commands.new:app",
    "sandbox": "rlvr.runner.commands.sandbox:app",
    "list": "rlvr.runner.commands.list:app",
    "model": "rlvr.runner.commands.model:app",
}
SUMMARIES = {  # for the list of commands, which is shown without importing them
    "run": "Train a model on a task pack with GRPO.",
    "eval": "Measure a model on a task pack, without training.",
    "compare": "Put runs side by side: is a gain apart from another's?",
    "rescore": "Verify a run's rollouts again, after a verifier changed.",
    "verify": "Say whether an answer is right, and why; one, or a file of them.",
    "check": "Check a task pack without a model.",
    "audit": "Measure how often a verifier is wrong, under attack too, and how fast it is.",
    "new": "Write a complete pack or plugin to start from.",
    "sandbox": "Build the sandbox, see what runs, measure it, check that isolation holds.",
    "list": "Show the packs, verifiers, sandboxes and plugins that are installed.",
    "model": "Fetch models.",
}


def make_app(overview: bool = False) -> App:
    """The command line's App. With `overview`, commands are only named and described, for `rlvr --help`."""
    app = App(
        name="rlvr",
        help=HELP,
        help_format="plaintext",
        version=rlvr.__version__,
        version_flags=["--version"],
        default_parameter=Parameter(show_default=_shown),
        suppress_keyboard_interrupt=False,  # `_run` says what became of it
    )
    for name, place in COMMANDS.items():
        app.command(place, name=name, help=SUMMARIES[name] if overview else None)
    return app


def _shown(default: Any) -> str | None:
    """A default as help shows it; an empty one means what the flag's text says."""
    return None if default in ("", None, ()) or default is False else str(default)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit. People see one line for each error; --debug shows the traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    end = arguments.index("--") if "--" in arguments else len(arguments)  # what stands behind is text, not flags
    debug = "--debug" in arguments[:end]
    if debug:
        arguments.remove("--debug")
        os.environ["RLVR_DEBUG"] = "1"
    sys.exit(_run(arguments, debug))


def _run(arguments: list[str], debug: bool) -> int:
    try:
        command = arguments[0] if arguments else ""
        app = make_app(overview=command not in COMMANDS)
        if command not in COMMANDS and not command.startswith("-"):
            _add_plugin_commands(app)
        result = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        return _fail(_one_line(error, command), EXIT_USAGE, debug)
    except RlvrError as error:
        return _fail(str(error), error.exit_code, debug)
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED, debug)
    except BrokenPipeError:  # the reader of our output left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _fail(f"{name}{error.strerror or error}", EXIT_USAGE, debug)
    except Exception as error:  # noqa: BLE001 - the last resort: an internal error is one line and its own exit code
        note = "this is a bug in rlvr; run again with --debug for the traceback"
        return _fail(f"{type(error).__name__}: {error} ({note})", EXIT_INTERNAL, debug)
    return result if isinstance(result, int) else 0


def _add_plugin_commands(app: App) -> None:
    from rlvr.verifiers.plugins.registry import registry

    registry().manager.hook.register_commands(app=app)


def _one_line(error: CycloptsError, command: str) -> str:
    words = str(error)
    if isinstance(error, UnusedCliTokensError):
        words = f"Unexpected argument: {' '.join(map(repr, error.unused_tokens or ()))}."
    command = f" {command}" if command in COMMANDS else ""
    return f"{words} (`rlvr{command} --help` shows what there is)"


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
