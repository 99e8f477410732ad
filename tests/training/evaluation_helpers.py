"""Lines and motions made by hand for the evaluation's tests; no voice and no teacher needed."""

import numpy as np

from mien.models.motion.types import ARKIT_INDEX, COEFFICIENTS, FRAME_RATE_HZ, Motion
from training.evaluation.lines import Line
from training.speech.phones import Segment

JAW, CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]


def phones(*spans, start_s=0.0):
    """`phones(("sil", .3), ("p", .1))`: visemes one after another with their lengths."""
    out = []
    for viseme, length_s in spans:
        out.append(Segment(start_s, start_s + length_s, viseme))
        start_s += length_s
    return out


SENTENCE = phones(
    ("sil", 0.4), ("m", 0.12), ("aa", 0.2), ("p", 0.12), ("iy", 0.16), ("s", 0.12), ("oh", 0.2),
    ("f", 0.12), ("ah", 0.2), ("p", 0.12), ("uw", 0.2), ("n", 0.12), ("aa", 0.24), ("sil", 0.4),
)  # fmt: skip


def motion(frames, jaw=0.0, **coefficients):
    """Motion with a still head; numbers or curves [frames] by coefficient name."""
    dynamics = np.zeros((frames, COEFFICIENTS), np.float32)
    dynamics[:, JAW] = jaw
    for name, values in coefficients.items():
        dynamics[:, ARKIT_INDEX[name]] = values
    return Motion(dynamics, np.zeros((frames, 6), np.float32))


def perfect(segments, delay_s=0.0):
    """A mouth open in speech and shut on p, b, m, at their very times or some time later."""
    frames = round(segments[-1].end_s * FRAME_RATE_HZ)
    times_s = np.arange(frames) / FRAME_RATE_HZ - delay_s
    jaw = np.zeros(frames)
    for segment in segments:
        inside = (times_s >= segment.start_s) & (times_s < segment.end_s)
        if segment.viseme not in ("sil", "p", "m"):
            jaw[inside] = 0.35 + 0.15 * np.sin(40 * segment.start_s)
    return motion(frames, jaw)


def made_by_hand():
    """A silent line with the phones of SENTENCE."""
    audio = np.zeros(round(SENTENCE[-1].end_s * 16_000), np.float32)
    return Line("by hand", "nobody", audio, tuple(SENTENCE))
