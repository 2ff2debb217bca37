"""Made-up reviews, whose words say what each is worth."""

import numpy as np
import pandas as pd

WORTH = {
    **dict.fromkeys(("splendid", "charming", "witty", "warm"), 1.0),
    **dict.fromkeys(("tedious", "clumsy", "hollow", "dull"), -1.0),
}
FILLERS = ("film", "actor", "scene", "the", "of", "with", "story", "an", "evening", "music")


def write_reviews(path, rows=160, seed=0):
    """Writes reviews with a column `liked`, yes or no, and `stars`; returns the frame."""
    draw = np.random.default_rng(seed)
    words = [draw.choice([*WORTH, *FILLERS], draw.integers(6, 13)) for _ in range(rows)]
    worth = np.array([sum(WORTH.get(word, 0) for word in text) for text in words])
    noise = draw.normal(0, 0.5, rows)
    frame = pd.DataFrame({"review": [" ".join(text) for text in words]})
    frame["review"] += [f" {number}" for number in range(rows)]  # no two are the same
    frame["liked"] = np.where(worth + noise > 0, "yes", "no")
    frame["stars"] = (worth + noise).round(2)
    frame.to_csv(path, index=False)
    return frame
