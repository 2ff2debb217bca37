"""One run of lepton's: prints CPU seconds of training, and the accuracy on test, as JSON.

For finetune=head with those of its features.

python scripts/bench_finetune/one_run.py WORD ...
"""

import json
import sys
import time

import torch

from lepton import compose, train
from lepton.training.network import Network


def main(words: list[str]) -> None:
    torch.set_num_threads(1)
    spent = {}

    def time_spent(name: str) -> None:
        whole = getattr(Network, name)

        def timed(*given):
            started = time.process_time()
            found = whole(*given)
            spent[name] = spent.get(name, 0) + time.process_time() - started
            return found

        setattr(Network, name, timed)

    time_spent("_fit")
    if "finetune=head" in words:
        time_spent("features")  # computed only where they are not kept
    result = train(compose(*words))
    seconds = sum(spent.values())
    print(json.dumps({"seconds": seconds, "accuracy": result.metrics["test/accuracy"]}))


if __name__ == "__main__":
    main(sys.argv[1:])
