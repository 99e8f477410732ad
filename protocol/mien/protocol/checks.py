"""Whether the values in a request make sense: ranges, finite numbers, lengths.

Knows what can be told from the message alone; used by the daemon on everything that arrives, and by
the client before it sends, so that a mistake is an error at the line that made it. Refuses to know
what exists (characters, actors, sessions).
"""

from __future__ import annotations

import math

from mien.protocol import control_pb2 as pb
from mien.protocol.control import RequestBody
from mien.protocol.detail import of_message
from mien.protocol.errors import InvalidArgumentError
from mien.protocol.limits import (
    MAX_CHANNELS,
    MAX_CUES_PER_LINE,
    MAX_FRAME_PX,
    MAX_GAME_FPS,
    MAX_GPU_MS,
    MAX_ID,
    MAX_LEAD_US,
    MAX_NAME_BYTES,
    MAX_PATH_BYTES,
    MAX_SAMPLE_RATE_HZ,
    MAX_SLOTS,
    MIN_CPU_FRACTION,
    MIN_FRAME_PX,
    MIN_GAME_FPS,
    MIN_GPU_MS,
    MIN_SAMPLE_RATE_HZ,
    MIN_SLOTS,
)

EMOTION_COUNT = 8
MAX_GAZE_RAD = math.pi / 2
MAX_HEAD_RAD = math.pi
MIN_DISTANCE, MAX_DISTANCE = 0.25, 4.0
MAX_FADE_MS = 10_000
SAMPLE_BYTES = {pb.SAMPLE_FORMAT_S16LE: 2, pb.SAMPLE_FORMAT_F32LE: 4}


def check_request(body: RequestBody) -> None:
    """Raises InvalidArgumentError, naming the field and what it may be."""
    if isinstance(body, pb.Say):
        _check_say(body)
    elif isinstance(body, pb.GiveCue):
        _check_actor(body.actor_id)
        _within("line_id", body.line_id, 0, MAX_ID)
        check_cue(body.cue)
    elif isinstance(body, pb.SpawnActor):
        _text("character_id", body.character_id, MAX_NAME_BYTES, required=True)
        _check_ring(body.ring)
        of_message(body.detail)
    elif isinstance(body, pb.LoadCharacter):
        _one_of(body, "source")
        _text("path", body.path, MAX_PATH_BYTES)
    elif isinstance(body, pb.Enroll):
        _check_enroll(body)
    elif isinstance(body, pb.Interrupt):
        _check_actor(body.actor_id)
        _within("fade_ms", body.fade_ms, 0, MAX_FADE_MS)
    elif isinstance(body, pb.Despawn):
        _check_actor(body.actor_id)
    elif isinstance(body, pb.SetBudget):
        _check_budget(body)
    elif isinstance(body, pb.Hello):
        _text("client_name", body.client_name, MAX_NAME_BYTES)


def check_cue(cue: pb.Cue) -> None:
    """Raises InvalidArgumentError unless every number of the cue is finite and in range."""
    _within("cue.pts_us", cue.pts_us, -MAX_ID, MAX_ID)
    _within("cue.duration_us", cue.duration_us, 0, MAX_ID)
    kind = cue.WhichOneof("control")
    if kind == "emotion":
        if len(cue.emotion.weights) != EMOTION_COUNT:
            raise InvalidArgumentError(
                f"an emotion has {EMOTION_COUNT} weights, not {len(cue.emotion.weights)}"
            )
        for weight in cue.emotion.weights:
            _within("emotion weight", weight, 0.0, 1.0)
        _within("emotion intensity", cue.emotion.intensity, 0.0, 1.0)
    elif kind == "gaze":
        _within("gaze theta_rad", cue.gaze.theta_rad, -MAX_GAZE_RAD, MAX_GAZE_RAD)
        _within("gaze phi_rad", cue.gaze.phi_rad, -MAX_GAZE_RAD, MAX_GAZE_RAD)
    elif kind == "distance":
        _within("distance", cue.distance, MIN_DISTANCE, MAX_DISTANCE)
    elif kind == "head":
        for angle in (cue.head.x_rad, cue.head.y_rad, cue.head.z_rad):
            _within("head angle", angle, -MAX_HEAD_RAD, MAX_HEAD_RAD)
    elif kind == "blink":
        _within("blink", cue.blink, 0.0, 1.0)
    else:
        raise InvalidArgumentError("a cue changes one thing: emotion, gaze, distance, head, blink")


def _check_say(say: pb.Say) -> None:
    _check_actor(say.actor_id)
    if say.HasField("line_id"):
        _within("line_id", say.line_id, 1, MAX_ID)
    _within("sample_rate_hz", say.sample_rate_hz, MIN_SAMPLE_RATE_HZ, MAX_SAMPLE_RATE_HZ)
    _within("channels", say.channels, 1, MAX_CHANNELS)
    if say.sample_format not in SAMPLE_BYTES:
        raise InvalidArgumentError("sample_format is S16LE or F32LE")
    _within("start_pts_us", say.start_pts_us, -(2**62), 2**62)
    _within("total_samples", say.total_samples, 0, MAX_ID)
    _within("lead_us", say.lead_us, 0, MAX_LEAD_US)
    _within("number of cues", len(say.cues), 0, MAX_CUES_PER_LINE)
    for cue in say.cues:
        check_cue(cue)


def _check_budget(body: pb.SetBudget) -> None:
    if body.HasField("cpu_fraction"):
        _within("cpu_fraction (of all cores)", body.cpu_fraction, MIN_CPU_FRACTION, 1.0)
    if body.HasField("gpu_ms_per_frame"):
        _within("gpu_ms_per_frame", body.gpu_ms_per_frame, MIN_GPU_MS, MAX_GPU_MS)
    if body.HasField("game_fps"):
        _within("game_fps", body.game_fps, MIN_GAME_FPS, MAX_GAME_FPS)


def _check_ring(ring: pb.RingPreferences) -> None:
    if ring.slots:
        _within("ring.slots", ring.slots, MIN_SLOTS, MAX_SLOTS)
    if ring.size_px:
        _within("ring.size_px", ring.size_px, MIN_FRAME_PX, MAX_FRAME_PX)
    _within("number of ring kinds", len(ring.kinds), 0, 16)


def _check_enroll(body: pb.Enroll) -> None:
    _one_of(body, "image")
    _text("path", body.path, MAX_PATH_BYTES)
    _text("output_path", body.output_path, MAX_PATH_BYTES)
    _text("name", body.name, MAX_NAME_BYTES)
    _text("consent", body.consent, 16 * MAX_NAME_BYTES)


def _check_actor(actor_id: int) -> None:
    if actor_id == 0:
        raise InvalidArgumentError("actor_id is missing")


def _within(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also refuses NaN
        raise InvalidArgumentError(f"{what} is {value}; it must be {low} to {high}")


def _text(what: str, value: str, max_bytes: int, *, required: bool = False) -> None:
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise InvalidArgumentError(f"{what} has {size} bytes; at most {max_bytes}")
    if "\0" in value:
        raise InvalidArgumentError(f"{what} holds a zero byte")
    if required and not value:
        raise InvalidArgumentError(f"{what} is missing")


def _one_of(body: pb.LoadCharacter | pb.Enroll, what: str) -> None:
    chosen = body.WhichOneof("source" if isinstance(body, pb.LoadCharacter) else "image")
    if chosen is None or not getattr(body, chosen):
        raise InvalidArgumentError(f"{what} is missing: give a path or the data")
