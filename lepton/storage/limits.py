"""Limits on what is read from a folder of runs, which its files cannot raise but the user can.

A file of a few kilobytes may ask for gigabytes of memory or hours; lepton's own never come near.
"""

import os

from lepton.errors import Damaged, LeptonError

LIMITS_VARIABLE = "LEPTON_LIMITS"
LIMITS = {
    "text_mb": 256,  # of a JSON file
    "yaml_mb": 4,  # of a YAML file, which takes a second a megabyte
    "values": 5_000_000,  # in a JSON or YAML file
    "expanded": 100_000,  # in a YAML file that names parts of itself again
    "depth": 100,  # of lists in lists
    "cells": 50_000_000,  # of a Parquet file, or as many as it has bytes
    "unpacked_mb": 512,  # of an archive or of a table's texts, or four times the file's size
    "header_mb": 16,  # of a file of weights: names and shapes
}


def read_limit(name: str) -> int:
    """The limit of this name, as LEPTON_LIMITS="cells=1000000000 depth=200" may raise it.

    Raises: LeptonError for a variable that says anything else.
    """
    chosen = os.environ.get(LIMITS_VARIABLE, "")
    for word in chosen.replace(",", " ").split():
        key, _, number = word.partition("=")
        if key not in LIMITS or not number.isdecimal() or len(number) > 15:
            raise LeptonError(
                f"{LIMITS_VARIABLE}={chosen}: {word!r} is none of {', '.join(LIMITS)} with a whole "
                "number, as cells=1000000000"
            )
        if key == name:
            return int(number)
    return LIMITS[name]


def check_limit(name: str, amount: float, at_least: float = 0) -> None:
    """Holds an amount against a limit, or against `at_least` where that is more.

    Raises: Damaged that says how the limit is raised.
    """
    limit = read_limit(name)
    if amount > max(limit, at_least):
        raise Damaged(
            f"{name.removesuffix('_mb')} of {amount:.0f}{' MB' * name.endswith('_mb')} where "
            f"{limit} is the limit; if you trust the file, {LIMITS_VARIABLE}={name}={amount:.0f}"
        )
