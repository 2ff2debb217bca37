"""Measures CPU seconds of the commands that need no torch, the best of several starts.

python scripts/bench_startup.py [--repeat 5]
"""

import argparse
import os
import subprocess
import sys

TARGET = 0.5  # seconds of CPU, user and system together
COMMANDS = {  # arguments of `lepton`, and the expected exit code
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
    is_target_missed = False
    print(f"{'command':32} CPU s  target  torch")
    for arguments, exit_code in COMMANDS.items():
        best = min(cpu_seconds(arguments, exit_code) for _ in range(repeat))
        has_torch = imports_torch(arguments)
        is_target_missed |= best > TARGET or has_torch
        torch_state = "imported!" if has_torch else "not imported"
        print(f"lepton {' '.join(arguments):25} {best:5.2f}  {TARGET:6.2f}  {torch_state}")
    return 1 if is_target_missed else 0


def cpu_seconds(arguments: tuple[str, ...], exit_code: int) -> float:
    """User and system seconds of one start, children included."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, *LEPTON, *arguments], **quiet)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != exit_code:
        command = f"lepton {' '.join(arguments)}"
        sys.exit(f"{command}: exit code {process.returncode}, expected {exit_code}")
    return usage.ru_utime + usage.ru_stime


def imports_torch(arguments: tuple[str, ...]) -> bool:
    """True when Python's own list of imports holds torch."""
    command = [sys.executable, "-X", "importtime", *LEPTON, *arguments]
    import_log = subprocess.run(command, capture_output=True, text=True).stderr
    modules = {line.rpartition("|")[2].strip() for line in import_log.splitlines() if "|" in line}
    assert "lepton.cli" in modules, "the list of imports was not understood"
    return "torch" in modules


if __name__ == "__main__":
    sys.exit(main())
