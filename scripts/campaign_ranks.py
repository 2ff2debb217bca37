"""Kills processes of runs that several train together; the driver of the sweep must go on.

python scripts/campaign_ranks.py [--kills 50] [--seed 0] [--minutes 30]

Sweeps of runs on two processes (ddp on CPUs), by hydra/launcher=basic and parallel, lose one of a
run's processes to SIGKILL at random moments. The driver must go on to the end, record each loss,
leave no process behind, and the same command must end with the bits of a sweep never disturbed.
The exit code is 1 where one of these does not hold.
"""

import argparse
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.campaign_parts import Command, bits, differing, working_in

LAUNCHERS = ("basic", "parallel")
SWEEP = (
    *("train", "-m", "dataset=wine", "model=mlp_small", "trainer=ddp", "trainer.accelerator=cpu"),
    *("trainer.devices=2", "trainer.max_epochs=30", "seed=range(3)"),
)
SECONDS_LEFT = 40.0  # in which what a sweep has started may end


def campaign(kills: int, *, seed: int, minutes: float = 60.0, folder: str | None = None) -> int:
    """Kills so many processes; prints what was found, and returns how much that is."""
    with working_in(folder):
        whole = Command(*SWEEP, "study=whole")
        if whole.wait(900) != 0:
            sys.exit(f"the sweep does not train: {whole.output.read_text()[-2000:]}")
        expected, chance = bits("whole"), random.Random(seed)
        deadline = time.monotonic() + 60 * minutes
        killed, sweeps, findings = 0, 0, []
        while killed < kills and time.monotonic() < deadline:
            launcher = LAUNCHERS[sweeps % len(LAUNCHERS)]
            sweeps += 1
            count, lines = disturb(f"s{sweeps}", launcher, chance, kills - killed)
            killed += count
            findings += lines + settle(f"s{sweeps}", launcher, expected)
    figures = (
        f"{killed} processes of runs killed in {sweeps} sweeps ({', '.join(LAUNCHERS)}): "
        f"{len(findings)} findings"
    )
    print("\n".join([*findings, figures]))
    return len(findings)


def disturb(study: str, launcher: str, chance: random.Random, kills: int) -> tuple[int, list[str]]:
    """Kills processes of a sweep's runs until it ends; returns how many, and what was wrong."""
    command = Command(*SWEEP, f"study={study}", f"hydra/launcher={launcher}")
    killed, started = 0, time.monotonic()
    while command.wait(chance.uniform(0.5, 8.0)) is None:
        if time.monotonic() - started > 600:
            command.kill(signal.SIGKILL)
            return killed, [f"{study}: {launcher} did not end in 600 s"]
        if killed < kills and (ranks := processes_of_runs(command)):
            with suppress(ProcessLookupError):
                os.kill(chance.choice(ranks), signal.SIGKILL)
                killed += 1
    lines = []
    if (code := command.wait()) not in (0, 1):
        lines.append(f"{study}: the driver ({launcher}) ended with exit code {code}")
    if left := command.processes_left(SECONDS_LEFT):
        lines.append(f"{study}: {len(left)} processes left by {launcher}")
    return killed, lines


def processes_of_runs(command: Command) -> list[int]:
    """The processes that train a run: `lepton.worker`, and those that have started one."""
    ranks, started = [], set(command.processes())
    for pid in started:
        with suppress(OSError):
            if b"lepton.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
                ranks += [pid, *({int(parent)} & started)]  # an orphan has another parent
    return ranks


def settle(study: str, launcher: str, expected: dict[str, dict]) -> list[str]:
    """Has the same command end, undisturbed; returns what is not as in the whole sweep."""
    command = Command(*SWEEP, f"study={study}", f"hydra/launcher={launcher}")
    code, found = command.wait(900), bits(study)
    lines = [] if code == 0 else [f"{study}: undisturbed, {launcher} ended with exit code {code}"]
    lines += [f"{study}: lost: {run}" for run in expected.keys() - found.keys()]
    for run in expected.keys() & found.keys():
        if names := differing(expected[run], found[run]):
            lines.append(f"{study}: different: {run} ({', '.join(names)})")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--folder", default=None, help="to keep what was trained")
    return 1 if campaign(**vars(parser.parse_args())) else 0


if __name__ == "__main__":
    sys.exit(main())
