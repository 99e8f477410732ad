"""How the daemon and its actors are doing, as numbers a person can use."""

from __future__ import annotations

from dataclasses import dataclass

from mien.protocol import control_pb2 as pb

RING_NAMES = {
    pb.RING_KIND_POSIX: "posix",
    pb.RING_KIND_NAMED_MAPPING: "named-mapping",
    pb.RING_KIND_CUDA_IPC: "cuda-ipc",
    pb.RING_KIND_EXTERNAL: "external",
}


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


@dataclass(frozen=True)
class Stats:
    """The whole stage."""

    uptime_us: int
    actors: tuple[ActorStats, ...]
    cpu_fraction: float  # of one core, over the last second
    memory_bytes: int
    sessions: int
    characters: int


def stats_of(reply: pb.StatsReply) -> Stats:
    """From the wire."""
    return Stats(
        uptime_us=reply.uptime_us,
        actors=tuple(_actor(actor) for actor in reply.actors),
        cpu_fraction=reply.cpu_fraction,
        memory_bytes=reply.memory_bytes,
        sessions=reply.sessions,
        characters=reply.characters,
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
    )
