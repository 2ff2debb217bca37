"""`lepton train [group=option ...] [key=value ...]`: trains one run, or reads a finished one.

  group=option          an option of a group: model=mlp (`lepton list` shows them)
  key=value             a value of the config: optimizer.lr=0.01
  -m, --multirun        a sweep: every combination of several values, and a table
  --cfg job, --info ... Hydra's own flags, which show the config and train nothing

examples:
  lepton train dataset=wine model=mlp
  lepton train -m dataset=wine model=mlp,resnet seed='range(5)' study=first
"""

import logging
import sys
from pathlib import Path

from lepton.commands.flags import parse_arguments
from lepton.commands.terminal_log import show_log
from lepton.errors import FailedRuns, LeptonError, TrainingError, own_place
from lepton.foreign_text import say


def main(arguments: list[str]) -> int:
    """Trains what the overrides mean, or lets Hydra show their config.

    Raises: LeptonError for the user's mistakes, and FailedRuns for a run that failed.
    """
    parsed = parse_arguments(arguments)
    if parsed.hydra_flags:
        from lepton.commands.hydra_answers import answer_flags
        from lepton.sweep.multirun import hydra_overrides

        overrides = hydra_overrides(parsed.overrides, sweep=parsed.multirun)
        return answer_flags([*parsed.hydra_flags, *overrides])
    if parsed.multirun:
        from lepton.sweep.multirun import multirun

        show_log()
        for line in parsed.notes:
            say(line)
        multirun(parsed.overrides)
    else:
        _train_one(parsed.overrides, parsed.notes)
    return 0


def _train_one(overrides: list[str], notes: list[str]) -> None:
    """Trains one run and shows its result; torch is imported once the config is right."""
    from lepton.config.compose import compose

    show_log()
    cfg = compose(*overrides)
    for line in notes:
        say(line)
    from lepton.analysis.run_table import show_run
    from lepton.config.idle_keys import idle_values
    from lepton.run import train
    from lepton.storage.study import refresh_tables

    for value, option in idle_values(cfg, cfg.choices).items():
        logging.getLogger("lepton").info(
            "%s does not apply to %s, without such a key", value, option
        )
    try:
        result = train(cfg)
    except LeptonError:
        raise
    except Exception as e:
        raise _failure(e) from e
    show_run(result)
    refresh_tables(Path(cfg.runs) / cfg.study)


def _failure(error: Exception) -> LeptonError:
    """A run's failure in one line; prints the traceback of one that lepton did not foresee."""
    import traceback

    if not isinstance(error, TrainingError):
        say("".join(traceback.format_exception(error)).rstrip(), file=sys.stderr)
    message = " ".join(str(error).split())
    place = f" ({place})" if (place := own_place(error)) else ""
    return FailedRuns(f"the run failed: {type(error).__name__}: {message}{place}")
