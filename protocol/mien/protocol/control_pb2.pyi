from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_CODE_UNSPECIFIED: _ClassVar[ErrorCode]
    ERROR_CODE_INVALID_ARGUMENT: _ClassVar[ErrorCode]
    ERROR_CODE_UNSUPPORTED_VERSION: _ClassVar[ErrorCode]
    ERROR_CODE_NOT_FOUND: _ClassVar[ErrorCode]
    ERROR_CODE_NOT_OWNER: _ClassVar[ErrorCode]
    ERROR_CODE_STAGE_FULL: _ClassVar[ErrorCode]
    ERROR_CODE_TOO_LARGE: _ClassVar[ErrorCode]
    ERROR_CODE_ENROLMENT: _ClassVar[ErrorCode]
    ERROR_CODE_CHARACTER_FILE: _ClassVar[ErrorCode]
    ERROR_CODE_RESOURCE_EXHAUSTED: _ClassVar[ErrorCode]
    ERROR_CODE_INTERNAL: _ClassVar[ErrorCode]
    ERROR_CODE_UNKNOWN_SESSION: _ClassVar[ErrorCode]

class RingKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RING_KIND_UNSPECIFIED: _ClassVar[RingKind]
    RING_KIND_POSIX: _ClassVar[RingKind]
    RING_KIND_NAMED_MAPPING: _ClassVar[RingKind]
    RING_KIND_CUDA_IPC: _ClassVar[RingKind]
    RING_KIND_EXTERNAL: _ClassVar[RingKind]

class SampleFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SAMPLE_FORMAT_UNSPECIFIED: _ClassVar[SampleFormat]
    SAMPLE_FORMAT_S16LE: _ClassVar[SampleFormat]
    SAMPLE_FORMAT_F32LE: _ClassVar[SampleFormat]

