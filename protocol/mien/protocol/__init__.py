"""How clients and the daemon talk: the client, and the codec of both planes and of the ring.

What is named here is the public surface; modules below it (`wire`, `control`, `ring`, `rundir`,
`shm`) are for those who implement the protocol. Importing this needs neither torch nor the daemon;
ZeroMQ is imported when a client connects, NumPy when a ring is read.
"""

from mien.protocol.actor import ActorHandle
from mien.protocol.client import CharacterRef, Client
from mien.protocol.cues import EMOTIONS, Cue
from mien.protocol.detail import Detail
from mien.protocol.errors import (
    ActorLostError,
    AudioError,
    CharacterFileInvalidError,
    ClosedError,
    ConnectionLostError,
    DaemonNotRunningError,
    EnrolmentFailedError,
    ErrorCode,
    Face,
    GpuLostError,
    GpuMemoryFullError,
    GpuMismatchError,
    InternalError,
    InvalidArgumentError,
    MienError,
    NotFoundError,
    NotOwnerError,
    RequestTimeoutError,
    ResourceExhaustedError,
    RingError,
    RunDirectoryError,
    SharedMemoryFullError,
    StageFullError,
    TooLargeError,
    UnknownSessionError,
    UnsupportedVersionError,
    WireError,
)
from mien.protocol.frames import Curves, DeviceFrame, Frame
from mien.protocol.limits import PROTOCOL_VERSION
from mien.protocol.line import LineHandle
from mien.protocol.states import ActorState, LineState, LinkState
from mien.protocol.stats import ActorStats, Budget, MotionStats, StageCost, StageStats, Stats
from mien.protocol.wire import FrameFlag

__all__ = [
    "EMOTIONS",
    "PROTOCOL_VERSION",
    "ActorHandle",
    "ActorLostError",
    "ActorState",
    "ActorStats",
    "AudioError",
    "Budget",
    "CharacterFileInvalidError",
    "CharacterRef",
    "Client",
    "ClosedError",
    "ConnectionLostError",
    "Cue",
    "Curves",
    "DaemonNotRunningError",
    "Detail",
    "DeviceFrame",
    "EnrolmentFailedError",
    "ErrorCode",
    "Face",
    "Frame",
    "FrameFlag",
    "GpuLostError",
    "GpuMemoryFullError",
    "GpuMismatchError",
    "InternalError",
    "InvalidArgumentError",
    "LineHandle",
    "LineState",
    "LinkState",
    "MienError",
    "MotionStats",
    "NotFoundError",
    "NotOwnerError",
    "RequestTimeoutError",
    "ResourceExhaustedError",
    "RingError",
    "RunDirectoryError",
    "SharedMemoryFullError",
    "StageCost",
    "StageFullError",
    "StageStats",
    "Stats",
    "TooLargeError",
    "UnknownSessionError",
    "UnsupportedVersionError",
    "WireError",
]
