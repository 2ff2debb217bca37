"""Entries of the cache with flipped bytes, for tests."""


def entry_files(cache):
    """The files of each entry, by the entry's path; but for its lock."""
    entries = [path for path in sorted(cache.glob("*/*")) if not path.name.startswith(".")]
    return {
        entry: [
            file
            for file in ([entry] if entry.is_file() else sorted(entry.rglob("*")))
            if file.is_file() and file.name != "lock"
        ]
        for entry in entries
    }


def flip(path, *places):
    """Flips a bit of the bytes at some places of a file, which keeps its length."""
    content = bytearray(path.read_bytes())
    for place in places:
        content[place] ^= 4
    with path.open("r+b") as file:
        file.write(content)
