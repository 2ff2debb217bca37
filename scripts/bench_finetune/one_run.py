"""One run of lepton's: prints seconds of features and training, and the accuracy on test, as JSON.

python scripts/bench_finetune/one_run.py WORD ...
"""

import json
import sys
import time

import torch

from lepton import compose, train
from lepton.network import Network


def main(words: list[str]) -> None:
    torch.set_num_threads(1)
    spent = []
    whole = Network.features

    def timed(*given):
        started = time.perf_counter()
        found = whole(*given)
        spent.append(time.perf_counter() - started)
        return found

    Network.features = timed  # computed only where they are not kept
    result = train(compose(*words))
    probes = any(word == "finetune=head" for word in words)
    seconds = result.seconds + (sum(spent) if probes else 0)
    print(json.dumps({"seconds": seconds, "accuracy": result.metrics["test/accuracy"]}))


if __name__ == "__main__":
    main(sys.argv[1:])
