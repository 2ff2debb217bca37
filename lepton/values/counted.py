"""Numbers with their nouns, in words."""


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun; no words of none.

    >>> counted(1, "number"), counted(2, "category", "categories"), counted(0, "text")
    ('1 number', '2 categories', '')
    """
    return f"{count} {one if count == 1 else many or one + 's'}" if count else ""
