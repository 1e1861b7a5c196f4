"""The command line. Each command is a module in runner/commands, imported only when it is called.

A command returns an ExitCode; an error becomes one line on standard error and the exit code of its class.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

import rlvr
from rlvr.errors import ExitCode, RlvrError

HELP = """Verifiable rewards for training language models, with verifiers that can be trusted.

rlvr verify number --gold 42 "#### 42"   # one verdict, and why
rlvr check tasks/gsm8k                     # is a task pack sound?
rlvr audit number                          # how often is a verifier wrong?
rlvr eval gsm8k --model smollm2-135m       # accuracy with intervals
rlvr run tasks/gsm8k --profile quick       # train with GRPO, and report

`rlvr COMMAND --help` shows a command's flags, with examples. With --debug,
an error also shows its traceback. Text for people goes to standard error,
JSON to standard output.
"""

COMMANDS = {  # name -> its function; the first word of a command line decides which module is imported
    "run": "rlvr.runner.commands.run:run",
    "eval": "rlvr.runner.commands.eval:evaluate",
    "profile": "rlvr.runner.commands.profile:profile",
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
SUMMARIES = {  # for `rlvr --help`, which imports no command
    "run": "Train a model on a task pack with GRPO.",
    "eval": "Measure a model on a task pack, without training.",
    "profile": "Measure how often a model solves each example, and keep those that it solves sometimes.",
    "compare": "Compare runs: is the difference in gain significant?",
    "rescore": "Verify a run's rollouts again after a verifier has changed.",
    "verify": "Decide whether an answer is correct, and say why: one answer, or a file of them.",
    "check": "Check a task pack without a model.",
    "audit": "Measure how often a verifier is wrong, also under attack, and how fast it is.",
    "new": "Create a complete pack or plugin to start from.",
    "sandbox": "Build the sandbox, list running ones, measure it, and check its isolation.",
    "list": "List the installed packs, verifiers, sandboxes and plugins.",
    "model": "List, download and merge models.",
}


def make_app(overview: bool = False) -> App:
    """The command line's App. With `overview`, for `rlvr --help`, commands are named and described without an import."""
    app = App(
        name="rlvr",
        help=HELP,
        help_format="plaintext",
        version=rlvr.__version__,
        version_flags=["--version"],
        default_parameter=Parameter(show_default=_shown),
        suppress_keyboard_interrupt=False,  # `_run` reports it
    )
    for name, place in COMMANDS.items():
        app.command(place, name=name, help=SUMMARIES[name] if overview else None)
    return app


def _shown(default: Any) -> str | None:
    """A default as help shows it; for an empty one, the flag's text says what it means."""
    return None if default in ("", None, ()) or default is False else str(default)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit. People see one line for each error; --debug shows the traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    end = arguments.index("--") if "--" in arguments else len(arguments)  # what follows is text, not flags
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
        return _fail(_one_line(error, command), ExitCode.USAGE, debug)
    except RlvrError as error:
        return _fail(str(error), error.exit_code, debug)
    except KeyboardInterrupt:
        return _fail("interrupted", ExitCode.INTERRUPTED, debug)
    except BrokenPipeError:  # whoever read our output has left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _fail(f"{name}{error.strerror or error}", ExitCode.USAGE, debug)
    except Exception as error:  # noqa: BLE001 - the last resort: an internal error is one line and its own exit code
        note = "this is a bug in rlvr; run again with --debug for the traceback"
        return _fail(f"{type(error).__name__}: {error} ({note})", ExitCode.INTERNAL, debug)
    return result if isinstance(result, int) else ExitCode.OK


def _add_plugin_commands(app: App) -> None:
    from rlvr.verifiers.plugins.registry import registry

    registry().manager.hook.register_commands(app=app)


def _one_line(error: CycloptsError, command: str) -> str:
    words = str(error)
    if isinstance(error, UnusedCliTokensError):
        words = f"Unexpected argument: {' '.join(map(repr, error.unused_tokens or ()))}."
    command = f" {command}" if command in COMMANDS else ""
    return f"{words} (see `rlvr{command} --help`)"


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
