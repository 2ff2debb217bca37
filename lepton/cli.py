"""The command `lepton`: finds the module of a command, and turns mistakes into exit codes."""

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Sequence

from lepton.commands.flags import apply_shared_flags
from lepton.commands.help_text import command_help, overview, root_help
from lepton.commands.loading_line import announce_command, announce_slow_import
from lepton.commands.streams import guard_streams, passing_line, use_utf8
from lepton.config.commands import command_roots
from lepton.errors import LeptonError, did_you_mean
from lepton.foreign_text import say, show_errors_as_text
from lepton.training.signals import Interrupted, interrupted_by_sigterm

COMMANDS = {  # the module of each: its docstring is the help, `main` takes the words that follow
    "train": "lepton.commands.train",
    "check": "lepton.commands.check",
    "sweep": "lepton.commands.sweep",
    "list": "lepton.commands.list",
    "studies": "lepton.commands.studies",
    "results": "lepton.commands.results",
    "report": "lepton.commands.report",
    "publish": "lepton.commands.publish",
    "verify": "lepton.commands.verify",
    "evaluate": "lepton.commands.evaluate",
    "predict": "lepton.commands.predict",
    "show": "lepton.commands.show",
    "synthesize": "lepton.commands.synthesize",
    "profile": "lepton.commands.profile",
    "importance": "lepton.commands.importance",
    "explain": "lepton.commands.explain",
    "attack": "lepton.commands.attack",
    "cache": "lepton.commands.cache",
    "new": "lepton.commands.new",
}
ANSWERED_AT_ONCE = ("list", "cache", "new")  # without a library that takes long to load
HELP_FLAGS = {"--help", "-h"}
GARBAGE_THRESHOLD = 100_000  # objects between collections; 700 costs the imports half a second


def main() -> int:
    """Runs the command; the exit code is 2 for a mistake of the user's, 1 for a failed run."""
    use_utf8()
    guard_streams()
    show_errors_as_text()
    sys.path.append(os.getcwd())
    announce_slow_import()
    gc.set_threshold(GARBAGE_THRESHOLD)
    atexit.register(gc.freeze)  # the end need not look through a million objects of torch's
    try:
        with interrupted_by_sigterm():
            try:
                return _run_command(sys.argv[1:])
            finally:
                passing_line.take_back()
    except LeptonError as e:
        for line in str(e).split("\n"):
            say(f"lepton: {line}", file=sys.stderr)
        return e.exit_code
    except Interrupted as e:
        say(f"lepton: {e}", file=sys.stderr)
        return e.code
    except KeyboardInterrupt:
        say(
            "lepton: interrupted; finished runs are kept, the same command goes on", file=sys.stderr
        )
        return 130


def _run_command(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in (*HELP_FLAGS, "help"):
        say(overview(COMMANDS, command_roots()))
        return 0
    name, *command_arguments = arguments
    if name == "--version":
        import lepton

        say(f"lepton {lepton.__version__}")
        return 0
    if name in ("-sc", "--shell-completion"):
        from lepton.commands.hydra_answers import answer_shell

        return answer_shell(arguments, COMMANDS)
    if name not in COMMANDS:
        return _run_root(name, command_arguments)
    if HELP_FLAGS & {*command_arguments}:
        say(command_help(COMMANDS[name]))
        return 0
    if name not in ANSWERED_AT_ONCE:
        announce_command(name)
    words = apply_shared_flags(command_arguments)
    return importlib.import_module(COMMANDS[name]).main(words)


def _run_root(name: str, command_arguments: Sequence[str]) -> int:
    """Runs a command that a file of a conf folder makes, which may be the user's."""
    words = apply_shared_flags(command_arguments)
    roots = command_roots()
    if name not in roots:
        hint = did_you_mean(name, (*COMMANDS, *roots))
        raise LeptonError(f"{name}: no such command{hint}; lepton --help")
    if HELP_FLAGS & {*words}:
        say(root_help(roots[name]))
        return 0
    announce_command(name)
    from lepton.commands import derive

    return derive.main(name, words)
