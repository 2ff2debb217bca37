"""Rings: a made-up table. Read a file, a query or several files joined in its place."""

import numpy as np
import pandas as pd
from lepton.dataset.tabular import TabularData


class Rings(TabularData):
    def read(self):
        rng, outer = np.random.default_rng(0), np.arange(400) % 2
        angle, radius = rng.uniform(0, 2 * np.pi, 400), rng.normal(1 + outer, 0.35)
        x, y = radius * np.cos(angle), radius * np.sin(angle)
        frame = pd.DataFrame({"x": x, "y": y, "noise": rng.normal(size=400)})
        return frame.assign(ring=np.where(outer, "outer", "inner")), None
