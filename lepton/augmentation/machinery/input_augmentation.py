"""InputAugmentation: the base of augmentations, which change inputs of a whole network alone."""

from lepton.method import Batch, Method
from lepton.randomness.draw import Draw


class InputAugmentation(Method):
    """A method that changes inputs; a head on features of a frozen network learns from no inputs.

    A derived class says in `changes_inputs` which kinds it changes, and how in `change`.
    """

    def on_batch(self, batch: Batch, draw: Draw) -> Batch:
        return batch if "features" in batch else self.change(batch, draw)

    def change(self, batch: Batch, draw: Draw) -> Batch:
        """The batch to learn from, as `on_batch` says it."""
        raise NotImplementedError
