"""Made-up members of an ensemble, to try a method without runs."""

import torch
from torch import Tensor

from lepton.ensemble.combiner import ValidationPredictions
from lepton.ensemble.machinery.scorer import Scorer
from lepton.example import make_spec
from lepton.task import task_for

MEMBERS, ROWS, CLASSES = 4, 120, 3
BYTES = 10  # of a member's weights


def made_up_members(task: str) -> tuple[ValidationPredictions, Tensor]:
    """Validation predictions of members that differ in how good they are, and predictions of more.

    Shapes: the second (members, rows[, classes]).
    """
    generator = torch.Generator().manual_seed(0)
    columns = (CLASSES,) if task.startswith("multi") else ()
    truth = torch.randn(2 * ROWS, *columns, generator=generator, dtype=torch.float64)
    noise = torch.randn(MEMBERS, 2 * ROWS, *columns, generator=generator, dtype=torch.float64)
    size = torch.linspace(0.6, 1.2, MEMBERS, dtype=torch.float64).view(-1, *[1] * truth.ndim)
    values = truth + size * noise
    if task == "regression":
        target, prediction = 5 + 2 * truth, 5 + 2 * values
    elif task == "multiclass":
        target, prediction = truth.argmax(-1), (2 * values).softmax(-1)
    else:
        target, prediction = (truth > 0).float(), (2 * values).sigmoid()
    scorer = made_up_scorer(task)
    scores = [scorer(member[:ROWS], target[:ROWS]) for member in prediction]
    best_first = sorted(range(MEMBERS), key=lambda member: -scores[member])
    prediction = prediction[best_first]
    validation = ValidationPredictions(
        prediction=prediction[:, :ROWS],
        target=target[:ROWS],
        scorer=scorer,
        sizes=[BYTES] * MEMBERS,
        max_members=None,
        max_size=None,
        seed=0,
    )
    return validation, prediction[:, ROWS:]


def made_up_scorer(task: str, metric: str | None = None) -> Scorer:
    """The scorer of a task by one of its metrics, or by the one that it monitors unasked."""
    return Scorer(task_for(make_spec(task), class_weights=None, monitor=metric))
