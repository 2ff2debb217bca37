"""Loans of which a part is paid late, and the rows of runs on them."""

import numpy as np
import pandas as pd

from lepton.storage.predictions import read_predictions

SHORT = ("trainer=cpu", "optimizer.lr=0.03", "trainer.max_epochs=3", "study=important")
LOANS = ("dataset=csv", "dataset.path=loans.csv", "dataset.target=late", *SHORT)


def write_loans(path):
    """Late payers have little income, or live in Bonn; the house tells nothing."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "income": draw.normal(size=400),
            "town": draw.choice(["Bonn", "Köln", "<Ulm>"], 400),
            "house": draw.choice(["own", "rent"], 400),
        }
    )
    frame["late"] = np.where(frame["income"] - 2 * (frame["town"] == "Bonn") < -0.7, "yes", "no")
    frame.to_csv(path, index=False)


def rows_of(folder, split="val"):
    stored = read_predictions(folder, split)
    rows = pd.read_csv("loans.csv").iloc[stored.ids.numpy()]
    return rows[["income", "town", "house"]], stored.target.numpy()
