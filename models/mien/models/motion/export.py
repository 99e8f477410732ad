"""A take as a file for others: CSV as Live Link Face writes it, and JSON that loses nothing.

Knows both forms. Refuses to know how the take was made: what produced it comes as a `TakeSource`.

The CSV has the columns of Epic's Live Link Face app for iPhone, which Unreal, Maya, MotionBuilder
and Blender read: a time code of hours, minutes, seconds and sixtieths of a second (with three
decimals of a sixtieth), the number of values, 52 ARKit coefficients (jaw and mouth right before
left, as the app has it), then head and eyes as angles in radians. In the app's recordings eyes that
look toward the subject's left have negative yaw, and eyes that look down positive pitch; head and
rolls are taken to follow the same handedness. The head's translation has no column there.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mien.models.motion.gaze import EYE_RANGE_RAD
from mien.models.motion.lanes import F64
from mien.models.motion.types import (
    ARKIT_INDEX,
    ARKIT_NAMES,
    COEFFICIENTS,
    F32,
    FRAME_RATE_HZ,
    Motion,
)

TIMECODE_HZ = 60  # what the app counts frames in, whatever rate rows come at
EXPORT_RATES_HZ = (1.0, 240.0)
FORMAT, FORMAT_VERSION = "mien-take", 1
MAX_TAKE_BYTES = 512 * 1024 * 1024
MAX_POSE = 10.0  # radians, head widths

_RIGHT_FIRST = {"jawLeft": "jawRight", "mouthLeft": "mouthRight"}
_SWAPPED = {**_RIGHT_FIRST, **{right: left for left, right in _RIGHT_FIRST.items()}}
_CSV_NAMES = tuple(_SWAPPED.get(name, name) for name in ARKIT_NAMES)
_CSV_ORDER = np.array([ARKIT_INDEX[name] for name in _CSV_NAMES])
ANGLES = (
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll",
    "RightEyeYaw", "RightEyePitch", "RightEyeRoll",
)  # fmt: skip
_EYE_NAMES = tuple(name for name in ARKIT_NAMES if name.startswith("eyeLook"))
LIVE_LINK_COLUMNS = (
    "Timecode",
    "BlendShapeCount",
    *(name[0].upper() + name[1:] for name in _CSV_NAMES),
    *ANGLES,
)


class TakeError(ValueError):
    """A take that cannot be read or written; the message says why."""


@dataclass(frozen=True)
class TakeSource:
    """What produced a take; the same again gives the same motion."""

    mien: str = ""  # version
    character: str = ""
    line: str = ""  # name of the sound's file
    seed: int = 0
    motion: str = ""  # source: diffusion, signal
    runtime: str = ""
    steps: int | None = None  # of denoising
    guidance: dict[str, float] = field(default_factory=dict)
    cues: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Take:
    """Motion and what produced it."""

    motion: Motion
    source: TakeSource
    frame_rate_hz: float = FRAME_RATE_HZ


def resample(motion: Motion, rate_hz: float) -> Motion:
    """Return the motion at `rate_hz`, interpolated linearly; held after its last frame.

    As long as before: [T] frames become ceil(T * rate_hz / 25). Raises TakeError for a rate
    outside EXPORT_RATES_HZ.
    """
    low, high = EXPORT_RATES_HZ
    if not low <= rate_hz <= high:
        raise TakeError(f"frames a second must be {low:g} to {high:g}, not {rate_hz:g}")
    if rate_hz == FRAME_RATE_HZ or len(motion) == 0:
        return motion
    count = int(np.ceil(len(motion) * rate_hz / FRAME_RATE_HZ - 1e-9))
    at = np.minimum(np.arange(count) * (FRAME_RATE_HZ / rate_hz), len(motion) - 1)
    first = np.floor(at).astype(np.intp)
    second = np.minimum(first + 1, len(motion) - 1)
    part = (at - first).astype(np.float32)[:, None]

    def between(values: F32) -> F32:
        return np.asarray((1 - part) * values[first] + part * values[second], np.float32)

    return Motion(between(motion.dynamics), between(motion.pose))


def timecode(time_us: int) -> str:
    """Return HH:MM:SS:FF.fff, where FF counts sixtieths of a second."""
    thousandths = round(time_us * TIMECODE_HZ / 1000)  # of a sixtieth
    seconds, rest = divmod(thousandths, 1000 * TIMECODE_HZ)
    frames, decimals = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours % 24:02d}:{minute:02d}:{second:02d}:{frames:02d}.{decimals:03d}"


def head_angles(pose: F32) -> F32:
    """Return yaw, pitch, roll [T, 3] in radians, as the app has them, of pose [T, 6].

    The rotation is yaw after pitch after roll, about the subject's own axes.
    """
    vector = pose[:, :3].astype(np.float64)
    angle = np.linalg.norm(vector, axis=1)
    x, y, z = (vector / np.maximum(angle, 1e-12)[:, None]).T
    s, c = np.sin(angle), np.cos(angle)
    # The elements of Rodrigues' matrix that the angles of R = Ry Rx Rz need.
    r02, r22 = x * z * (1 - c) + y * s, c + z * z * (1 - c)
    r12 = y * z * (1 - c) - x * s
    r10, r11 = x * y * (1 - c) + z * s, c + y * y * (1 - c)
    yaw = np.arctan2(r02, r22)
    pitch = np.arcsin(np.clip(-r12, -1.0, 1.0))
    roll = np.arctan2(r10, r11)
    return np.asarray(np.stack([-yaw, pitch, -roll], axis=1), np.float32)


def eye_angles(dynamics: F32) -> F32:
    """Return yaw, pitch, roll of left and right eye in the head, [T, 6] radians as in the app.

    From the eyeLook coefficients, by the inverse of `eye_weights`; eyes do not roll.
    """
    weights = {name: dynamics[:, ARKIT_INDEX[name]].astype(np.float64) for name in _EYE_NAMES}
    columns = []
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        left = sign * (weights[f"eyeLookOut{side}"] - weights[f"eyeLookIn{side}"])
        up = weights[f"eyeLookUp{side}"] - weights[f"eyeLookDown{side}"]
        up_range = np.where(up > 0, EYE_RANGE_RAD[2], EYE_RANGE_RAD[3])
        columns += [-_turn(left, 0.95) * EYE_RANGE_RAD[0], -_turn(up, 0.9) * up_range]
        columns.append(np.zeros(len(dynamics)))
    return np.asarray(np.stack(columns, axis=1), np.float32)


def _turn(weight: F64, most: float) -> F64:
    """A coefficient -1..1 back to the share of its range, where it was bent by tanh."""
    return np.asarray(most * np.arctanh(np.clip(weight / most, -0.999, 0.999)))


def live_link_csv(motion: Motion, rate_hz: float = FRAME_RATE_HZ) -> str:
    """Return the take as Live Link Face's CSV, a row a frame at `rate_hz`, from 00:00:00:00.000."""
    shown = resample(motion, rate_hz)
    values = np.concatenate(
        [shown.dynamics[:, _CSV_ORDER], head_angles(shown.pose), eye_angles(shown.dynamics)], axis=1
    )
    count = str(values.shape[1])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LIVE_LINK_COLUMNS)
    for i, row in enumerate(values + 0.0):  # no minus before a zero
        time = timecode(_frame_us(i, rate_hz))
        writer.writerow([time, count, *(f"{value:.10f}" for value in row.tolist())])
    return text.getvalue()


