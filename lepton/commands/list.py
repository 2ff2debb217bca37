"""`lepton list`: the groups, options and keys of a config, and what they do."""

from lepton.config import listing


def main(arguments: list[str]) -> int:
    """Prints all groups, or those and the options that were named."""
    print(listing.describe_options(*arguments))
    return 0
