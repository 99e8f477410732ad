"""Does the model speak, look and feel as asked? Figures, a table and a picture.

Knows held-out lines, the teacher to compare with, and what a player sees. Refuses to train.
"""

from training.evaluation.lines import Line, MaterialError
from training.evaluation.monitoring import picture, quick

__all__ = ["Line", "MaterialError", "picture", "quick"]
