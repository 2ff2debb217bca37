"""SoundSurvey: the rates, channels and lengths of the sounds of a data set."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from lepton.audio.decoding import SoundHead
from lepton.errors import UnequalFiles


@dataclass
class SoundSurvey:
    """How many sounds there are of each rate and number of channels, and how many were changed.

    Units: `longest` seconds; `most_clipped` the clipped samples of a sound, and its name.
    """

    rates: Counter[int] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)
    longest: float = 0.0
    cut: int = 0
    padded: int = 0
    silent: int = 0
    clipped: int = 0
    most_clipped: tuple[int, str] = (0, "")
    examples: dict[int, str] = field(default_factory=dict)  # by rate, the name of a sound

    def add(self, head: SoundHead, name: str) -> None:
        """Counts a sound by its head."""
        self.rates[head.rate] += 1
        self.channels[head.channels] += 1
        self.longest = max(self.longest, head.samples / head.rate)
        self.examples.setdefault(head.rate, name)
        if head.clipped:
            self.clipped += 1
            self.most_clipped = max(self.most_clipped, (head.clipped, name))

    def only_rate(self) -> int:
        """The rate that all have.

        Raises: UnequalFiles when they differ.
        """
        if len(self.rates) > 1:
            first, second = list(self.examples.items())[:2]
            words = " and ".join(f"{name} has {rate} Hz" for rate, name in (first, second))
            commonest = self.rates.most_common(1)[0][0]
            message = f"sounds differ in their rate: {words}; give dataset.rate, as "
            raise UnequalFiles(f"{message}dataset.rate={commonest}", commonest)
        return next(iter(self.rates), 1)  # none can be read, as is said where they are decoded

    def remarks(self, rate: int, seconds: float | None) -> list[tuple[str, int]]:
        """What became of sounds that are not as they are asked for, and how many these are."""
        others = sorted(other for other in self.rates if other != rate)
        names = ", ".join(map(str, others[:4])) + (", ..." if len(others) > 4 else "")
        several = sum(count for channels, count in self.channels.items() if channels > 1)
        remarks = [
            (f"sounds at {names} Hz, resampled to {rate}", sum(self.rates[o] for o in others)),
            ("sounds of several channels, made one by their mean", several),
        ]
        if seconds is not None:
            longest = f"the longest {self.longest:.3g} s"
            remarks += [
                (f"sounds longer than dataset.seconds={seconds:g}, cut; {longest}", self.cut),
                (f"sounds shorter than {seconds:g} s, silence added", self.padded),
            ]
        samples, name = self.most_clipped
        most = f"the most in {name}, {samples} samples"
        remarks += [
            (f"sounds that go beyond -1 to 1, clipped there; {most}", self.clipped),
            ("sounds that are silence alone", self.silent),
        ]
        return [(remark, count) for remark, count in remarks if count]

    def facts(self) -> dict[str, Any]:
        """What `of_facts` makes it of again, as JSON has it."""
        counts = {"rates": [*self.rates.items()], "channels": [*self.channels.items()]}
        names = ("longest", "cut", "padded", "silent", "clipped", "most_clipped")
        return {**counts, **{name: getattr(self, name) for name in names}}

    @classmethod
    def of_facts(cls, facts: dict[str, Any]) -> "SoundSurvey":
        """The survey that wrote these facts, without examples."""
        counts = {name: Counter(dict(facts[name])) for name in ("rates", "channels")}
        return cls(**{**facts, **counts, "most_clipped": tuple(facts["most_clipped"])})
