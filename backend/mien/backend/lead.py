"""How far a line is performed ahead of its sound.

Knows how a lead grows (frames come up to twice as fast while the sound for them is there), what it
is good for (trouble eats it up before anything is missed), and that it must be waited out when the
line is over. Refuses to know lines and frames.
"""

from __future__ import annotations

from mien.backend.config import FRAME_US

_GAIN_US = FRAME_US // 2  # at most, with a frame


class Lead:
    """One actor's, in microseconds."""

    def __init__(self) -> None:
        self.us = 0
        self._wanted_us = 0

    def want(self, us: int) -> None:
        """As much as the next line wishes and its ring has room for."""
        self._wanted_us = max(us, 0)

    def gain(self) -> int:
        """By how much sooner the next frame may be made."""
        gained = min(_GAIN_US, max(self._wanted_us - self.us, 0))
        self.us += gained
        return gained

    @property
    def wanting(self) -> bool:
        """Whether there could be more of it."""
        return self.us < self._wanted_us

    def use(self, us: int) -> int:
        """Trouble that costs `us`: returns what of it the lead takes upon itself."""
        used = min(self.us, us)
        self.us -= used
        return used

    def end(self) -> int:
        """The line is over: what must be waited out."""
        left, self.us, self._wanted_us = self.us, 0, 0
        return left
