"""Tasks: what a model learns from its logits, what these predict, and how that is scored."""

from lepton.task.base import Task
from lepton.task.choice import TASKS, task_for

__all__ = ["TASKS", "Task", "task_for"]
