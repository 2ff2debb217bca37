"""HeatMaps: where in the pictures of the test split a model sees what is not as in good parts."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lepton.errors import LeptonError
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.evaluator import Evaluation, Evaluator
from lepton.image.heat_map import HeatFigure, heat_page, heat_picture
from lepton.task.anomaly import ALARM, Anomaly
from lepton.task.base import Task
from lepton.values.bounds import AtLeast1

NO_MAPS = "makes no heat maps; one for task=anomaly does, as model=patch_memory"
log = logging.getLogger("lepton")


class HeatMaps(Evaluator):
    """Writes a page of pictures beside their heat maps: alarms, what was missed, and false alarms.

    Metrics: `shown`, the number of pictures.
    The table `heat_maps` has a row for each of them: id, prediction, target, and the PNG of both.
    """

    def __init__(self, *, count: AtLeast1, folder: str) -> None:
        """`count`: pictures of each section; `folder`: the page is its RUN.html.

        Raises: ValueError for a count below 1.
        """
        if count < 1:
            raise ValueError(f"count: {count} is too small; 1 at least")
        self.count, self.folder = count, Path(folder)

    def check(self, task: Task) -> None:
        if not isinstance(task, Anomaly):
            raise LeptonError(f"a model of task {task.name} {NO_MAPS}")

    def evaluate(self, model: EvaluatedModel, seed: int) -> Evaluation:
        maker = getattr(getattr(model.learner, "model", None), "maps", None)
        if maker is None:
            raise LeptonError(f"the model {NO_MAPS}")
        rows = model.rows
        scores, is_defect = model.learner.predict(rows).numpy(), rows["target"].numpy() > 0
        sections = self._sections(scores, is_defect, model.spec.classes)
        shown = np.unique(np.concatenate([numbers for _, numbers in sections]))
        maps = maker({"image": rows["image"][torch.from_numpy(shown)]}).numpy()
        hottest = float(maps.max(initial=0.0))
        pictures = {
            number: heat_picture(rows["image"][number].numpy(), heat, hottest=hottest)
            for number, heat in zip(shown.tolist(), maps, strict=True)
        }
        captions = self._captions(model, shown, scores, is_defect)
        figures = [
            (heading, [HeatFigure(pictures[n], captions[n]) for n in numbers.tolist()])
            for heading, numbers in sections
        ]
        self._write(model.run, heat_page(f"Heat maps of {model.run}", _words(hottest), figures))
        table = pd.DataFrame(
            {
                "id": rows["id"].numpy()[shown],
                "prediction": scores[shown],
                "target": is_defect[shown],
                "picture": [pictures[number] for number in shown.tolist()],
            }
        )
        return Evaluation({"shown": float(len(shown))}, {"heat_maps": table})

    def _sections(
        self, scores: np.ndarray, is_defect: np.ndarray, classes: tuple[str, ...]
    ) -> list[tuple[str, np.ndarray]]:
        """Headings, each with the rows to show, the most striking first."""
        falling, is_alarm = np.argsort(-scores, kind="stable"), scores > ALARM
        rising = falling[::-1]
        missed = rising[is_defect[rising] & ~is_alarm[rising]]
        false = falling[~is_defect[falling] & is_alarm[falling]]
        (good, other), few = classes, self.count
        return [
            ("Highest scores", falling[:few]),
            (f"Missed: {other} without an alarm", missed[:few]),
            (f"False alarms: {good} with an alarm", false[:few]),
        ]

    def _captions(
        self, model: EvaluatedModel, shown: np.ndarray, scores: np.ndarray, is_defect: np.ndarray
    ) -> dict[int, str]:
        """What stands below a picture: its file where it has one, its class and its score."""
        captions = {}
        for number in shown.tolist():
            cells = model.inputs.inputs.iloc[number].tolist()
            files = [Path(cell).name for cell in cells if isinstance(cell, str)]
            name = files[0] if files else f"row {int(model.rows['id'][number])}"
            kind = model.spec.classes[int(is_defect[number])]
            captions[number] = f"{name}: {kind}, score {scores[number]:.3g}"
        return captions

    def _write(self, run: str, page: str) -> None:
        path = self.folder / f"{run}.html"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_text(page, encoding="utf-8")
        except OSError as e:
            raise LeptonError(f"evaluation.heat_maps.folder: cannot write {path} ({e})") from None
        log.info("heat maps: %s", path)


def _words(hottest: float) -> str:
    return (
        "Scores are over the limit: above 1 an alarm is raised. The brightest places of all maps "
        f"are {hottest:.3g} times as far from good parts as the limit."
    )
