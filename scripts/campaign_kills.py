"""Kills sweeps at random moments, and holds what they end with against sweeps never stopped.

python scripts/campaign_kills.py [--kills 200] [--seed 0] [--minutes 60] [--cases stacks,search]

Each case is trained whole once. Then the same command is started again and again in another study
and killed by SIGKILL, SIGTERM or SIGINT at a random moment, in turn with the other cases, until it
ends by itself. No finished run may be lost, written again or unreadable, no process may be left, a
signal that can be heard ends the command within seconds with its exit code, and all runs must end
with the bits of the whole sweep. The exit code is 1 where one of these does not hold.
"""

import argparse
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.campaign_parts import (
    Command,
    bits,
    bits_of_run,
    differing,
    finished,
    identities,
    run,
    working_in,
)

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
EXIT_CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}
SECONDS_TO_END = 20.0  # after a signal that can be heard, on a busy machine
SECONDS_LEFT = 30.0  # in which what a killed command has started may end
SMALL = ("batch_size=32", "trainer.checkpoint_every=1", "trainer=cpu")
TABLE = ("dataset=synthetic", "dataset.rows=800", "dataset.missing=0.05", *SMALL)
TEXT = ("dataset=text_csv", "dataset.path=texts.csv", "dataset.text=text", "dataset.target=y")
TUNED = (
    "model=mlp_small",
    "model.hidden=[32,16]",
    "dataset.data_seed=7",
    "init_from=SOURCE",
)
SOURCE = (*TABLE, "model=mlp_small", "model.hidden=[32,16]", "study=source", "trainer.max_epochs=2")
CASES: dict[str, tuple[str, ...]] = {
    "stacks": (
        *(*TABLE, "model=mlp_small", "optimizer.lr=1e-2,1e-3", "seed=range(4)"),
        *("trainer.max_epochs=4,8,9", "hydra.launcher.size=7"),
    ),
    "early": (
        *(*TABLE, "model=mlp_small", "regularization=[early_stopping,ema]", "seed=range(6)"),
        *("regularization.early_stopping.patience=2", "trainer.max_epochs=25"),
        *("hydra/launcher=vectorized", "optimizer.lr=3e-2,1e-3"),
    ),
    "mixed": (
        *(*TABLE, "model=mlp_small,resnet,gradient_boosting,linear", "seed=range(2)"),
        *("trainer.max_epochs=4", "hydra/launcher=basic"),
    ),
    "pool": (
        *(*TABLE, "model=mlp_small,resnet", "seed=range(3)"),
        *("trainer.max_epochs=3", "hydra/launcher=parallel", "hydra.launcher.workers=2"),
    ),
    "search": (
        *(*TABLE, "model=mlp_small", "hydra/sweeper=search", "hydra.sweeper.n_trials=8"),
        *("hydra.sweeper.batch=4", "optimizer.lr=tag(log,interval(1e-4,1e-1))"),
        *("trainer.max_epochs=6", "hydra/sweeper/pruner=median"),
    ),
    "text": (
        *(*TEXT, *SMALL, "model=text_cnn,tfidf_linear,bag_of_embeddings", "seed=range(2)"),
        "trainer.max_epochs=4",
    ),
    "finetune": (
        *(*TABLE, *TUNED, "finetune=full,lora,head", "seed=range(3)", "trainer.max_epochs=5"),
    ),
}


class Study:
    """A case's sweep that is killed: what must stay of it, and what was found."""

    def __init__(self, case: str, whole: dict[str, dict], seconds: float):
        """`whole`: the bits of the sweep that was not stopped; `seconds` that it took."""
        self.case, self.whole, self.seconds = case, whole, seconds
        self.number = 0
        self.begin()

    def begin(self) -> None:
        """Goes on with a new study."""
        self.number += 1
        self.name, self.kept = f"{self.case}{self.number}", {}

    def command(self) -> Command:
        """Starts the sweep, or goes on with it."""
        return Command("train", "-m", *overrides(self.case), f"study={self.name}")

    def findings(self) -> list[str]:
        """What is wrong with the finished runs of the study as they lie there now."""
        now = identities(self.name)
        lines = [f"lost: {name}" for name in self.kept.keys() - now.keys()]
        lines += [f"repeated: {name}" for name in differing(self.kept, now)]
        for path in finished(self.name):
            if path.parent.name not in self.kept:
                lines += self._wrong(path.parent)
        self.kept = now
        return lines

    def _wrong(self, folder: Path) -> list[str]:
        try:
            numbers = bits_of_run(folder)
        except Exception as e:
            return [f"corrupt: {folder.name} ({type(e).__name__}: {e})"]
        if folder.name not in self.whole:
            return [f"another run: {folder.name}"]
        expected = self.whole[folder.name]
        names = differing(expected, numbers) + sorted(expected.keys() ^ numbers.keys())
        return [f"different: {folder.name} ({', '.join(names)})"] if names else []

    def end(self) -> list[str]:
        """What is wrong with the study that has ended by itself."""
        lines = self.findings()
        lines += [f"lost: {run}" for run in self.whole.keys() - self.kept.keys()]
        parts = [path.name for path in Path("runs", self.name).glob("*.part")]
        return lines + [f"left: {name}" for name in parts]


