"""The VADER texts, rated by people for sentiment, as the package ships them."""

from pathlib import Path
from typing import Any, Literal

import pandas as pd

from lepton.dataset.text import TextData
from lepton.errors import DataError
from lepton.values.bounds import NotBelow0

VADER_FILE = Path(__file__).with_suffix(".parquet")


class Vader(TextData):
    """Tweets, sentences of reviews and of editorials, and film snippets, rated from -4 to 4."""

    def __init__(
        self,
        *,
        source: Literal["all", "tweets", "reviews", "films", "news"],
        neutral: NotBelow0,
        **text: Any,
    ):
        super().__init__(**text)
        if not 0 <= neutral < 4:
            raise DataError(f"dataset.neutral={neutral}: from 0 to below 4, as the ratings go")
        self.source, self.neutral = source, neutral

    def read(self) -> tuple[pd.DataFrame, None]:
        """The texts of the source, with a column sentiment made of their ratings."""
        frame = pd.read_parquet(VADER_FILE)
        if self.source != "all":
            frame = frame[frame["source"] == self.source].reset_index(drop=True)
        rating = frame["rating"]
        sentiment = pd.Series("neutral", frame.index, dtype=object)
        sentiment[rating > self.neutral] = "positive"
        sentiment[rating < -self.neutral] = "negative"
        if not self.neutral:
            sentiment[rating == 0] = None
        return frame.assign(sentiment=sentiment), None
