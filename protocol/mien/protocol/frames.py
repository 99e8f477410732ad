"""A frame as the client sees it. Knows what belongs to a picture; refuses to know where it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mien.protocol.wire import FrameFlag

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of an actor, copied out of the ring.

    `stale` says that nobody makes new ones at present: the daemon is gone or the ring was closed,
    and this is the last good frame.
    """

    pixels: NDArray[np.uint8]  # [H, W, 4] RGBA, straight alpha, sRGB; H and W may vary by frame
    frame_id: int  # 1, 2, 3, ... within the ring
    line_id: int  # 0: idle
    pts_us: int  # on the line's audio clock; on the actor's clock when idle
    flags: FrameFlag
    written_us: int  # when it was complete, on this machine's monotonic clock
    stale: bool = False

    @property
    def speaking(self) -> bool:
        """Whether the frame belongs to speech."""
        return bool(self.flags & FrameFlag.SPEAKING)


@dataclass(frozen=True)
class DeviceFrame:
    """What is known of a picture that was copied on the GPU; its pixels are where they were wanted.

    `stale` as for `Frame`.
    """

    width_px: int
    height_px: int
    frame_id: int  # 1, 2, 3, ... within the ring
    line_id: int  # 0: idle
    pts_us: int
    flags: FrameFlag
    written_us: int
    stale: bool = False


@dataclass(frozen=True)
class Curves:
    """What moved a frame, as numbers."""

    frame_id: int  # 1, 2, 3, ... of the actor
    pts_us: int  # on the line's audio clock; on the actor's clock when idle
    data: bytes  # 58 × f32: 52 coefficients, rotation vector (rad), translation (head widths)
    line_id: int  # 0: idle
    flags: FrameFlag

    @property
    def dynamics(self) -> NDArray[np.float32]:
        """The coefficients [52] in the order of SPEC.md, 0..1."""
        return self._values()[:52]

    @property
    def pose(self) -> NDArray[np.float32]:
        """Rotation vector in radians and translation in head widths, [6]."""
        return self._values()[52:]

    def _values(self) -> NDArray[np.float32]:
        import numpy as np

        return np.frombuffer(self.data, "<f4").astype(np.float32)
