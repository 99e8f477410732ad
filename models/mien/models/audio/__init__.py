"""Audio: bytes and files of any kind in, mono sound at 16 kHz out."""

from mien.models.audio.errors import AudioError
from mien.models.audio.files import Sound, read_audio
from mien.models.audio.loudness import is_silent, level_dbfs, loudness_dbfs, peak_dbfs
from mien.models.audio.pcm import PcmDecoder, PcmReport, SampleFormat, check_format, decode_pcm
from mien.models.audio.resample import Resampler, resample

__all__ = [
    "AudioError",
    "PcmDecoder",
    "PcmReport",
    "Resampler",
    "SampleFormat",
    "Sound",
    "check_format",
    "decode_pcm",
    "is_silent",
    "level_dbfs",
    "loudness_dbfs",
    "peak_dbfs",
    "read_audio",
    "resample",
]
