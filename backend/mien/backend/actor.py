"""One actor in performance: its clock, its lines, its trouble.

Knows when the next frame is due, which line speaks and which wait, when late audio becomes a gap,
and how an interruption ends a line. Refuses to know sockets, threads, lanes of others and pixels:
it turns time into `Shot`s, and the performance thread has them drawn. All methods are that
thread's; everything is driven by the `now_us` handed in, so that tests need no waiting.
"""

from __future__ import annotations

from collections import deque

from mien.backend.bearing import Bearing
from mien.backend.clock import ceil_to, round_to
from mien.backend.config import FRAME_US, PacingConfig
from mien.backend.cues import LineCues, StandingCues
from mien.backend.lead import Lead
from mien.backend.line import Line
from mien.backend.script import LineControls, Made, Meaning, Script
from mien.backend.shot import Happening, Shot
from mien.models.motion.limits import SOFTEN_FRAMES, PoseLimits
from mien.models.motion.types import F32, MotionGenerator
from mien.protocol.control_pb2 import Cue
from mien.protocol.errors import NotFoundError
from mien.protocol.wire import FrameFlag, LineEventKind

_LASTING = FrameFlag.LINE_END  # told with the next frame if one is dropped


class Actor:
    """Paces one actor. `start_us` is when its first frame is due."""

    def __init__(
        self,
        actor_id: int,
        generator: MotionGenerator,
        pacing: PacingConfig,
        seed: int,
        start_us: int,
        limits: PoseLimits,
    ) -> None:
        self.actor_id = actor_id
        self.seed = seed
        self.due_us = ceil_to(start_us, pacing.grid_us)
        self.happenings: list[Happening] = []
        self.dropped = 0
        self.reset_seed: int | None = None  # the lane wants a fresh start
        self.most_lead_us = 0  # that its ring has room for
        self._pacing = pacing
        self._standing = StandingCues()
        self._script = Script(generator, self._standing.at_frame)
        self._bearing = Bearing(limits)
        self._queue: deque[Line] = deque()
        self._cues: dict[int, LineCues] = {}
        self._said = 0  # frames shown of the line being spoken
        self._gap = False  # the line is in underrun
        self._graced = False
        self._aligned: int | None = None  # the waiting line whose start moved the tick
        self._frames = 0  # of the actor's clock
        self._last_us = self.due_us - FRAME_US
        self._wanted = 0
        self._now_us = start_us
        self._lead = Lead()
        self._lead_at_tick_us = 0
        self._free_us = 0  # until then the ring belongs to the line that was performed ahead
        self._shot: Shot | None = None
        self._carry = FrameFlag(0)
        self._closing = 0  # frames still to be shown of a mouth that closes
        self._still_until_us = 0  # no motion is made before (trouble)
        self._in_trouble = False

    # --- lines ------------------------------------------------------------------------------

    @property
    def line(self) -> Line | None:
        """The line being spoken."""
        return self._script.line

    @property
    def lines(self) -> list[Line]:
        """The line being spoken and those that wait."""
        return [*([self.line] if self.line else []), *self._queue]

    def say(self, line: Line) -> None:
        """Speaks `line` after those that are there already."""
        self._queue.append(line)
        self._cues[line.line_id] = LineCues(line.spec.start_pts_us, line.spec.cues)

    def cue(self, line_id: int, cue: Cue) -> None:
        """A cue for a line that is spoken or waits, or for now (0). Raises NotFoundError."""
        if line_id:
            if line_id not in self._cues:
                raise NotFoundError(f"actor {self.actor_id} has no line {line_id} to cue")
            self._cues[line_id].add(cue)
            return
        self._standing.add(cue, self.clock_us)
        if self.line is not None:  # what is wished for now outranks what the line had planned
            now_us = self.line.frame_pts_us(self._said)
            self._cues[self.line.line_id].add(cue, now_us + max(cue.pts_us, 0))

    @property
    def shown_due_us(self) -> int:
        """When the newest frame of this tick was due."""
        return self._last_us

    @property
    def could_go_on(self) -> bool:
        """Whether its next block can be made already: no line is about to begin or to run dry."""
        if self.line is None:
            return not self._queue
        return not self._script.starved and self._now_us >= self._still_until_us

    @property
    def lead_us(self) -> int:
        """How far ahead of its sound the line is performed."""
        return self._lead.us

    @property
    def clock_us(self) -> int:
        """The actor's own clock."""
        return self._frames * FRAME_US

    @property
    def clock_frame(self) -> int:
        """How many frames the actor's clock has counted."""
        return self._frames

    def interrupt(self, fade_us: int) -> tuple[int, int]:
        """Drops all lines; the mouth closes within `fade_us`. Returns (line, pts) of the spoken."""
        line, said = self.line, self._said
        for waiting in self._queue:
            self._drop(waiting, 0)
        self._queue.clear()
        if line is None:
            return 0, 0
        self._drop(line, said)
        self._lead.end()
        self._end_line()
        self._bearing.hush(fade_us)
        self._closing = SOFTEN_FRAMES
        return line.line_id, line.frame_pts_us(said)

    def _drop(self, line: Line, said: int) -> None:
        line.discard()
        self._cues.pop(line.line_id, None)
        self._tell(line, LineEventKind.INTERRUPTED, line.frame_pts_us(said))

    def _tell(self, line: Line, kind: LineEventKind, pts_us: int) -> None:
        self.happenings.append(Happening(line.line_id, kind, pts_us))

    # --- time -------------------------------------------------------------------------------

    def heard(self, now_us: int) -> None:
        """New audio came in. May bring the next frame forward, or put it off by a few ms."""
        if self._graced and not self._script.starved:
            self.due_us = min(self.due_us, now_us)
        if self.line is not None or not self._queue:
            return
        line = self._queue[0]
        begin_us = self._begin_us(line)
        if begin_us is None or self._aligned == line.line_id:
            return
        self._aligned = line.line_id
        earliest_us = max(begin_us, now_us, self._last_us + self._pacing.min_gap_us, self._free_us)
        self.due_us = ceil_to(earliest_us, self._pacing.grid_us)

    def _begin_us(self, line: Line) -> int | None:
        """From when on the line can be spoken; None while its first frame lacks audio."""
        needed = self._script.hops_to_begin
        ready = line.hops_ready(needed + 1)
        if ready > needed:
            return 0
        if ready < needed:
            return None
        arrival_us = line.arrival_us(needed - 1)
        return 0 if arrival_us is None else arrival_us + self._pacing.jitter_us

    def plan(self, now_us: int) -> None:
        """Decides how many frames this tick goes forward; more than one when it is late."""
        self._now_us = now_us
        if now_us < self.due_us or self._wait_for_audio():
            return
        self.due_us += self._lead.use(now_us - self.due_us)
        late = max(now_us - self.due_us, 0) // FRAME_US
        if self.line is None and late > 1:  # nothing is owed to an idling face
            self._frames += late - 1
            self.dropped += late - 1
            self.due_us += (late - 1) * FRAME_US
            late = 1
        self._wanted = 1 + min(late, self._pacing.max_catch_up_frames)
        self._last_us = self.due_us + (self._wanted - 1) * FRAME_US
        self._lead_at_tick_us = self._lead.us
        self.due_us += self._wanted * FRAME_US
        if self._lead.wanting and self._sound_ahead():
            self.due_us -= self._lead.gain()
        if self.line is None and not self._queue:
            # All idling actors tick together, so that one batch moves them all.
            self.due_us = round_to(self.due_us, FRAME_US)

    def _sound_ahead(self) -> bool:
        needed = self._script.hops_to_begin
        return self.line is not None and self.line.hops_ready(needed) >= needed

    def _wait_for_audio(self) -> bool:
        if not self._script.starved:
            self._graced = False
            return False
        if self._graced:
            return False
        if self._lead.us:
            self.due_us += self._lead.use(FRAME_US // 2)
            return True
        self._graced = True
        self.due_us += self._pacing.grace_us
        if self.line is not None:
            self.line.wait(True)
        return True

    # --- frames -----------------------------------------------------------------------------

    @property
    def script(self) -> Script:
        """What to feed the generator with."""
        return self._script

    def wants_block(self) -> bool:
        """Takes the frames that are made; whether the tick needs another block."""
        if self._now_us < self._still_until_us:
            self._stand_still()
        while self._wanted > 0:
            self._begin_line()
            made = self._script.pop()
            if made is None:
                return True
            self._take(made)
        return False

    def take_shot(self) -> Shot | None:
        """The newest frame of this tick."""
        shot, self._shot = self._shot, None
        return shot

    def lost(self, shot: Shot) -> None:
        """A shot that will not be drawn."""
        self.dropped += 1
        self._carry |= shot.flags & _LASTING
        self.happenings = [*shot.happenings, *self.happenings]

    def put_off(self, until_us: int) -> None:
        """Gives up this tick."""
        self.due_us, self._wanted, self._shot = until_us, 0, None

    def fail(self, retry_us: int) -> bool:
        """The generator failed: lines end, the last frame stands until `retry_us`. Is it news?"""
        news, self._in_trouble = not self._in_trouble, True
        self.interrupt(0)
        self._script.restart()
        self.reset_seed = self.seed
        self._still_until_us = retry_us
        self._bearing.join()
        self._stand_still()
        return news

    def _stand_still(self) -> None:
        self._frames += self._wanted
        if self._wanted:
            self._show(*self._bearing.shown, None, FrameFlag.HELD)
        self._wanted = 0

    def _begin_line(self) -> None:
        while self.line is None and self._queue:
            line = self._queue[0]
            begin_us = self._begin_us(line)
            if begin_us is None or begin_us > self._now_us:
                return
            self._queue.popleft()
            if line.total_frames == 0:
                self._tell(line, LineEventKind.STARTED, line.spec.start_pts_us)
                self._finish(line)
                continue
            self._script.begin(line, self._line_controls(line))
            self.reset_seed = line.spec.seed
            self._said, self._gap, self._graced, self._closing = 0, False, False, 0
            self._bearing.join()
            self._lead.want(min(line.spec.lead_us, self.most_lead_us))
            line.wait(False)
            self._tell(line, LineEventKind.STARTED, line.spec.start_pts_us)

    def _finish(self, line: Line) -> None:
        self._cues.pop(line.line_id, None)
        self._tell(line, LineEventKind.ENDED, line.end_pts_us)

    def _end_line(self) -> None:
        self._script.leave()
        self._bearing.join()
        self._gap = self._graced = False
        self.due_us += self._lead.end()  # the frames ahead are still to be shown
        self._free_us = self.due_us

    def _take(self, made: Made) -> None:
        self._wanted -= 1
        self._frames += 1
        self._in_trouble = False
        line, mark = self.line, made.mark
        if line is None:
            closing = FrameFlag.INTERRUPTED if self._closing > 0 else FrameFlag(0)
            self._closing -= 1
            self._move(made, None, FrameFlag.IDLE | closing)
            return
        speaking = mark.meaning is Meaning.SPEAKING and mark.line is line
        self._said += speaking
        over = line.total_frames is not None and self._said >= line.total_frames
        if not speaking and not self._gap and not over:
            self._tell(line, LineEventKind.UNDERRUN, line.frame_pts_us(self._said))
        self._gap = not speaking
        flags = FrameFlag.SPEAKING if speaking else FrameFlag.UNDERRUN
        if over:
            self._finish(line)
            flags |= FrameFlag.LINE_END
        self._move(made, line, flags)
        if over:
            self._end_line()

    def _move(self, made: Made, line: Line | None, flags: FrameFlag) -> None:
        dynamics, pose = self._bearing.bear(made.dynamics, made.pose)
        self._show(dynamics, pose, line, flags)

    def _line_controls(self, line: Line) -> LineControls:
        cues = self._cues[line.line_id]
        return lambda frame, clock_frame: cues.over(self._standing.at_frame(clock_frame), frame)

    def _show(self, dynamics: F32, pose: F32, line: Line | None, flags: FrameFlag) -> None:
        if self._shot is not None:
            self.lost(self._shot)
        due_us = self._last_us + self._lead_at_tick_us
        pts_us, heard_us = self.clock_us, due_us
        if line is not None:
            spoken = max(self._said - 1, 0)
            at = spoken if flags & FrameFlag.SPEAKING else self._said
            pts_us = line.frame_pts_us(at)
            heard_us = self._heard_us(line, spoken)
        flags |= self._carry
        self._carry = FrameFlag(0)
        line_id = line.line_id if line else 0
        told, self.happenings = tuple(self.happenings), []
        self._shot = Shot(
            dynamics, pose, line_id, pts_us, flags, due_us, heard_us, told, self._last_us
        )

    def _heard_us(self, line: Line, frame: int) -> int:
        arrival_us = line.arrival_us(self._script.last_hop(frame))
        due_us = self._last_us + self._lead_at_tick_us
        recent = arrival_us is not None and arrival_us > self._last_us - FRAME_US
        return arrival_us if recent and arrival_us is not None else due_us
