"""The spec fields of made-up texts."""

from typing import Any

VOCABULARY_SIZE = 50  # pieces of a made-up vocabulary


def text_fields(texts: int) -> dict[str, Any]:
    """The spec fields of made-up texts, or with two of them of pairs."""
    return {
        "text_features": ("text", "other")[:texts],
        "vocabulary": VOCABULARY_SIZE,
        "pad": 0,
        "max_length": 16,
        "marks": (1, 2),
        "mask_token": 3,
    }
