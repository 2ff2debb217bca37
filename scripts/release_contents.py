#!/usr/bin/env python3
"""Looks into the wheel and the sdist of a release for what lacks, is too much, or is wrong.

usage: python scripts/release_contents.py FOLDER VERSION

It prints a line a file of FOLDER, and ends with what is wrong.
"""

import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LARGEST_MB = 10.0


def main(folder: Path, version: str) -> list[str]:
    """What is wrong with the files of a release."""
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
        (name,) = [n for n in in_wheel if n.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(archive.read(name))
    with tarfile.open(sdist) as archive:
        in_sdist = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    tracked = tracked_files()
    code = {n for n in tracked if n.startswith("lepton/")}
    conf = {f"lepton/{n}" for n in tracked if n.startswith("conf/")}
    project = {
        n.replace("templates/project", "lepton/scaffold/project", 1)
        for n in tracked
        if n.startswith("templates/project/")
    }
    packed = ("lepton/", "conf/", "templates/", "tests/", "scripts/", "docs/")
    sources = {n for n in tracked if n.startswith(packed)}
    modules = {n for n in in_wheel if ".dist-info/" not in n}
    wrong = [
        *compared(wheel.name, wanted := code | conf | project, modules, wanted),
        *compared(sdist.name, sources, in_sdist, {*tracked, "PKG-INFO"}),
        *described(metadata, version),
    ]
    for path, names in ((wheel, in_wheel), (sdist, in_sdist)):
        size = path.stat().st_size / 1e6
        print(f"{path.name}: {len(names)} files, {size:.1f} MB")
        wrong += [f"{path.name}: {size:.1f} MB"] if size > LARGEST_MB else []
    return wrong


def tracked_files() -> set[str]:
    """The files of the checkout that git holds."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(listed.stdout.splitlines())


def compared(archive: str, wanted: set[str], found: set[str], allowed: set[str]) -> list[str]:
    """A line for each file that an archive lacks, and for each that git does not hold."""
    return [
        *(f"{archive}: lacks {name}" for name in sorted(wanted - found)),
        *(f"{archive}: {name} is not in git" for name in sorted(found - allowed)),
    ]


def described(metadata: Message, version: str) -> list[str]:
    """What is wrong with the words that an index shows: version, page, licence, Pythons."""
    text = str(metadata.get_payload())
    shown = {
        "Version": version,
        "License-Expression": "Apache-2.0",
        "Description-Content-Type": "text/markdown",
        "Requires-Python": "<3.14,>=3.11",
    }
    return [
        *(
            f"METADATA: {key} is {metadata[key]}, not {value}"
            for key, value in shown.items()
            if metadata[key] != value
        ),
        *(["METADATA: README.md is not in it"] if not text.startswith("# lepton") else []),
    ]


if __name__ == "__main__":
    if lines := main(Path(sys.argv[1]), sys.argv[2]):
        sys.exit("\n".join(lines))
