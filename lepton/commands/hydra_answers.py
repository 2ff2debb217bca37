"""Questions that Hydra answers itself: the composed config, its plugins, completion in a shell."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

from lepton.commands.completion import completions
from lepton.config.commands import command_roots
from lepton.errors import LeptonError
from lepton.foreign_text import say

ZSH = {
    "install": """\
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_lepton() {
  local -x COMP_LINE="${(j: :)words[1,CURRENT]}" COMP_POINT
  COMP_POINT=${#COMP_LINE}
  local -a offered=(${=$(${words[1]} -sc query=bash 2> /dev/null)})
  (( $#offered )) || { _files; return }
  compadd -Q -S '' -- ${(M)offered:#*=}
  compadd -Q -- ${offered:#*=}
}
compdef _lepton lepton""",
    "uninstall": "compdef -d lepton; unfunction _lepton",
}


def answer_flags(arguments: Sequence[str]) -> int:
    """Lets Hydra print what its own flags ask for, of the config that the overrides mean."""
    import hydra

    from lepton.config.compose import (
        add_plugin_path,
        explain_hydra_errors,
        search_path_overrides,
        version_base_argument,
    )
    from lepton.config.options import CONF_DIR

    add_plugin_path()
    sys.argv = [sys.argv[0], *arguments, *search_path_overrides()]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raised to us, not printed
    with explain_hydra_errors():
        decorate = hydra.main(
            config_path=str(CONF_DIR), config_name="train", **version_base_argument()
        )
        decorate(print)()
    return 0


def answer_shell(arguments: Sequence[str], commands: Mapping[str, str]) -> int:
    """Prints the script that `-sc install=SHELL` asks for, or what completes a shell's line.

    `commands` are the modules of lepton's commands by name.
    """
    question, _, shell = [*arguments[1:], ""][0].partition("=")
    if question not in ("install", "uninstall", "query"):
        raise LeptonError(f"{arguments[0]}: needs install=SHELL, uninstall=SHELL (bash, zsh, fish)")
    if question == "query" and "COMP_LINE" not in os.environ:
        raise LeptonError(f"{arguments[0]} query: for the shell alone, which sets COMP_LINE")
    if shell == "zsh":  # Hydra's script is bash's, which zsh does not read
        say(ZSH[question])
        return 0
    if question != "query":
        return answer_flags(arguments)
    program, *typed = os.environ["COMP_LINE"].split(" ")
    command, *words = typed or [""]
    is_training = command in ("train", "check") and words and words[0] not in command_roots()
    with suppress(LeptonError):  # a line that is half typed has mistakes
        own = completions([command, *words], commands)
        if own or not is_training:
            say(("\n" if shell == "fish" else " ").join(own))
        if is_training and not words[-1].startswith("-"):
            os.environ["COMP_LINE"] = " ".join([program, *words])  # Hydra knows no commands
            return answer_flags(arguments)
    return 0
