"""Words on the command line -> a command; heavy imports only once there is a run to train."""

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lepton.errors import LeptonError
from lepton.training.signals import Interrupted

GARBAGE = 100_000  # objects between two collections; 700 costs the imports half a second
HELP = """\
usage: lepton COMMAND ...

  lepton train [group=option ...] [key=value ...]    train one run, or read it when it is finished
  lepton train -m model=mlp,resnet seed='range(5)'   every combination, and a table
  lepton check [-m] [group=option ...] [key=value]   compose and check; what would run, and where
  lepton sweep status STUDY                          done, failed, running and still to do
  lepton list [group[/option]]                       groups, options, keys and what they do
  lepton results STUDY [--compare KEYS] [--format text|markdown|latex]   (also --group-by KEYS,
      --metric NAMES, --baseline OPTION, --select NAME, --csv FILE, --parquet FILE)
                                                     seeds grouped, intervals, paired differences
  lepton ensemble runs=RUNS [method=NAME] [key=value]
                                                     finished runs as one, which is a run itself
                                                     (`lepton check ensemble ...`: who may join)
  lepton report STUDY [STUDY...] [--compare KEYS]    the same as one page with plots, in reports/
      (also --metric, --baseline, --select, --out FOLDER, --figure NAME)
  lepton verify RUN                                  makes a run again: are the numbers the same?

  for train, check and ensemble:
    --config-dir FOLDER   your own groups and options (conf/ here is found by itself)
    --allow PACKAGE       lets a _target_ name something in your own package
    --cfg job, --info ... Hydra's own flags; completion: eval "$(lepton -sc install=bash)"

  lepton --version\
"""


HYDRA_FLAGS = {
    **dict.fromkeys(("--cfg", "-c"), ("job", "hydra", "all")),
    **dict.fromkeys(
        ("--info", "-i"), ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
    ),
    **dict.fromkeys(("--package", "-p"), ()),
}


def main() -> int:
    """Runs the command; the exit code is 2 for a mistake of the user's, 1 for a failed run."""
    sys.path.append(os.getcwd())
    gc.set_threshold(GARBAGE)
    atexit.register(gc.freeze)  # the end need not look through a million objects of torch's
    try:
        return _command(sys.argv[1:])
    except LeptonError as e:
        for line in str(e).splitlines():
            print(f"lepton: {line}", file=sys.stderr)
        return e.exit_code
    except Interrupted as e:
        print(f"lepton: {e}", file=sys.stderr)
        return e.code
    except KeyboardInterrupt:
        print(
            "lepton: interrupted; finished runs are kept, the same command goes on", file=sys.stderr
        )
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _command(words: Sequence[str]) -> int:
    if not words or words[0] in ("--help", "-h", "help"):
        print(HELP)
        return 0
    if words[0] == "--version":
        print(f"lepton {_version()}")
        return 0
    if words[0] in ("-sc", "--shell-completion"):
        return _completion(words)
    if words[0] not in COMMANDS:
        from lepton.errors import did_you_mean

        raise LeptonError(
            f"{words[0]}: no such command{did_you_mean(words[0], COMMANDS)}; lepton --help"
        )
    if {"--help", "-h"} & set(words[1:]):
        print(HELP)
        return 0
    return COMMANDS[words[0]](list(words[1:]))


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lepton-experiments")
    except PackageNotFoundError:
        raise LeptonError(
            "lepton runs from its sources and is not installed; pip install ."
        ) from None


def _train(words: list[str]) -> int:
    flags, overrides = _flags(words)
    if flags.hydra:
        from lepton.sweep.multirun import hydra_overrides

        return _hydra([*flags.hydra, *hydra_overrides(overrides, sweep=flags.multirun)])
    if flags.multirun:
        from lepton.sweep.multirun import multirun

        _say()
        multirun(overrides)
        return 0
    from lepton.config.compose import compose

    cfg = compose(*overrides)
    from lepton.analysis.table import show_run
    from lepton.run import train
    from lepton.storage.study import refresh_tables

    _say()
    try:
        show_run(train(cfg))
        refresh_tables(Path(cfg.runs) / cfg.study)
    except LeptonError:
        raise
    except Exception as e:
        raise _failed(e) from e
    return 0


def _failed(e: Exception) -> LeptonError:
    """A run that failed for no mistake of the user's: one line, and the traceback if it is ours."""
    import traceback

    from lepton.errors import FailedRuns, TrainingError

    if not isinstance(e, TrainingError):
        traceback.print_exception(e)
    return FailedRuns(f"the run failed: {type(e).__name__}: {' '.join(str(e).split())}")


def _say() -> None:
    """Lets what runs have to say be seen; tracebacks of Hydra's stay with us."""
    import logging

    log = logging.getLogger("lepton")
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        handler.setLevel(logging.INFO)
        log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False


