"""Measures CPU seconds of starts without torch, of imports, and until a terminal's first line.

Each is the best of several.

python scripts/bench_startup.py [--repeat 5]
"""

import argparse
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

TARGET = 0.5  # seconds of CPU, user and system together
COMMANDS = {  # arguments of `lepton`, and the expected exit code
    ("--help",): 0,
    ("list",): 0,
    ("list", "model/mlp"): 0,
    ("train", "model.widht=3"): 2,
}
FIRST_LINE = 0.2  # seconds until something stands on a terminal
TYPED = ("train", "model=linear", "trainer.max_epochs=1", "study=startup")
LEPTON = ("-m", "lepton")
IMPORTS = {  # and the seconds that each may take
    "import torch": None,
    "import lepton": 0.1,
    "from lepton import train": 1.5,
    "from lepton.run import train": None,  # what the first call of train imports
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    is_target_missed = False
    print(f"{'command':32} CPU s  target  torch")
    for arguments, exit_code in COMMANDS.items():
        words = (*LEPTON, *arguments)
        best = min(cpu_seconds(words, exit_code) for _ in range(repeat))
        has_torch = imports_torch(arguments)
        is_target_missed |= best > TARGET or has_torch
        torch_state = "imported!" if has_torch else "not imported"
        print(f"lepton {' '.join(arguments):25} {best:5.2f}  {TARGET:6.2f}  {torch_state}")
    print()
    for statement, target in IMPORTS.items():
        best = min(cpu_seconds(("-c", statement), 0) for _ in range(repeat))
        is_target_missed |= target is not None and best > target
        print(f"{statement:32} {best:5.2f}  {'' if target is None else f'{target:6.2f}'}")
    print()
    seconds, cpu, line = min(first_line() for _ in range(repeat))
    is_target_missed |= cpu > FIRST_LINE
    print(f"{line!r} on a terminal after {seconds:.2f} s, {cpu:.2f} s of CPU ({FIRST_LINE})")
    return 1 if is_target_missed else 0


def first_line() -> tuple[float, float, str]:
    """Seconds until `lepton train` writes on a terminal, its CPU seconds till then, what it writes.

    It is ended there: nothing is trained.
    """
    reader, writer = pty.openpty()
    start = time.perf_counter()
    command = [sys.executable, *LEPTON, *TYPED]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=writer)
    line = os.read(reader, 200).decode()
    seconds = time.perf_counter() - start
    process.kill()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    os.close(reader)
    os.close(writer)
    return seconds, usage.ru_utime + usage.ru_stime, line


def cpu_seconds(words: tuple[str, ...], exit_code: int) -> float:
    """User and system seconds of one start of Python, children included."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, *words], **quiet)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != exit_code:
        command = f"python {' '.join(words)}"
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
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # of what is started, too
    sys.exit(main())
