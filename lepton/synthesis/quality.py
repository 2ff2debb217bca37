"""Quality: whether generated rows are of any use, and whether they are rows of training."""

from dataclasses import asdict, dataclass
from math import isnan
from typing import Any

import pandas as pd

from lepton.generator.rows import TableRows
from lepton.seeds import derive
from lepton.synthesis.distributions import association_kept, column_distances, pair_associations
from lepton.synthesis.judge import Usefulness, detection_auc, usefulness
from lepton.synthesis.nearness import Nearness, nearness
from lepton.synthesis.source import Source

LEAKS, UNUSABLE, FINE = "leaks", "unusable", "fine"


@dataclass(frozen=True)
class Quality:
    """All that is measured of generated rows, and what follows.

    `reasons` say why the verdict is not fine. `columns` and `pairs` have a row for each column and
    each pair of columns.
    """

    verdict: str
    reasons: list[str]
    usefulness: Usefulness
    detection: float
    nearness: Nearness
    kept: dict[str, float | None]  # of the associations of training, by rows
    columns: pd.DataFrame
    pairs: pd.DataFrame

    def scores(self) -> dict[str, Any]:
        """Verdict, reasons and figures as JSON has them."""
        near = self.nearness
        distances = {"generated": near.generated, "held_out": near.held_out}
        return {
            "verdict": self.verdict,
            "reasons": self.reasons,
            "usefulness": {
                **_plain(asdict(self.usefulness)),
                "share_lost": self.usefulness.share_lost,
            },
            "detection_auc": self.detection,
            "near_distance": near.limit,
            "exact_copies": {name: near.exact(values) for name, values in distances.items()},
            "near_copies": {name: near.near(values) for name, values in distances.items()},
            "association_kept": self.kept,
        }


def _plain(values: Any) -> Any:
    """Nested values as JSON has them, which knows no NaN."""
    if isinstance(values, dict):
        return {name: _plain(value) for name, value in values.items()}
    return None if isinstance(values, float) and isnan(values) else values


def measure_quality(source: Source, generated: TableRows, config: dict[str, Any]) -> Quality:
    """Holds generated rows against training rows and against real ones that no generator saw."""
    train, held_out, seed = source.train, source.held_out, config["seed"]
    names = [*source.codec.number_names(), *source.codec.category_names()]
    others = {"generated": generated, "held_out": held_out}
    useful = usefulness(
        train, generated, held_out, resamples=config["resamples"], seed=derive(seed, "judge")
    )
    near = nearness(
        train,
        generated,
        held_out,
        quantile=config["near_quantile"],
        most_rows=config["distance_rows"],
        seed=derive(seed, "nearness"),
    )
    pairs = pair_associations(
        train, others, names, bins=config["bins"], most_columns=config["pair_columns"]
    )
    kept = {what: association_kept(pairs, what) for what in others}
    leaks, lacks = _leaks(near, config), _lacks(useful, kept["generated"], config)
    return Quality(
        LEAKS if leaks else UNUSABLE if lacks else FINE,
        leaks + lacks,
        useful,
        detection_auc(train, generated, folds=config["folds"], seed=derive(seed, "detection")),
        near,
        kept,
        column_distances(train, others, names),
        pairs,
    )


def _leaks(near: Nearness, config: dict[str, Any]) -> list[str]:
    """Why generated rows are too near to training rows."""
    lines, most = [], (("exact", "max_exact", "are"), ("near", "max_near", "are nearly"))
    for what, key, verb in most:
        share = getattr(near, what)
        own, usual = share(near.generated), share(near.held_out)
        if own - usual > config[key]:
            lines.append(
                f"{own:.1%} of the generated rows {verb} training rows, {usual:.1%} of the real "
                f"ones that were held out; {key}={config[key]} is allowed beyond that"
            )
    return lines


def _lacks(useful: Usefulness, kept: float | None, config: dict[str, Any]) -> list[str]:
    """Why generated rows do not teach what real ones do."""
    lines, lost = [], useful.share_lost
    if lost is not None and lost > config["max_lost"]:
        lines.append(
            f"trained on generated rows a model loses {lost:.0%} of what real ones teach "
            f"({useful.metric} {useful.generated.value:.3f} for {useful.real.value:.3f}); "
            f"max_lost={config['max_lost']}"
        )
    if kept is not None and kept < config["min_association"]:
        lines.append(
            f"{max(kept, 0):.0%} of the association of pairs of columns is kept; "
            f"min_association={config['min_association']}"
        )
    return lines
