"""One more process of a distributed fit: `python -m lepton.worker FOLDER WORKING_DIRECTORY`."""

import os
import sys
from contextlib import suppress
from pathlib import Path


def main(folder: Path) -> None:
    """Takes part in the fit of the run in `folder`; the first process keeps the result."""
    from lepton import build
    from lepton.errors import Diverged, LeptonError, Pruned
    from lepton.evaluation.told_runs import tell_named_runs
    from lepton.storage.run_folder import CONFIG_FILE, read_config
    from lepton.training.learner import build_learner

    try:
        config = read_config(folder / CONFIG_FILE)
        data = build.data(config)
        with suppress(Pruned, Diverged):  # the first process tells
            learner = build_learner(config, data.spec)
            tell_named_runs(config, learner, data)
            learner.fit(data, folder)
    except LeptonError as e:
        sys.exit(f"lepton: {folder}: process {os.environ.get('LOCAL_RANK', '?')}: {e}")


if __name__ == "__main__":
    os.chdir(sys.argv[2])  # within a job of Hydra's it is started in another
    main(Path(sys.argv[1]))
