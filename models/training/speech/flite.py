"""Speech by flite with phones, their times and their stress, through its C library.

Knows flite 2.2's interface and its four English voices. Refuses to know what is said.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_float, c_int, c_short, c_void_p
from functools import lru_cache

import numpy as np

from training.speech.phones import arpabet_segments
from training.speech.voice import EngineMissing, Manner, SpeechFailed, Spoken, to_16k

VOICES = {
    "slt": "cmu_us_slt", "awb": "cmu_us_awb", "kal16": "cmu_us_kal16", "rms": "cmu_us_rms",
}  # fmt: skip
PITCH_HZ = {"slt": 172.0, "awb": 134.0, "kal16": 105.0, "rms": 94.0}
PITCH_DEVIATION_HZ = {"slt": 22.0, "awb": 18.0, "kal16": 14.0, "rms": 12.0}


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", c_char_p), ("rate_hz", c_int), ("samples", c_int), ("channels", c_int),
        ("data", POINTER(c_short)),
    ]  # fmt: skip


class _Voice(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("features", c_void_p)]


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        for name in ("usenglish", "cmulex"):
            ctypes.CDLL(f"libflite_{name}.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise EngineMissing("flite is not installed: install the Debian package `flite`") from error
    for name in ("flite_synth_text", "utt_wave", "utt_relation", "relation_head", "item_next"):
        getattr(library, name).restype = c_void_p
    library.flite_synth_text.argtypes = [c_char_p, c_void_p]
    library.utt_wave.argtypes = library.relation_head.argtypes = [c_void_p]
    library.item_next.argtypes = library.delete_utterance.argtypes = [c_void_p]
    library.utt_relation.argtypes = [c_void_p, c_char_p]
    library.ffeature_string.restype = c_char_p
    library.ffeature_string.argtypes = [c_void_p, c_char_p]
    library.item_feat_float.restype = c_float
    library.item_feat_float.argtypes = [c_void_p, c_char_p]
    library.feat_set_float.argtypes = [c_void_p, c_char_p, c_float]
    library.flite_init()
    return library


@lru_cache(maxsize=8)
def _voice(name: str) -> int:
    library = _library()
    try:
        home = ctypes.CDLL(f"libflite_{VOICES[name]}.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise EngineMissing(
            f"flite has no voice {name!r}: install the Debian package `flite`"
        ) from error
    register = getattr(home, f"register_{VOICES[name]}")
    register.restype = c_void_p
    register.argtypes = [c_char_p]
    library.flite_init()
    return int(register(None))


def speak(voice: str, text: str, manner: Manner | None = None) -> Spoken:
    """Say an English text in the voice 'slt', 'awb', 'kal16' or 'rms'.

    Raises EngineMissing, or SpeechFailed when the text made no sound.
    """
    manner = manner or Manner()
    library, handle = _library(), _voice(voice)
    features = ctypes.cast(handle, POINTER(_Voice)).contents.features
    pitch_hz = PITCH_HZ[voice] * manner.pitch
    deviation_hz = PITCH_DEVIATION_HZ[voice] * manner.liveliness
    library.feat_set_float(features, b"duration_stretch", manner.stretch)
    library.feat_set_float(features, b"int_f0_target_mean", pitch_hz)
    library.feat_set_float(features, b"int_f0_target_stddev", deviation_hz)
    utterance = library.flite_synth_text(text.encode("ascii", "ignore"), handle)
    if not utterance:
        raise SpeechFailed(f"flite said nothing to {text!r}")
    try:
        return _collect(library, utterance, text)
    finally:
        library.delete_utterance(utterance)


def _collect(library: ctypes.CDLL, utterance: int, text: str) -> Spoken:
    wave = ctypes.cast(library.utt_wave(utterance), POINTER(_Wave)).contents
    if wave.samples <= 0:
        raise SpeechFailed(f"flite said nothing to {text!r}")
    samples = np.ctypeslib.as_array(wave.data, shape=(wave.samples,)).astype(np.float32) / 32768
    labels: list[tuple[float, float, str, float]] = []
    start_s = 0.0
    item = library.relation_head(library.utt_relation(utterance, b"Segment"))
    while item:
        end_s = float(library.item_feat_float(item, b"end"))
        name = library.ffeature_string(item, b"name").decode()
        stressed = library.ffeature_string(item, b"R:SylStructure.parent.stress") == b"1"
        labels.append((start_s, end_s, name, float(stressed)))
        start_s = end_s
        item = library.item_next(item)
    if not labels:
        raise SpeechFailed(f"flite named no phone in {text!r}")
    # kal16's last label ends after its sound; all its other edges fit (measured): never rescale.
    return Spoken(to_16k(samples, int(wave.rate_hz)), arpabet_segments(labels))
