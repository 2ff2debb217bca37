"""The files that an ensemble's folder has beside those of every run."""

FACTS_FILE, MEMBERS_FILE = "ensemble.json", "members.parquet"
POOL_KEY = "pool"  # of the facts: references to all runs that could have become members
PLACE_KEYS = ("skipped", POOL_KEY)  # of the facts, about where the members lie