def _check(words: list[str]) -> int:
    if words[:1] == ["ensemble"]:
        return _ensemble(words[1:], check=True)
    from lepton.sweep.multirun import plan_runs

    flags, overrides = _flags(words)
    if flags.hydra:
        raise LeptonError(f"{flags.hydra[0]}: for `lepton train` alone")
    plan = plan_runs(overrides, sweep=flags.multirun)
    print(plan)
    to_do = {job.folder for job in plan.to_do}
    for job, known in zip(plan.jobs, plan.statuses, strict=True):
        word = known if job.folder not in to_do or known == "running" else "to train"
        print(f"  {word:8}  {job.folder}  {job}".rstrip())
    return 0


@dataclass
class Flags:
    multirun: bool
    hydra: list[str]


def _flags(words: list[str]) -> tuple[Flags, list[str]]:
    """lepton's own flags taken out; those that are Hydra's, with their values; the overrides."""
    flags, overrides, rest = Flags(False, []), [], iter(words)
    for word in rest:
        flag, equals, given = word.partition("=")
        if word in ("-m", "--multirun"):
            flags.multirun = True
        elif flag in ("--config-dir", "--allow"):
            _set(flag, _value(flag, given if equals else next(rest, "")))
        elif word in HYDRA_FLAGS:
            flags.hydra += [word, _value(word, next(rest, ""), HYDRA_FLAGS[word])]
        elif word in ("--resolve", "--hydra-help"):
            flags.hydra.append(word)
        elif word.startswith("-"):
            raise LeptonError(f"{word}: no such flag; lepton --help")
        else:
            overrides.append(word)
    if flags.hydra and not {*flags.hydra} & {"--cfg", "-c", "--info", "-i", "--hydra-help"}:
        raise LeptonError(f"{flags.hydra[0]}: goes with --cfg")
    return flags, overrides


def _value(flag: str, value: str, known: Sequence[str] = ()) -> str:
    if not value or value.startswith("-"):
        raise LeptonError(f"{flag}: needs a value{': ' if known else ''}{', '.join(known)}")
    if known and value not in known:
        raise LeptonError(f"{flag} {value}: no such thing to show ({', '.join(known)})")
    return value


def _set(flag: str, value: str) -> None:
    if flag == "--allow":
        from lepton.config.trust import allow

        allow(value)
        return
    if not Path(value).is_dir():
        raise LeptonError(f"--config-dir {value}: no such folder")
    from lepton.config.options import CONFIG_DIR_VARIABLE

    os.environ[CONFIG_DIR_VARIABLE] = str(Path(value).resolve())


def _hydra(words: Sequence[str]) -> int:
    """What Hydra answers itself: the composed config, its plugins, tab completion."""
    import hydra

    from lepton.config.compose import (
        add_plugin_path,
        explain_hydra_errors,
        search_path_overrides,
        version_base_argument,
    )
    from lepton.config.options import CONF_DIR

    line = os.environ.get("COMP_LINE", "").split(" ")
    if line[1:2] and line[1] in ("train", "check"):
        os.environ["COMP_LINE"] = " ".join([line[0], *line[2:]])
    add_plugin_path()
    sys.argv = [sys.argv[0], *words, *search_path_overrides()]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raised to us, not printed
    with explain_hydra_errors():
        hydra.main(config_path=str(CONF_DIR), config_name="train", **version_base_argument())(
            print
        )()
    return 0


def _completion(words: Sequence[str]) -> int:
    """What `-sc install=SHELL` and the shell's own `-sc query=SHELL` answer."""
    asked = [*words[1:], ""][0].partition("=")[0]
    if asked not in ("install", "uninstall", "query"):
        raise LeptonError(f"{words[0]}: needs install=SHELL, uninstall=SHELL (bash, zsh, fish)")
    if asked == "query" and "COMP_LINE" not in os.environ:
        raise LeptonError(f"{words[0]} query: for the shell alone, which sets COMP_LINE")
    return _hydra(words)


def _list(words: list[str]) -> int:
    from lepton.config.listing import describe_options

    print(describe_options(*words))
    return 0


def _ensemble(words: list[str], *, check: bool = False) -> int:
    flags, overrides = _flags(words)
    if flags.hydra or flags.multirun:
        raise LeptonError(f"{(*flags.hydra, '-m')[0]}: for `lepton train` alone")
    from lepton.commands.ensemble import check_command, ensemble_command

    _say()
    return (check_command if check else ensemble_command)(overrides)


def _of(module: str, name: str) -> Callable[[list[str]], int]:
    """A command that takes its words as they are, imported once it is asked for."""
    return lambda words: getattr(importlib.import_module(module), name)(words)


COMMANDS = {
    "train": _train,
    "check": _check,
    "sweep": _of("lepton.commands.sweep", "sweep_command"),
    "list": _list,
    "results": _of("lepton.commands.results", "results_command"),
    "ensemble": _ensemble,
    "report": _of("lepton.commands.report", "report_command"),
    "verify": _of("lepton.commands.verify", "verify_command"),
}
