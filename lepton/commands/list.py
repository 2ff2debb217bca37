"""`lepton list [group[/option] ...]`: shows groups, options and keys, and what they do.

Any other word is searched in the names, keys and comments of all options.

examples:
  lepton list
  lepton list model
  lepton list model/mlp optimizer/adamw
  lepton list calibration
"""

from lepton.config import listing
from lepton.foreign_text import say


def main(arguments: list[str]) -> int:
    """Prints all groups, or those and the options that were named."""
    say(listing.describe_options(*arguments))
    return 0
