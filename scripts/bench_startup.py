"""CPU seconds of the commands that need no torch, best of several starts, against the target.

python scripts/bench_startup.py [--repeat 5]
"""

import argparse
import os
import subprocess
import sys

TARGET = 0.5  # seconds of CPU, user and system together
COMMANDS = {  # words after `lepton`, and the exit code that is right
    ("--help",): 0,
    ("list",): 0,
    ("list", "model/mlp"): 0,
    ("train", "model.widht=3"): 2,
}
LEPTON = ("-m", "lepton")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    slow = 0
    print(f"{'command':32} CPU s  target  torch")
    for words, code in COMMANDS.items():
        best = min(cpu_seconds(words, code) for _ in range(repeat))
        torch = imports_torch(words)
        slow += best > TARGET or torch
        loaded = "imported!" if torch else "not imported"
        print(f"lepton {' '.join(words):25} {best:5.2f}  {TARGET:6.2f}  {loaded}")
    return 1 if slow else 0


def cpu_seconds(words: tuple[str, ...], code: int) -> float:
    """User and system seconds of one start, children included."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen([sys.executable, *LEPTON, *words], **quiet)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != code:
        sys.exit(f"lepton {' '.join(words)}: exit code {child.returncode}, expected {code}")
    return usage.ru_utime + usage.ru_stime


def imports_torch(words: tuple[str, ...]) -> bool:
    """Whether Python's own list of imports holds torch."""
    command = [sys.executable, "-X", "importtime", *LEPTON, *words]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    names = {line.rpartition("|")[2].strip() for line in said.splitlines() if "|" in line}
    assert "lepton.cli" in names, "the list of imports was not understood"
    return "torch" in names


if __name__ == "__main__":
    sys.exit(main())
