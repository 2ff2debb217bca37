"""Networks of other packages at their defaults, on the splits that lepton's runs had."""

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

REFERENCES = ("RealMLP_TD", "TabM_D")  # of pytabkit; https://arxiv.org/abs/2407.04491


def reference_scores(
    name: str, table: Path, target: str, runs: pd.DataFrame, kept: Path
) -> tuple[float, float]:
    """The mean score on test and the mean seconds of a reference over the splits of some runs.

    Those of an earlier call are read from `kept`, a CSV file to which new ones are added.
    """
    columns = ["reference", "table", "split", "score", "seconds"]
    known = pd.read_csv(kept) if kept.is_file() else pd.DataFrame(columns=columns)
    folders = runs.groupby("dataset.split_seed")["folder"].first()
    for split, folder in folders.items():
        is_known = known["reference"].eq(name) & known["table"].eq(table.stem)
        if not (is_known & known["split"].eq(split)).any():
            started = time.process_time()
            score = _score(name, *_split_frames(pd.read_parquet(table), target, Path(folder)))
            row = [name, table.stem, split, score, time.process_time() - started]
            known = pd.concat([known, pd.DataFrame([row], columns=columns)], ignore_index=True)
            known.to_csv(kept, index=False)
    mine = known[known["reference"].eq(name) & known["table"].eq(table.stem)]
    mine = mine[mine["split"].isin(folders.index)]
    return float(mine["score"].mean()), float(mine["seconds"].mean())


def _split_frames(frame: pd.DataFrame, target: str, run: Path) -> list[tuple[pd.DataFrame, Any]]:
    """Columns and target of train, val and test, as a run had them; missing numbers are filled.

    A missing number is the median of the training rows, in a column beside it that says so.
    """
    rows = {s: pd.read_parquet(run / "predictions" / f"{s}.parquet")["id"] for s in ("val", "test")}
    held = np.concatenate([*rows.values()])
    train = np.setdiff1d(np.arange(len(frame)), held)
    columns = frame.drop(columns=target)
    for column in columns.select_dtypes("number"):
        values = columns[column].astype(float)
        if values.isna().any():
            columns[f"{column} is missing"] = values.isna().astype(float)
            values = values.fillna(values.iloc[train].median())
        columns[column] = values
    texts = columns.select_dtypes(exclude="number").columns
    columns[texts] = columns[texts].astype(object).fillna("missing").astype(str).astype("category")
    y = frame[target].astype(float if pd.api.types.is_numeric_dtype(frame[target]) else str)
    parts = (train, rows["val"].to_numpy(), rows["test"].to_numpy())
    return [(columns.iloc[part], y.iloc[part].to_numpy()) for part in parts]


def _score(name: str, train: Any, val: Any, test: Any) -> float:
    from pytabkit.models.sklearn import sklearn_interfaces

    is_number = train[1].dtype.kind == "f" and len(np.unique(train[1])) > 20
    kind = "Regressor" if is_number else "Classifier"
    make = getattr(sklearn_interfaces, f"{name}_{kind}")
    model = make(device="cpu", n_threads=1, random_state=0)
    names = [*train[0].select_dtypes("category")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(*train, *val, cat_col_names=names)
        if is_number:
            return float(r2_score(test[1], model.predict(test[0])))
        probabilities = model.predict_proba(test[0])
    if probabilities.shape[1] == 2:
        return float(roc_auc_score(test[1] == model.classes_[1], probabilities[:, 1]))
    return float(accuracy_score(test[1], model.classes_[probabilities.argmax(axis=1)]))
