"""The section with the best setting of each data set, as a command and as YAML."""

from lepton.analysis.best_setting import best_setting
from lepton.analysis.score_metrics import directed
from lepton.errors import LeptonError
from lepton.report.blocks import Block, Code, Note, Section, Text
from lepton.report.dataset_runs import DatasetRuns


def best_setting_section(datasets: list[DatasetRuns], select: str) -> Section:
    """The best setting of each data set by the validation metric `select`."""
    blocks: list[Block] = []
    for dataset in datasets:
        blocks += _best_setting(dataset, dataset.ordered_by(select))
    return Section("The best setting", blocks)


def _best_setting(dataset: DatasetRuns, metric: str) -> list[Block]:
    try:
        setting = best_setting(dataset.runs, metric)
    except LeptonError as e:
        return [Note(str(e))]
    runs = f"{setting.runs} run{'s' if setting.runs > 1 else ''}"
    text = (
        f"Best{dataset.on_dataset} of {setting.candidates} finished runs looked at, by "
        f"{directed(metric, dataset.runs, setting.score)}, mean of {runs}. The "
        "best of many looks better on the validation split than it is."
    )
    return [
        Text(text),
        Code(f"makes {setting.run}", setting.command),
        Code(f"config.yaml of {setting.run}", setting.yaml, folded=True),
    ]
