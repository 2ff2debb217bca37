"""A small table of numbers, categories, texts and paths of pictures, for tests."""

import numpy as np
import pandas as pd
from PIL import Image

ROWS = 90
WORDS = ("warm", "cold", "soft", "hard", "old", "new", "plain", "fine")
SHOP = (
    *("dataset=multimodal", "dataset.path=shop.csv", "dataset.root=photos", "dataset.target=sold"),
    *("dataset.inputs.image.size=8", "model=multimodal", "model.encoders.image.channels=[4]"),
    *("model.encoders.text.width=8", "model.encoders.table.hidden=[8]", "model.hidden=[8]"),
    *("model.encoders.text.tokenizer.vocabulary=60", "trainer=cpu", "trainer.max_epochs=2"),
    *("trainer.progress=false", "batch_size=16"),
)


def write_shop(folder, rows=ROWS):
    """Writes shop.csv and photos/; each kind tells the target, and some cells are empty."""
    rng = np.random.default_rng(0)
    sold, cells = rng.permutation(np.arange(rows) % 2), []
    (folder / "photos").mkdir()
    for row, is_sold in enumerate(sold):
        pixels = rng.integers(0, 60, (8, 8, 3), dtype=np.uint8)
        pixels[..., is_sold] += 120
        Image.fromarray(pixels).save(folder / "photos" / f"{row}.png")
        words = [*rng.choice(WORDS, 3), "good" if is_sold else "bad", f"item {row}"]
        cells.append(
            {
                "price": round(float(rng.normal(is_sold, 0.5)), 3),
                "shelf": "abc"[rng.integers(3)],
                "note": " ".join(words) if row % 9 else "",
                "photo": f"{row}.png" if row % 7 else "",
                "sold": ["no", "yes"][is_sold],
            }
        )
    table = pd.DataFrame(cells)
    table.to_csv(folder / "shop.csv", index=False)
    return table
