"""The further processes of a distributed fit: how they start, and what each of them does."""

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch.distributed


@contextmanager
def workers(folder: Path) -> Iterator[None]:
    """Lets Lightning start its processes as `python -m lepton.worker FOLDER`, and cleans up after.

    Lightning starts the command line of the first process again, which would run a whole sweep
    in every process; it also leaves its process group and environment behind.
    """
    import __main__

    argv, spec, environment = sys.argv, __main__.__spec__, dict(os.environ)
    sys.argv = [argv[0], str(folder)]
    __main__.__spec__ = importlib.util.find_spec("lepton.worker")
    try:
        yield
    finally:
        sys.argv, __main__.__spec__ = argv, spec
        os.environ.clear()
        os.environ.update(environment)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def main(folder: Path) -> None:
    """Takes part in the fit of the run in `folder`; the first process keeps the result."""
    from lepton import build, results
    from lepton.network import Network

    cfg = results.read_config(folder / results.CONFIG)
    data = build.data(cfg)
    Network(cfg, data.spec).fit(data, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
