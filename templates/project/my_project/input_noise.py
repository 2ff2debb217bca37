"""InputNoise: a method that adds noise to the numbers of each training batch."""

from lepton.method import Method


class InputNoise(Method):
    stackable = ("scale",)  # runs that differ in it may train as one

    def __init__(self, *, scale: float):
        self.scale = scale

    def on_batch(self, batch, draw):
        return {**batch, "num": batch["num"] + self.scale * draw.normal(batch["num"].shape)}