def take_json(take: Take) -> str:
    """Return the take as JSON: units, what produced it, and frames that read back bit for bit."""
    document = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "produced_by": asdict(take.source),
        "frame_rate_hz": take.frame_rate_hz,
        "units": {
            "pts_us": "microseconds on the line's own sound",
            "dynamics": "0..1, in the order of names",
            "pose": "rotation vector x, y, z in radians, translation x, y, z in head widths; "
            "relative to the portrait; +x the subject's left, +y up, +z toward the camera",
        },
        "names": list(ARKIT_NAMES),
    }
    head = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    rows = ",\n".join(
        f'  {{"pts_us": {_frame_us(i, take.frame_rate_hz)}, "dynamics": {_row(dynamics)}, '
        f'"pose": {_row(pose)}}}'
        for i, (dynamics, pose) in enumerate(
            zip(take.motion.dynamics, take.motion.pose, strict=True)
        )
    )
    return f'{head[:-2]},\n "frames": [\n{rows}\n ]\n}}\n'


def read_take(data: bytes | str) -> Take:
    """Return the take that `take_json` wrote. Raises TakeError."""
    if len(data) > MAX_TAKE_BYTES:
        raise TakeError("the take is larger than 512 MiB")
    try:
        document = json.loads(data)
        if document["format"] != FORMAT or document["version"] != FORMAT_VERSION:
            raise TakeError(f"this is {document['format']} {document['version']}, not a mien take")
        if document["names"] != list(ARKIT_NAMES):
            raise TakeError("the take's coefficients are not ARKit's 52 in mien's order")
        frames = document["frames"]
        dynamics = np.array([frame["dynamics"] for frame in frames], np.float32)
        pose = np.array([frame["pose"] for frame in frames], np.float32)
        source = document["produced_by"]
        source["cues"] = tuple(source["cues"])
        motion = Motion(dynamics.reshape(-1, COEFFICIENTS), pose.reshape(-1, 6))
        _check_ranges(motion)
        return Take(motion, TakeSource(**source), float(document["frame_rate_hz"]))
    except TakeError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise TakeError(f"this is not a take as mien writes it ({error})") from error


def _check_ranges(motion: Motion) -> None:
    """Raises TakeError for what no generator makes; also for what is not a number."""
    if not ((motion.dynamics >= 0) & (motion.dynamics <= 1)).all():
        raise TakeError("a coefficient of the take is not within 0 to 1")
    if not (np.abs(motion.pose) <= MAX_POSE).all():
        raise TakeError(f"a pose of the take is not within -{MAX_POSE} to {MAX_POSE}")


def _frame_us(index: int, rate_hz: float) -> int:
    return round(index * 1e6 / rate_hz)


def _row(values: F32) -> str:
    """Nine digits hold a float32 exactly."""
    return f"[{', '.join(format(value + 0.0, '.9g') for value in values.tolist())}]"
