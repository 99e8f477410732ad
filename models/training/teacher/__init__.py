"""The rule-based teacher: phones and sound to a performance, which the motion model learns from.

Knows how mouths articulate, heads nod and eyes rest. Refuses to know models, training and pixels.
"""

from training.teacher.controls import random_controls
from training.teacher.perform import Performance, teach
from training.teacher.style import NEUTRAL, PLAIN, Style, sample_style

__all__ = ["NEUTRAL", "PLAIN", "Performance", "Style", "random_controls", "sample_style", "teach"]
