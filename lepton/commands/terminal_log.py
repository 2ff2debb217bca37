"""Sets up the log that commands print on the terminal."""

import logging
import sys

from lepton.foreign_text import PlainFormatter


def show_log() -> None:
    """Prints what is logged under `lepton`, without what Hydra would add to it."""
    log = logging.getLogger("lepton")
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(PlainFormatter("%(message)s"))
        handler.setLevel(logging.INFO)
        log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False
