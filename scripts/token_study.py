#!/usr/bin/env python3
"""What several tokens an encoder tell that one does not, on pictures and words made up for it.

usage: python scripts/token_study.py WORK [PICTURES]

A picture has 3 x 3 fields, each with a cross or a ring; a caption names one of them, and the target
is what stands there. Who knows how many crosses there are, and not where, is right in
.5 + E|k - 4.5| / 9 = 0.637 of all rows. WORK is a folder for pictures and runs; each fusion is
trained three times with the same settings, and the test split has 600 rows. PICTURES is the number
that the pictures are drawn from, 0 if it is not given.
"""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

ROWS, FIELDS, SIDE = 3000, 3, 8  # pictures, fields along a side, pixels of a field
ACROSS, DOWN = ("left", "middle", "right"), ("top", "centre", "bottom")
BASE = (
    *("dataset=multimodal", "dataset.path=fields.csv", "dataset.root=fields"),
    *("dataset.target=symbol", "dataset.columns.caption=text", "model=multimodal", "trainer=cpu"),
    *("dataset.inputs.image.size=24", "model.encoders.text.tokenizer.vocabulary=60"),
    *("model.width=32", "model.heads=4", "model.hidden=[32]", "model.dropout=0"),
    *("trainer.max_epochs=30", "trainer.progress=false", "batch_size=64", "seed=0,1,2"),
    *("optimizer.lr=0.003", "scheduler=one_cycle", "model.encoders.image.channels=[16,32]"),
)
WAYS = {
    "attention_9": ("model.fusion=attention", "model.tokens=9"),
    "attention_1": ("model.fusion=attention",),
    "gated": ("model.fusion=gated",),
    "late": ("model.fusion=late",),
}


def write_pictures(seed: int) -> None:
    """Draws the pictures and writes their table, the same each time."""
    rng, rows = np.random.default_rng(seed), []
    Path("fields").mkdir(exist_ok=True)
    places = [*itertools.product(range(FIELDS), range(FIELDS))]
    for number in range(ROWS):
        picture = Image.new("L", (FIELDS * SIDE, FIELDS * SIDE))
        draw, crosses = ImageDraw.Draw(picture), rng.integers(0, 2, (FIELDS, FIELDS))
        for y, x in places:
            left, top = x * SIDE + 1, y * SIDE + 1
            right, bottom = left + SIDE - 3, top + SIDE - 3
            if crosses[y, x]:
                draw.line([(left, top), (right, bottom)], fill=255)
                draw.line([(left, bottom), (right, top)], fill=255)
            else:
                draw.ellipse([(left, top), (right, bottom)], outline=255)
        picture.save(f"fields/{number}.png")
        y, x = places[rng.integers(len(places))]
        symbol = "cross" if crosses[y, x] else "ring"
        rows.append((f"{number}.png", f"what is at the {DOWN[y]} {ACROSS[x]}", symbol))
    table = pd.DataFrame(rows, columns=["picture", "caption", "symbol"])
    table.to_csv("fields.csv", index=False)


def accuracies(study: str) -> np.ndarray:
    """The test accuracies of a study's runs."""
    results = [json.loads(path.read_text()) for path in Path("runs", study).glob("*/result.json")]
    return np.array([result["metrics"]["test/accuracy"] for result in results])


def main(work: Path, seed: int) -> None:
    work.mkdir(parents=True, exist_ok=True)
    os.chdir(work)
    write_pictures(seed)
    for study, words in WAYS.items():
        command = [sys.executable, "-m", "lepton", "train", "-m", *BASE, *words, f"study={study}"]
        finished = subprocess.run(command, capture_output=True, text=True)
        if finished.returncode:
            raise SystemExit((finished.stdout + finished.stderr)[-2000:])
        scores = accuracies(study)
        spread = f"{scores.mean():.4f} +- {scores.std(ddof=1):.4f}"
        print(f"{study}: {len(scores)} runs, accuracy {spread}", flush=True)


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])  # of what is started, too
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else 0)
