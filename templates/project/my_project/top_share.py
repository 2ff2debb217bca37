"""top_share: a metric of two classes."""

from lepton.metric.metric import for_tasks


@for_tasks("binary")
def top_share(prediction, target, *, rows: float):
    count = max(1, round(rows * len(prediction)))
    return target[prediction.topk(count).indices].double().mean()
