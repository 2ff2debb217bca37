"""Trains one run of lepton and prints CPU seconds of training and the accuracy on test as JSON.

With finetune=head the seconds of computing its features are among them.

python scripts/bench_finetune/one_run.py OVERRIDE ...
"""

import json
import sys
import time
from typing import Any

import torch

from lepton import compose, train
from lepton.training.network import Network
from lepton.training.phase_fit import PhaseFit


def main(overrides: list[str]) -> None:
    torch.set_num_threads(1)
    seconds_of: dict[str, float] = {}

    def measure(owner: type, method_name: str) -> None:
        method = getattr(owner, method_name)

        def timed_method(*args: Any) -> Any:
            started = time.process_time()
            returned = method(*args)
            spent = time.process_time() - started
            seconds_of[method_name] = seconds_of.get(method_name, 0) + spent
            return returned

        setattr(owner, method_name, timed_method)

    measure(PhaseFit, "run")
    if "finetune=head" in overrides:
        measure(Network, "features")  # computed only where they are not kept
    result = train(compose(*overrides))
    seconds = sum(seconds_of.values())
    print(json.dumps({"seconds": seconds, "accuracy": result.metrics["test/accuracy"]}))


if __name__ == "__main__":
    main(sys.argv[1:])