class Campaign:
    """Kills until there were as many as wanted, or the time is over."""

    def __init__(self, cases: list[str], *, kills: int, seed: int, minutes: float):
        self.cases, self.kills, self.random = cases, kills, random.Random(seed)
        self.deadline = time.monotonic() + 60 * minutes
        self.by_signal: Counter[str] = Counter()
        self.findings: list[str] = []
        self.studies, self.slowest_end = 0, 0.0

    def train_whole(self) -> list[Study]:
        """Trains each case without a stop."""
        write_texts()
        if run("train", *SOURCE) != 0:
            sys.exit(f"the run to tune could not be trained: {Path('output.txt').read_text()}")
        studies = []
        for case in self.cases:
            command = Command("train", "-m", *overrides(case), f"study={case}")
            if command.wait(600) != 0:
                sys.exit(f"{case} does not train: {command.output.read_text()[-3000:]}")
            studies.append(Study(case, bits(case), time.monotonic() - command.started))
        return studies

    def run(self) -> None:
        studies = self.train_whole()
        while self.by_signal.total() < self.kills and time.monotonic() < self.deadline:
            for study in studies:
                if self.by_signal.total() < self.kills:
                    self.kill(study)
        for study in studies:
            if study.kept:
                self.finish(study)

    def kill(self, study: Study) -> None:
        """Starts the sweep of a study, and kills it unless it has ended before."""
        command = study.command()
        seconds = self.random.uniform(0, 1) * study.seconds
        number = self.random.choice(SIGNALS)
        if (code := command.wait(seconds)) is not None:
            self.ended(study, command, code)
            return
        killed_at = time.monotonic()
        command.kill(number)
        code = command.wait(300)
        taken = time.monotonic() - killed_at
        if code in (0, 1):  # it was about to end
            self.ended(study, command, code)
            return
        self.by_signal[number.name] += 1
        if code != EXIT_CODES[number]:
            self.find(study, f"exit code {code} after {number.name}")
        if number != signal.SIGKILL:
            self.slowest_end = max(self.slowest_end, taken)
            if taken > SECONDS_TO_END:
                self.find(study, f"ended {taken:.1f} s after {number.name}")
        if left := command.processes_left(SECONDS_LEFT):
            self.find(study, f"{len(left)} processes left after {number.name}")
        self.find(study, *study.findings())
        if self.by_signal.total() % 10 == 0:
            print(self, file=sys.stderr, flush=True)

    def finish(self, study: Study) -> None:
        """Lets a study end that was killed."""
        command = study.command()
        self.ended(study, command, command.wait(600))

    def ended(self, study: Study, command: Command, code: int | None) -> None:
        """Holds a study that has ended by itself against the whole one, and begins another."""
        if code != 0:
            words = command.output.read_text()[-500:]
            self.find(study, f"ended with exit code {code}: {words}")
        if left := command.processes_left(SECONDS_LEFT):
            self.find(study, f"{len(left)} processes left at its end")
        self.find(study, *study.end())
        self.studies += 1
        study.begin()

    def find(self, study: Study, *lines: str) -> None:
        """Keeps findings, and shows them as they come, with the number of kills until then."""
        for line in lines:
            self.findings.append(f"{study.name}: {line}")
            print(f"{self.by_signal.total()}: {self.findings[-1]}", file=sys.stderr, flush=True)

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.by_signal.items()))
        kinds = Counter(line.split(": ")[1].split()[0] for line in self.findings)
        found = ", ".join(f"{kinds[kind]} {kind}" for kind in ("lost", "repeated", "corrupt"))
        return (
            f"{self.by_signal.total()} kills ({counts}) of {', '.join(self.cases)}; {self.studies} "
            f"studies held to the whole ones: {found}, {kinds['different']} different, "
            f"{len(self.findings)} findings; slowest end {self.slowest_end:.1f} s"
        )


def overrides(case: str) -> list[str]:
    """The words of a case's sweep, with the folder of the run that is tuned."""
    sources = [path.parent for path in finished("source")]
    return [word.replace("SOURCE", f"{sources[0]}") for word in CASES[case]]


def write_texts() -> None:
    """Writes a file of sentences of two kinds."""
    lines = [
        f'"no {i}, a {"fine" if i % 2 else "dull"} film{" so it is" * (i * 7 % 5)}",{i % 2}'
        for i in range(400)
    ]
    Path("texts.csv").write_text("\n".join(["text,y", *lines, ""]))


def campaign(
    kills: int, *, seed: int, cases: list[str], minutes: float = 60.0, folder: str | None = None
) -> int:
    """Kills so many times; prints what was found, and returns how much that is."""
    with working_in(folder):
        trial = Campaign(cases, kills=kills, seed=seed, minutes=minutes)
        trial.run()
    print(trial)
    return len(trial.findings)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--folder", default=None, help="to keep what was trained")
    arguments = vars(parser.parse_args())
    cases = arguments.pop("cases").split(",")
    return 1 if campaign(**arguments, cases=cases) else 0


if __name__ == "__main__":
    sys.exit(main())
