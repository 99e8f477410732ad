"""The numbers of the protocol: version, sizes, rates. SPEC.md gives the same table in words."""

from __future__ import annotations

PROTOCOL_VERSION = 1
DATA_VERSION = 1  # of the data plane's headers
# Optional behaviour: of this release's daemon, and of it what its client understands (Hello).
CAPABILITIES = ("curves", "no_frames", "detail", "budget", "lead", "frame_sizes")
CLIENT_CAPABILITIES = ("frame_sizes",)

KIB = 1024
MIB = 1024 * KIB

MAX_CONTROL_BYTES = 1 * MIB  # any request but the two that carry files, and any reply to it
MAX_UPLOAD_BYTES = 64 * MIB  # LoadCharacter, Enroll, and the reply Enrolled
MAX_AUDIO_CHUNK_BYTES = 1 * MIB
MAX_DATA_HEADER_BYTES = 1 * KIB
CURVES_COUNT = 58  # 52 coefficients, then rotation vector and translation
CURVES_BYTES = CURVES_COUNT * 4
DATA_FRAMES = 2  # header, payload (without the routing id that a ROUTER adds)
CONTROL_FRAMES = 1
MAX_MESSAGE_TEXT_CHARACTERS = 200  # of DataError; fits its header in any language

SESSION_BYTES = 16
MAX_ID = 2**63 - 1  # ids are whole numbers that every language holds in a signed 64-bit integer
MAX_ACTOR_ID = 2**32 - 1

MIN_SAMPLE_RATE_HZ = 8_000
MAX_SAMPLE_RATE_HZ = 192_000
MAX_CHANNELS = 8
MAX_CUES_PER_LINE = 4096
MAX_NAME_BYTES = 1024
MAX_PATH_BYTES = 4096

DEFAULT_LEASE_MS = 3_000
DEFAULT_BUFFERED_AUDIO_US = 30 * 60 * 1_000_000
DEFAULT_LINES_PER_ACTOR = 8
DEFAULT_CREDIT_BYTES = 4 * MIB
MIN_CREDIT_BYTES = 256 * KIB
DEFAULT_FADE_MS = 120
MAX_LEAD_US = 2_000_000  # of a line performed ahead; a ring's slots may allow less

MIN_DETAIL_PX, MAX_DETAIL_PX = 128, 512
MIN_FPS, MAX_FPS = 12.0, 120.0
MAX_PRIORITY = 100
MAX_DISTANCE_M = 1e6
MIN_CPU_FRACTION = 0.01
MIN_GPU_MS, MAX_GPU_MS = 0.01, 1000.0
MIN_GAME_FPS, MAX_GAME_FPS, DEFAULT_GAME_FPS = 1.0, 1000.0, 60.0

MIN_SLOTS, MAX_SLOTS, DEFAULT_SLOTS = 2, 64, 8
MIN_FRAME_PX, MAX_FRAME_PX, DEFAULT_FRAME_PX = 16, 4096, 512

CONTROL_PORT = 5271
DATA_PORT = 5272
