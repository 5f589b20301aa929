"""The words of model files: kinds, tasks, names and limits, for whoever computes nothing with a model."""

from __future__ import annotations

from typing import Literal

ModelKind = Literal["linear", "trees", "network", "bag-of-words"]
Task = Literal["regression", "binary", "multiclass"]
InputKind = Literal["numeric", "category", "text"]

FILE_NAME = "model.safetensors"
MEDIA_TYPE = "application/vnd.safetensors"
MAX_FILE_BYTES = 256 * 2**20
