"""What Hydra says of the defaults in a file of the user's, with what would be right."""

import re

from lepton.config.options import find_options
from lepton.errors import did_you_mean

RELATIVE = re.compile(
    r"In '(?P<file>[^']+)': Could not override '[\w/]*/(?P<group>\w+)@(?P=group)'"
)
TWICE = re.compile(r"Multiple values for (?P<group>\w+)\. To override a value use 'override .*'")
MISSING = re.compile(r"In '(?P<file>[^']+)': Could not find '(?P<group>[\w/]+)/(?P<option>[^/']+)'")


def clearer(message: str) -> str | None:
    """The line for a mistake in a list of defaults; None for any other message of Hydra's."""
    if match := RELATIVE.match(message):
        file, group = match["file"], match["group"]
        return f"{file}: {group} is a group of the root: `- override /{group}: NAME`, with a slash"
    if match := TWICE.match(message):
        group = match["group"]
        return f"{group}: chosen twice; to choose another, a file says `- override /{group}: NAME`"
    if match := MISSING.match(message):
        group, option = match["group"], match["option"]
        options = find_options().get(group, {})
        hint = did_you_mean(option, options)
        return f"{group}={option}: no such option{hint} (options: {', '.join(options)})"
    return None
