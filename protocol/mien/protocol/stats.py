"""How the daemon and its actors are doing, as numbers a person can use."""

from __future__ import annotations

from dataclasses import dataclass

from mien.protocol import control_pb2 as pb

RING_NAMES = {
    pb.RING_KIND_UNSPECIFIED: "none",
    pb.RING_KIND_POSIX: "posix",
    pb.RING_KIND_NAMED_MAPPING: "named-mapping",
    pb.RING_KIND_CUDA_IPC: "cuda-ipc",
    pb.RING_KIND_EXTERNAL: "external",
}


def rung_name(rung: pb.Rung) -> str:
    """full, fewer_steps, lower_rate, smaller, motion_only, held; in the order of giving way."""
    known = rung in pb.Rung.values()
    return pb.Rung.Name(rung).removeprefix("RUNG_").lower() if known else str(rung)


@dataclass(frozen=True)
class ActorStats:
    """One actor. Latency is from the time a frame was due until it was in the ring."""

    actor_id: int
    character_name: str
    client_name: str
    fps: float  # over the last second
    frames: int
    dropped_frames: int
    deadline_misses: int
    latency_p50_ms: float
    latency_p95_ms: float
    ring_kind: str
    state_bytes: int
    line_id: int  # 0: idle
    buffered_audio_us: int
    rung: str  # how far its quality was taken down: `rung_name`
    size_px: int  # of its pictures now
    wanted_size_px: int
    wanted_fps: float
    allotted_fps: float  # as planned; 0: no pictures
    steps: int  # of denoising
    priority: int
    visible: bool
    degradations: int  # rungs taken down
    recoveries: int  # and up again
    lead_us: int  # how far ahead of its sound the line is performed
    ring_bytes: int  # shared memory of its pictures, not in `state_bytes`
    ring_reason: str  # why the ring is of its kind


@dataclass(frozen=True)
class Budget:
    """What the daemon may take of the machine."""

    cpu_fraction: float  # of all cores
    gpu_ms_per_frame: float | None  # None: no limit was set
    game_fps: float


@dataclass(frozen=True)
class StageCost:
    """What one thing costs on the daemon's machine, as measured."""

    stage: str  # motion, decode
    batch: int  # actors together (motion)
    steps: int  # of denoising (motion)
    size_px: int  # of the picture (decode)
    ms: float  # processor time of one block or frame; a frame's on the GPU where that draws


@dataclass(frozen=True)
class StageStats:
    """What the stage may take, what it takes, and what it gave up."""

    cpu_budget: float  # of all cores
    cpu_spent: float  # of all cores, over the last second
    gpu_budget_ms: float  # of a game's frame; 0: no GPU, or no budget
    gpu_spent_ms: float  # of a game's frame, on pictures; 0: the processor draws
    planned: float  # of the budget, by what things cost; of the fuller one
    degradations: int
    recoveries: int
    refused_spawns: int
    costs: tuple[StageCost, ...]
    cores: int


@dataclass(frozen=True)
class MotionStats:
    """What moves all faces, and whether it keeps up."""

    source: str  # diffusion, signal
    runtime: str  # empty without a network
    steps: int  # of denoising, now; 0 where there is nothing to denoise
    full_steps: int  # when there is time enough
    step_drops: int  # how often fewer steps had to do
    reduced_blocks: int  # made with fewer than `full_steps`
    late_blocks: int  # ready too late for their frame
    batch_p50_ms: float  # one step of all actors that were due together
    batch_p95_ms: float


@dataclass(frozen=True)
class Stats:
    """The whole stage."""

    uptime_us: int
    actors: tuple[ActorStats, ...]
    cpu_fraction: float  # of one core, over the last second
    memory_bytes: int
    sessions: int
    characters: int
    motion: MotionStats
    stage: StageStats


def stats_of(reply: pb.StatsReply) -> Stats:
    """From the wire."""
    return Stats(
        uptime_us=reply.uptime_us,
        actors=tuple(_actor(actor) for actor in reply.actors),
        cpu_fraction=reply.cpu_fraction,
        memory_bytes=reply.memory_bytes,
        sessions=reply.sessions,
        characters=reply.characters,
        motion=_motion(reply.motion),
        stage=_stage(reply.stage),
    )


def _stage(stage: pb.StageStats) -> StageStats:
    return StageStats(
        cpu_budget=stage.cpu_budget,
        cpu_spent=stage.cpu_spent,
        gpu_budget_ms=stage.gpu_budget_ms,
        gpu_spent_ms=stage.gpu_spent_ms,
        planned=stage.planned,
        degradations=stage.degradations,
        recoveries=stage.recoveries,
        refused_spawns=stage.refused_spawns,
        costs=tuple(StageCost(c.stage, c.batch, c.steps, c.size_px, c.ms) for c in stage.costs),
        cores=stage.cores,
    )


def _motion(motion: pb.MotionStats) -> MotionStats:
    return MotionStats(
        source=motion.source,
        runtime=motion.runtime,
        steps=motion.steps,
        full_steps=motion.full_steps,
        step_drops=motion.step_drops,
        reduced_blocks=motion.reduced_blocks,
        late_blocks=motion.late_blocks,
        batch_p50_ms=motion.batch_p50_ms,
        batch_p95_ms=motion.batch_p95_ms,
    )


def _actor(actor: pb.ActorStats) -> ActorStats:
    return ActorStats(
        actor_id=actor.actor_id,
        character_name=actor.character_name,
        client_name=actor.client_name,
        fps=actor.fps,
        frames=actor.frames,
        dropped_frames=actor.dropped_frames,
        deadline_misses=actor.deadline_misses,
        latency_p50_ms=actor.latency_p50_ms,
        latency_p95_ms=actor.latency_p95_ms,
        ring_kind=RING_NAMES.get(actor.ring_kind, str(actor.ring_kind)),
        state_bytes=actor.state_bytes,
        line_id=actor.line_id,
        buffered_audio_us=actor.buffered_audio_us,
        rung=rung_name(actor.rung),
        size_px=actor.size_px,
        wanted_size_px=actor.wanted_size_px,
        wanted_fps=actor.wanted_fps,
        allotted_fps=actor.allotted_fps,
        steps=actor.steps,
        priority=actor.priority,
        visible=not actor.hidden,
        degradations=actor.degradations,
        recoveries=actor.recoveries,
        lead_us=actor.lead_us,
        ring_bytes=actor.ring_bytes,
        ring_reason=actor.ring_reason,
    )
