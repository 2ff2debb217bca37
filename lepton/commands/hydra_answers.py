"""Questions that Hydra answers itself: the composed config, its plugins, completion in a shell."""

import os
import sys
from collections.abc import Sequence

from lepton.errors import LeptonError


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


def answer_shell(arguments: Sequence[str]) -> int:
    """Prints the script that `-sc install=SHELL` asks for, or what completes a shell's line."""
    question = [*arguments[1:], ""][0].partition("=")[0]
    if question not in ("install", "uninstall", "query"):
        raise LeptonError(f"{arguments[0]}: needs install=SHELL, uninstall=SHELL (bash, zsh, fish)")
    if question == "query" and "COMP_LINE" not in os.environ:
        raise LeptonError(f"{arguments[0]} query: for the shell alone, which sets COMP_LINE")
    program, *typed = os.environ.get("COMP_LINE", "").split(" ")
    if typed and typed[0] in ("train", "check"):  # Hydra knows no commands
        os.environ["COMP_LINE"] = " ".join([program, *typed[1:]])
    return answer_flags(arguments)
