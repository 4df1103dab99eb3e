"""What is learned from: labels, the rows of the heads, and splits by time."""

from __future__ import annotations

from training.data.dataset import LEAST_DELIVERED, LEAST_LABELLED, TrainingData, build_training_data
from training.data.labels import LEAST_READ, build_labels
from training.data.splits import Split, split_by_time, split_of

__all__ = [
    "LEAST_DELIVERED",
    "LEAST_LABELLED",
    "LEAST_READ",
    "Split",
    "TrainingData",
    "build_labels",
    "build_training_data",
    "split_by_time",
    "split_of",
]
