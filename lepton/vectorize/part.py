"""What a stack is made of: tensors that have the members first and change in training."""

from torch import Tensor


class Part:
    """Of a stack; by its `tensors` members can be let go, saved and put back."""

    def tensors(self) -> dict[str, Tensor]:
        """Shapes: each (K, ...)."""
        return {}

    def put(self, tensors: dict[str, Tensor]) -> None:
        """Goes on with these in place of its own, of as many members as they have."""

    def keep(self, rows: Tensor) -> None:
        """Goes on with these members alone."""
        self.put({name: tensor[rows] for name, tensor in self.tensors().items()})