class Rung(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUNG_UNSPECIFIED: _ClassVar[Rung]
    RUNG_FULL: _ClassVar[Rung]
    RUNG_FEWER_STEPS: _ClassVar[Rung]
    RUNG_LOWER_RATE: _ClassVar[Rung]
    RUNG_SMALLER: _ClassVar[Rung]
    RUNG_MOTION_ONLY: _ClassVar[Rung]
    RUNG_HELD: _ClassVar[Rung]
ERROR_CODE_UNSPECIFIED: ErrorCode
ERROR_CODE_INVALID_ARGUMENT: ErrorCode
ERROR_CODE_UNSUPPORTED_VERSION: ErrorCode
ERROR_CODE_NOT_FOUND: ErrorCode
ERROR_CODE_NOT_OWNER: ErrorCode
ERROR_CODE_STAGE_FULL: ErrorCode
ERROR_CODE_TOO_LARGE: ErrorCode
ERROR_CODE_ENROLMENT: ErrorCode
ERROR_CODE_CHARACTER_FILE: ErrorCode
ERROR_CODE_RESOURCE_EXHAUSTED: ErrorCode
ERROR_CODE_INTERNAL: ErrorCode
ERROR_CODE_UNKNOWN_SESSION: ErrorCode
RING_KIND_UNSPECIFIED: RingKind
RING_KIND_POSIX: RingKind
RING_KIND_NAMED_MAPPING: RingKind
RING_KIND_CUDA_IPC: RingKind
RING_KIND_EXTERNAL: RingKind
SAMPLE_FORMAT_UNSPECIFIED: SampleFormat
SAMPLE_FORMAT_S16LE: SampleFormat
SAMPLE_FORMAT_F32LE: SampleFormat
RUNG_UNSPECIFIED: Rung
RUNG_FULL: Rung
RUNG_FEWER_STEPS: Rung
RUNG_LOWER_RATE: Rung
RUNG_SMALLER: Rung
RUNG_MOTION_ONLY: Rung
RUNG_HELD: Rung

class Request(_message.Message):
    __slots__ = ("id", "session", "hello", "load_character", "enroll", "spawn_actor", "say", "give_cue", "interrupt", "despawn", "stats", "heartbeat", "shutdown", "set_budget")
    ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    LOAD_CHARACTER_FIELD_NUMBER: _ClassVar[int]
    ENROLL_FIELD_NUMBER: _ClassVar[int]
    SPAWN_ACTOR_FIELD_NUMBER: _ClassVar[int]
    SAY_FIELD_NUMBER: _ClassVar[int]
    GIVE_CUE_FIELD_NUMBER: _ClassVar[int]
    INTERRUPT_FIELD_NUMBER: _ClassVar[int]
    DESPAWN_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    SHUTDOWN_FIELD_NUMBER: _ClassVar[int]
    SET_BUDGET_FIELD_NUMBER: _ClassVar[int]
    id: int
    session: bytes
    hello: Hello
    load_character: LoadCharacter
    enroll: Enroll
    spawn_actor: SpawnActor
    say: Say
    give_cue: GiveCue
    interrupt: Interrupt
    despawn: Despawn
    stats: Stats
    heartbeat: Heartbeat
    shutdown: Shutdown
    set_budget: SetBudget
    def __init__(self, id: _Optional[int] = ..., session: _Optional[bytes] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., load_character: _Optional[_Union[LoadCharacter, _Mapping]] = ..., enroll: _Optional[_Union[Enroll, _Mapping]] = ..., spawn_actor: _Optional[_Union[SpawnActor, _Mapping]] = ..., say: _Optional[_Union[Say, _Mapping]] = ..., give_cue: _Optional[_Union[GiveCue, _Mapping]] = ..., interrupt: _Optional[_Union[Interrupt, _Mapping]] = ..., despawn: _Optional[_Union[Despawn, _Mapping]] = ..., stats: _Optional[_Union[Stats, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., shutdown: _Optional[_Union[Shutdown, _Mapping]] = ..., set_budget: _Optional[_Union[SetBudget, _Mapping]] = ...) -> None: ...

class Reply(_message.Message):
    __slots__ = ("id", "error", "ack", "welcome", "character_loaded", "enrolled", "actor_spawned", "line_started", "interrupted", "stats_reply", "budget_set")
    ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_LOADED_FIELD_NUMBER: _ClassVar[int]
    ENROLLED_FIELD_NUMBER: _ClassVar[int]
    ACTOR_SPAWNED_FIELD_NUMBER: _ClassVar[int]
    LINE_STARTED_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    STATS_REPLY_FIELD_NUMBER: _ClassVar[int]
    BUDGET_SET_FIELD_NUMBER: _ClassVar[int]
    id: int
    error: Error
    ack: Ack
    welcome: Welcome
    character_loaded: CharacterLoaded
    enrolled: Enrolled
    actor_spawned: ActorSpawned
    line_started: LineStarted
    interrupted: Interrupted
    stats_reply: StatsReply
    budget_set: BudgetSet
    def __init__(self, id: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ..., character_loaded: _Optional[_Union[CharacterLoaded, _Mapping]] = ..., enrolled: _Optional[_Union[Enrolled, _Mapping]] = ..., actor_spawned: _Optional[_Union[ActorSpawned, _Mapping]] = ..., line_started: _Optional[_Union[LineStarted, _Mapping]] = ..., interrupted: _Optional[_Union[Interrupted, _Mapping]] = ..., stats_reply: _Optional[_Union[StatsReply, _Mapping]] = ..., budget_set: _Optional[_Union[BudgetSet, _Mapping]] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Error(_message.Message):
    __slots__ = ("code", "message", "enrolment_code", "faces", "min_protocol_version", "max_protocol_version")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ENROLMENT_CODE_FIELD_NUMBER: _ClassVar[int]
    FACES_FIELD_NUMBER: _ClassVar[int]
    MIN_PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    MAX_PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    code: ErrorCode
    message: str
    enrolment_code: str
    faces: _containers.RepeatedCompositeFieldContainer[Face]
    min_protocol_version: int
    max_protocol_version: int
    def __init__(self, code: _Optional[_Union[ErrorCode, str]] = ..., message: _Optional[str] = ..., enrolment_code: _Optional[str] = ..., faces: _Optional[_Iterable[_Union[Face, _Mapping]]] = ..., min_protocol_version: _Optional[int] = ..., max_protocol_version: _Optional[int] = ...) -> None: ...

class Face(_message.Message):
    __slots__ = ("index", "x_px", "y_px", "width_px", "height_px", "score")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    X_PX_FIELD_NUMBER: _ClassVar[int]
    Y_PX_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    index: int
    x_px: float
    y_px: float
    width_px: float
    height_px: float
    score: float
    def __init__(self, index: _Optional[int] = ..., x_px: _Optional[float] = ..., y_px: _Optional[float] = ..., width_px: _Optional[float] = ..., height_px: _Optional[float] = ..., score: _Optional[float] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol_version", "client_name", "capabilities", "pid")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    client_name: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    pid: int
    def __init__(self, protocol_version: _Optional[int] = ..., client_name: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., pid: _Optional[int] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("protocol_version", "server_id", "epoch", "session", "lease_ms", "limits", "capabilities", "gpu_uuid", "engine_profile", "ring_kinds")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVER_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    GPU_UUID_FIELD_NUMBER: _ClassVar[int]
    ENGINE_PROFILE_FIELD_NUMBER: _ClassVar[int]
    RING_KINDS_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    server_id: str
    epoch: int
    session: bytes
    lease_ms: int
    limits: Limits
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    gpu_uuid: str
    engine_profile: str
    ring_kinds: _containers.RepeatedScalarFieldContainer[RingKind]
    def __init__(self, protocol_version: _Optional[int] = ..., server_id: _Optional[str] = ..., epoch: _Optional[int] = ..., session: _Optional[bytes] = ..., lease_ms: _Optional[int] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., capabilities: _Optional[_Iterable[str]] = ..., gpu_uuid: _Optional[str] = ..., engine_profile: _Optional[str] = ..., ring_kinds: _Optional[_Iterable[_Union[RingKind, str]]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_control_bytes", "max_upload_bytes", "max_audio_chunk_bytes", "max_buffered_audio_us", "max_actors", "max_lines_per_actor", "max_ring_slots", "max_frame_px")
    MAX_CONTROL_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_UPLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_AUDIO_CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BUFFERED_AUDIO_US_FIELD_NUMBER: _ClassVar[int]
    MAX_ACTORS_FIELD_NUMBER: _ClassVar[int]
    MAX_LINES_PER_ACTOR_FIELD_NUMBER: _ClassVar[int]
    MAX_RING_SLOTS_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAME_PX_FIELD_NUMBER: _ClassVar[int]
    max_control_bytes: int
    max_upload_bytes: int
    max_audio_chunk_bytes: int
    max_buffered_audio_us: int
    max_actors: int
    max_lines_per_actor: int
    max_ring_slots: int
    max_frame_px: int
    def __init__(self, max_control_bytes: _Optional[int] = ..., max_upload_bytes: _Optional[int] = ..., max_audio_chunk_bytes: _Optional[int] = ..., max_buffered_audio_us: _Optional[int] = ..., max_actors: _Optional[int] = ..., max_lines_per_actor: _Optional[int] = ..., max_ring_slots: _Optional[int] = ..., max_frame_px: _Optional[int] = ...) -> None: ...

class LoadCharacter(_message.Message):
    __slots__ = ("path", "data")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    path: str
    data: bytes
    def __init__(self, path: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class CharacterLoaded(_message.Message):
    __slots__ = ("character_id", "name", "thumbnail_png", "sha256")
    CHARACTER_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_PNG_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    character_id: str
    name: str
    thumbnail_png: bytes
    sha256: bytes
    def __init__(self, character_id: _Optional[str] = ..., name: _Optional[str] = ..., thumbnail_png: _Optional[bytes] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class Enroll(_message.Message):
    __slots__ = ("path", "data", "face", "name", "consent", "output_path", "return_data")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    FACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_PATH_FIELD_NUMBER: _ClassVar[int]
    RETURN_DATA_FIELD_NUMBER: _ClassVar[int]
    path: str
    data: bytes
    face: int
    name: str
    consent: str
    output_path: str
    return_data: bool
    def __init__(self, path: _Optional[str] = ..., data: _Optional[bytes] = ..., face: _Optional[int] = ..., name: _Optional[str] = ..., consent: _Optional[str] = ..., output_path: _Optional[str] = ..., return_data: bool = ...) -> None: ...

class Enrolled(_message.Message):
    __slots__ = ("character_id", "name", "data", "sha256", "thumbnail_png")
    CHARACTER_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_PNG_FIELD_NUMBER: _ClassVar[int]
    character_id: str
    name: str
    data: bytes
    sha256: bytes
    thumbnail_png: bytes
    def __init__(self, character_id: _Optional[str] = ..., name: _Optional[str] = ..., data: _Optional[bytes] = ..., sha256: _Optional[bytes] = ..., thumbnail_png: _Optional[bytes] = ...) -> None: ...

class RingPreferences(_message.Message):
    __slots__ = ("kinds", "slots", "size_px")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    SIZE_PX_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[RingKind]
    slots: int
    size_px: int
    def __init__(self, kinds: _Optional[_Iterable[_Union[RingKind, str]]] = ..., slots: _Optional[int] = ..., size_px: _Optional[int] = ...) -> None: ...

class RingInfo(_message.Message):
    __slots__ = ("kind", "name", "slots", "width_px", "height_px", "epoch", "size_bytes", "cuda", "reason")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CUDA_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    kind: RingKind
    name: str
    slots: int
    width_px: int
    height_px: int
    epoch: int
    size_bytes: int
    cuda: CudaRing
    reason: str
    def __init__(self, kind: _Optional[_Union[RingKind, str]] = ..., name: _Optional[str] = ..., slots: _Optional[int] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., epoch: _Optional[int] = ..., size_bytes: _Optional[int] = ..., cuda: _Optional[_Union[CudaRing, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class CudaRing(_message.Message):
    __slots__ = ("memory_handle", "event_handles", "gpu_uuid", "generation", "slot_bytes", "grace_ms")
    MEMORY_HANDLE_FIELD_NUMBER: _ClassVar[int]
    EVENT_HANDLES_FIELD_NUMBER: _ClassVar[int]
    GPU_UUID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    SLOT_BYTES_FIELD_NUMBER: _ClassVar[int]
    GRACE_MS_FIELD_NUMBER: _ClassVar[int]
    memory_handle: bytes
    event_handles: _containers.RepeatedScalarFieldContainer[bytes]
    gpu_uuid: str
    generation: int
    slot_bytes: int
    grace_ms: int
    def __init__(self, memory_handle: _Optional[bytes] = ..., event_handles: _Optional[_Iterable[bytes]] = ..., gpu_uuid: _Optional[str] = ..., generation: _Optional[int] = ..., slot_bytes: _Optional[int] = ..., grace_ms: _Optional[int] = ...) -> None: ...

class SpawnActor(_message.Message):
    __slots__ = ("character_id", "ring", "seed", "curves", "no_frames", "detail")
    CHARACTER_ID_FIELD_NUMBER: _ClassVar[int]
    RING_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CURVES_FIELD_NUMBER: _ClassVar[int]
    NO_FRAMES_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    character_id: str
    ring: RingPreferences
    seed: int
    curves: bool
    no_frames: bool
    detail: Detail
    def __init__(self, character_id: _Optional[str] = ..., ring: _Optional[_Union[RingPreferences, _Mapping]] = ..., seed: _Optional[int] = ..., curves: bool = ..., no_frames: bool = ..., detail: _Optional[_Union[Detail, _Mapping]] = ...) -> None: ...

class Detail(_message.Message):
    __slots__ = ("size_px", "coverage", "fps", "priority", "hidden", "distance_m")
    SIZE_PX_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    FPS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_M_FIELD_NUMBER: _ClassVar[int]
    size_px: int
    coverage: float
    fps: float
    priority: int
    hidden: bool
    distance_m: float
    def __init__(self, size_px: _Optional[int] = ..., coverage: _Optional[float] = ..., fps: _Optional[float] = ..., priority: _Optional[int] = ..., hidden: bool = ..., distance_m: _Optional[float] = ...) -> None: ...

class ActorSpawned(_message.Message):
    __slots__ = ("actor_id", "ring")
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    RING_FIELD_NUMBER: _ClassVar[int]
    actor_id: int
    ring: RingInfo
    def __init__(self, actor_id: _Optional[int] = ..., ring: _Optional[_Union[RingInfo, _Mapping]] = ...) -> None: ...

class Say(_message.Message):
    __slots__ = ("actor_id", "line_id", "seed", "sample_rate_hz", "channels", "sample_format", "cues", "start_pts_us", "total_samples", "replace", "lead_us")
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    LINE_ID_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    CUES_FIELD_NUMBER: _ClassVar[int]
    START_PTS_US_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    LEAD_US_FIELD_NUMBER: _ClassVar[int]
    actor_id: int
    line_id: int
    seed: int
    sample_rate_hz: int
    channels: int
    sample_format: SampleFormat
    cues: _containers.RepeatedCompositeFieldContainer[Cue]
    start_pts_us: int
    total_samples: int
    replace: bool
    lead_us: int
    def __init__(self, actor_id: _Optional[int] = ..., line_id: _Optional[int] = ..., seed: _Optional[int] = ..., sample_rate_hz: _Optional[int] = ..., channels: _Optional[int] = ..., sample_format: _Optional[_Union[SampleFormat, str]] = ..., cues: _Optional[_Iterable[_Union[Cue, _Mapping]]] = ..., start_pts_us: _Optional[int] = ..., total_samples: _Optional[int] = ..., replace: bool = ..., lead_us: _Optional[int] = ...) -> None: ...

class LineStarted(_message.Message):
    __slots__ = ("line_id", "credit_bytes")
    LINE_ID_FIELD_NUMBER: _ClassVar[int]
    CREDIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    line_id: int
    credit_bytes: int
    def __init__(self, line_id: _Optional[int] = ..., credit_bytes: _Optional[int] = ...) -> None: ...

class Cue(_message.Message):
    __slots__ = ("pts_us", "duration_us", "emotion", "gaze", "distance", "head", "blink")
    PTS_US_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    EMOTION_FIELD_NUMBER: _ClassVar[int]
    GAZE_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    BLINK_FIELD_NUMBER: _ClassVar[int]
    pts_us: int
    duration_us: int
    emotion: Emotion
    gaze: Gaze
    distance: float
    head: HeadPose
    blink: float
    def __init__(self, pts_us: _Optional[int] = ..., duration_us: _Optional[int] = ..., emotion: _Optional[_Union[Emotion, _Mapping]] = ..., gaze: _Optional[_Union[Gaze, _Mapping]] = ..., distance: _Optional[float] = ..., head: _Optional[_Union[HeadPose, _Mapping]] = ..., blink: _Optional[float] = ...) -> None: ...

class Emotion(_message.Message):
    __slots__ = ("weights", "intensity")
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    INTENSITY_FIELD_NUMBER: _ClassVar[int]
    weights: _containers.RepeatedScalarFieldContainer[float]
    intensity: float
    def __init__(self, weights: _Optional[_Iterable[float]] = ..., intensity: _Optional[float] = ...) -> None: ...

class Gaze(_message.Message):
    __slots__ = ("theta_rad", "phi_rad")
    THETA_RAD_FIELD_NUMBER: _ClassVar[int]
    PHI_RAD_FIELD_NUMBER: _ClassVar[int]
    theta_rad: float
    phi_rad: float
    def __init__(self, theta_rad: _Optional[float] = ..., phi_rad: _Optional[float] = ...) -> None: ...

class HeadPose(_message.Message):
    __slots__ = ("x_rad", "y_rad", "z_rad")
    X_RAD_FIELD_NUMBER: _ClassVar[int]
    Y_RAD_FIELD_NUMBER: _ClassVar[int]
    Z_RAD_FIELD_NUMBER: _ClassVar[int]
    x_rad: float
    y_rad: float
    z_rad: float
    def __init__(self, x_rad: _Optional[float] = ..., y_rad: _Optional[float] = ..., z_rad: _Optional[float] = ...) -> None: ...

class GiveCue(_message.Message):
    __slots__ = ("actor_id", "line_id", "cue")
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    LINE_ID_FIELD_NUMBER: _ClassVar[int]
    CUE_FIELD_NUMBER: _ClassVar[int]
    actor_id: int
    line_id: int
    cue: Cue
    def __init__(self, actor_id: _Optional[int] = ..., line_id: _Optional[int] = ..., cue: _Optional[_Union[Cue, _Mapping]] = ...) -> None: ...

class Interrupt(_message.Message):
    __slots__ = ("actor_id", "fade_ms")
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    FADE_MS_FIELD_NUMBER: _ClassVar[int]
    actor_id: int
    fade_ms: int
    def __init__(self, actor_id: _Optional[int] = ..., fade_ms: _Optional[int] = ...) -> None: ...

class Interrupted(_message.Message):
    __slots__ = ("line_id", "pts_us")
    LINE_ID_FIELD_NUMBER: _ClassVar[int]
    PTS_US_FIELD_NUMBER: _ClassVar[int]
    line_id: int
    pts_us: int
    def __init__(self, line_id: _Optional[int] = ..., pts_us: _Optional[int] = ...) -> None: ...

class Despawn(_message.Message):
    __slots__ = ("actor_id",)
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    actor_id: int
    def __init__(self, actor_id: _Optional[int] = ...) -> None: ...

class Stats(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatsReply(_message.Message):
    __slots__ = ("uptime_us", "actors", "cpu_fraction", "memory_bytes", "sessions", "characters", "motion", "stage")
    UPTIME_US_FIELD_NUMBER: _ClassVar[int]
    ACTORS_FIELD_NUMBER: _ClassVar[int]
    CPU_FRACTION_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    MOTION_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    uptime_us: int
    actors: _containers.RepeatedCompositeFieldContainer[ActorStats]
    cpu_fraction: float
    memory_bytes: int
    sessions: int
    characters: int
    motion: MotionStats
    stage: StageStats
    def __init__(self, uptime_us: _Optional[int] = ..., actors: _Optional[_Iterable[_Union[ActorStats, _Mapping]]] = ..., cpu_fraction: _Optional[float] = ..., memory_bytes: _Optional[int] = ..., sessions: _Optional[int] = ..., characters: _Optional[int] = ..., motion: _Optional[_Union[MotionStats, _Mapping]] = ..., stage: _Optional[_Union[StageStats, _Mapping]] = ...) -> None: ...

class StageStats(_message.Message):
    __slots__ = ("cpu_budget", "cpu_spent", "gpu_budget_ms", "gpu_spent_ms", "planned", "degradations", "recoveries", "refused_spawns", "costs", "cores")
    CPU_BUDGET_FIELD_NUMBER: _ClassVar[int]
    CPU_SPENT_FIELD_NUMBER: _ClassVar[int]
    GPU_BUDGET_MS_FIELD_NUMBER: _ClassVar[int]
    GPU_SPENT_MS_FIELD_NUMBER: _ClassVar[int]
    PLANNED_FIELD_NUMBER: _ClassVar[int]
    DEGRADATIONS_FIELD_NUMBER: _ClassVar[int]
    RECOVERIES_FIELD_NUMBER: _ClassVar[int]
    REFUSED_SPAWNS_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    CORES_FIELD_NUMBER: _ClassVar[int]
    cpu_budget: float
    cpu_spent: float
    gpu_budget_ms: float
    gpu_spent_ms: float
    planned: float
    degradations: int
    recoveries: int
    refused_spawns: int
    costs: _containers.RepeatedCompositeFieldContainer[StageCost]
    cores: int
    def __init__(self, cpu_budget: _Optional[float] = ..., cpu_spent: _Optional[float] = ..., gpu_budget_ms: _Optional[float] = ..., gpu_spent_ms: _Optional[float] = ..., planned: _Optional[float] = ..., degradations: _Optional[int] = ..., recoveries: _Optional[int] = ..., refused_spawns: _Optional[int] = ..., costs: _Optional[_Iterable[_Union[StageCost, _Mapping]]] = ..., cores: _Optional[int] = ...) -> None: ...

class StageCost(_message.Message):
    __slots__ = ("stage", "batch", "steps", "size_px", "ms")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    SIZE_PX_FIELD_NUMBER: _ClassVar[int]
    MS_FIELD_NUMBER: _ClassVar[int]
    stage: str
    batch: int
    steps: int
    size_px: int
    ms: float
    def __init__(self, stage: _Optional[str] = ..., batch: _Optional[int] = ..., steps: _Optional[int] = ..., size_px: _Optional[int] = ..., ms: _Optional[float] = ...) -> None: ...

class MotionStats(_message.Message):
    __slots__ = ("source", "runtime", "steps", "full_steps", "step_drops", "reduced_blocks", "late_blocks", "batch_p50_ms", "batch_p95_ms")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    FULL_STEPS_FIELD_NUMBER: _ClassVar[int]
    STEP_DROPS_FIELD_NUMBER: _ClassVar[int]
    REDUCED_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    LATE_BLOCKS_FIELD_NUMBER: _ClassVar[int]
    BATCH_P50_MS_FIELD_NUMBER: _ClassVar[int]
    BATCH_P95_MS_FIELD_NUMBER: _ClassVar[int]
    source: str
    runtime: str
    steps: int
    full_steps: int
    step_drops: int
    reduced_blocks: int
    late_blocks: int
    batch_p50_ms: float
    batch_p95_ms: float
    def __init__(self, source: _Optional[str] = ..., runtime: _Optional[str] = ..., steps: _Optional[int] = ..., full_steps: _Optional[int] = ..., step_drops: _Optional[int] = ..., reduced_blocks: _Optional[int] = ..., late_blocks: _Optional[int] = ..., batch_p50_ms: _Optional[float] = ..., batch_p95_ms: _Optional[float] = ...) -> None: ...

class ActorStats(_message.Message):
    __slots__ = ("actor_id", "character_name", "client_name", "fps", "frames", "dropped_frames", "deadline_misses", "latency_p50_ms", "latency_p95_ms", "ring_kind", "state_bytes", "line_id", "buffered_audio_us", "rung", "size_px", "wanted_size_px", "wanted_fps", "allotted_fps", "steps", "priority", "hidden", "degradations", "recoveries", "lead_us", "ring_bytes", "ring_reason")
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_NAME_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    FPS_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FRAMES_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MISSES_FIELD_NUMBER: _ClassVar[int]
    LATENCY_P50_MS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_P95_MS_FIELD_NUMBER: _ClassVar[int]
    RING_KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LINE_ID_FIELD_NUMBER: _ClassVar[int]
    BUFFERED_AUDIO_US_FIELD_NUMBER: _ClassVar[int]
    RUNG_FIELD_NUMBER: _ClassVar[int]
    SIZE_PX_FIELD_NUMBER: _ClassVar[int]
    WANTED_SIZE_PX_FIELD_NUMBER: _ClassVar[int]
    WANTED_FPS_FIELD_NUMBER: _ClassVar[int]
    ALLOTTED_FPS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    DEGRADATIONS_FIELD_NUMBER: _ClassVar[int]
    RECOVERIES_FIELD_NUMBER: _ClassVar[int]
    LEAD_US_FIELD_NUMBER: _ClassVar[int]
    RING_BYTES_FIELD_NUMBER: _ClassVar[int]
    RING_REASON_FIELD_NUMBER: _ClassVar[int]
    actor_id: int
    character_name: str
    client_name: str
    fps: float
    frames: int
    dropped_frames: int
    deadline_misses: int
    latency_p50_ms: float
    latency_p95_ms: float
    ring_kind: RingKind
    state_bytes: int
    line_id: int
    buffered_audio_us: int
    rung: Rung
    size_px: int
    wanted_size_px: int
    wanted_fps: float
    allotted_fps: float
    steps: int
    priority: int
    hidden: bool
    degradations: int
    recoveries: int
    lead_us: int
    ring_bytes: int
    ring_reason: str
    def __init__(self, actor_id: _Optional[int] = ..., character_name: _Optional[str] = ..., client_name: _Optional[str] = ..., fps: _Optional[float] = ..., frames: _Optional[int] = ..., dropped_frames: _Optional[int] = ..., deadline_misses: _Optional[int] = ..., latency_p50_ms: _Optional[float] = ..., latency_p95_ms: _Optional[float] = ..., ring_kind: _Optional[_Union[RingKind, str]] = ..., state_bytes: _Optional[int] = ..., line_id: _Optional[int] = ..., buffered_audio_us: _Optional[int] = ..., rung: _Optional[_Union[Rung, str]] = ..., size_px: _Optional[int] = ..., wanted_size_px: _Optional[int] = ..., wanted_fps: _Optional[float] = ..., allotted_fps: _Optional[float] = ..., steps: _Optional[int] = ..., priority: _Optional[int] = ..., hidden: bool = ..., degradations: _Optional[int] = ..., recoveries: _Optional[int] = ..., lead_us: _Optional[int] = ..., ring_bytes: _Optional[int] = ..., ring_reason: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Shutdown(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetBudget(_message.Message):
    __slots__ = ("cpu_fraction", "gpu_ms_per_frame", "game_fps")
    CPU_FRACTION_FIELD_NUMBER: _ClassVar[int]
    GPU_MS_PER_FRAME_FIELD_NUMBER: _ClassVar[int]
    GAME_FPS_FIELD_NUMBER: _ClassVar[int]
    cpu_fraction: float
    gpu_ms_per_frame: float
    game_fps: float
    def __init__(self, cpu_fraction: _Optional[float] = ..., gpu_ms_per_frame: _Optional[float] = ..., game_fps: _Optional[float] = ...) -> None: ...

class BudgetSet(_message.Message):
    __slots__ = ("cpu_fraction", "gpu_ms_per_frame", "game_fps")
    CPU_FRACTION_FIELD_NUMBER: _ClassVar[int]
    GPU_MS_PER_FRAME_FIELD_NUMBER: _ClassVar[int]
    GAME_FPS_FIELD_NUMBER: _ClassVar[int]
    cpu_fraction: float
    gpu_ms_per_frame: float
    game_fps: float
    def __init__(self, cpu_fraction: _Optional[float] = ..., gpu_ms_per_frame: _Optional[float] = ..., game_fps: _Optional[float] = ...) -> None: ...
