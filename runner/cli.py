"""The command line. Each command is a module in runner/commands, imported only when it is called.

Exit codes: 0 ok, 1 checks failed or below the threshold, 2 usage or configuration, 3 a prerequisite is missing,
5 nothing to do, 70 internal, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

import rlvr
from rlvr.sandboxes.errors import RlvrError

EXIT_USAGE, EXIT_INTERNAL, EXIT_INTERRUPTED = 2, 70, 130

HELP = """Verifiable rewards for training language models, with verifiers that can be trusted.

    rlvr run tasks/gsm8k                     # GRPO: evaluate, train, evaluate again, report
    rlvr eval gsm8k --model smollm2-135m     # accuracy with intervals, no training
    rlvr verify number --answer 42 "#### 42" # one verdict, and why
    rlvr check tasks/gsm8k                   # a pack's gold answers, worked examples and labelled cases
    rlvr list packs                          # what is installed
"""

COMMANDS = {  # name -> where it is; the first word of a command line decides which is imported
    "run": "rlvr.runner.commands.run:run",
    "eval": "rlvr.runner.commands.eval:evaluate",
    "verify": "rlvr.runner.commands.verify:verify",
    "check": "rlvr.runner.commands.check:check",
    "audit": "rlvr.runner.commands.audit:audit",
    "list": "rlvr.runner.commands.list:app",
    "model": "rlvr.runner.commands.model:app",
}


def make_app() -> App:
    """The command line's App, commands of plugins included."""
    app = App(name="rlvr", help=HELP, help_format="plaintext", version=rlvr.__version__, version_flags=["--version"])
    for name, place in COMMANDS.items():
        app.command(place, name=name)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit. People see one line for each error; --debug shows the traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
        os.environ["RLVR_DEBUG"] = "1"
    sys.exit(_run(arguments, debug))


def _run(arguments: list[str], debug: bool) -> int:
    try:
        app = make_app()
        if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
            _add_plugin_commands(app)
        result = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        return _fail(_one_line(error), EXIT_USAGE, debug)
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
    from rlvr.verifiers.registry import registry

    registry().manager.hook.register_commands(app=app)


def _one_line(error: CycloptsError) -> str:
    words = " ".join(str(error).split())
    return f"{words} (`rlvr --help` shows the commands, `rlvr COMMAND --help` its flags)"


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
