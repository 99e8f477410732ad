"""Speech by espeak-ng with the times of its phones, through its C library.

Knows libespeak-ng's interface (speak_lib.h, API revision 12). Refuses to know what is said. The
library keeps global state: one thread a process.
"""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_char, c_char_p, c_int, c_short, c_ubyte, c_uint, c_void_p
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from training.speech.phones import espeak_segments
from training.speech.voice import EngineMissing, Manner, SpeechFailed, Spoken, to_16k

LIBRARY = "libespeak-ng.so.1"
SYNCHRONOUS_OUTPUT = 2
PHONE_EVENTS_IN_IPA = 0x3
DO_NOT_EXIT = 0x8000
EVENT_END, EVENT_PHONE = 0, 7
RATE, PITCH, RANGE = 1, 3, 4
UTF8 = 1
QUIET_BEFORE_S = 0.15
WORDS_A_MINUTE = 160  # at stretch 1


class _EventId(ctypes.Union):
    _fields_ = [("number", c_int), ("name", c_char_p), ("string", c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", c_int), ("unique", c_uint), ("text_position", c_int), ("length", c_int),
        ("audio_position_ms", c_int), ("sample", c_int), ("user_data", c_void_p), ("id", _EventId),
    ]  # fmt: skip


class _Voice(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p), ("languages", c_char_p), ("identifier", c_char_p),
        ("gender", c_ubyte), ("age", c_ubyte), ("variant", c_ubyte), ("x", c_ubyte),
        ("score", c_int), ("spare", c_void_p),
    ]  # fmt: skip


_Callback = CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))


class _Engine:
    def __init__(self) -> None:
        try:
            self.library = ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise EngineMissing(
                f"{LIBRARY} is not installed: install the Debian package `espeak-ng`"
            ) from error
        flags = PHONE_EVENTS_IN_IPA | DO_NOT_EXIT
        self.rate_hz = int(self.library.espeak_Initialize(SYNCHRONOUS_OUTPUT, 500, None, flags))
        if self.rate_hz <= 0:
            raise EngineMissing("espeak-ng has no data: install the Debian package `espeak-ng`")
        self.chunks: list[NDArray[np.int16]] = []
        self.events: list[tuple[float, str]] = []
        self.callback = _Callback(self._receive)  # kept alive as long as the engine
        self.library.espeak_SetSynthCallback(self.callback)

    def _receive(self, samples: object, count: int, events: object) -> int:
        if samples and count > 0:
            self.chunks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        index = 0
        while (event := events[index]).type != EVENT_END:  # type: ignore[index]
            if event.type == EVENT_PHONE:
                at = ctypes.addressof(event) + _Event.id.offset
                name = ctypes.string_at(at, 8).split(b"\0")[0].decode("utf-8", "ignore")
                if not name.startswith("("):  # a switch of language
                    self.events.append((event.audio_position_ms / 1000, name))
            index += 1
        return 0

    def choose(self, voice: str) -> None:
        if self.library.espeak_SetVoiceByName(voice.encode()) == 0:
            return
        wanted = _Voice(languages=voice.encode())
        if self.library.espeak_SetVoiceByProperties(ctypes.byref(wanted)) != 0:
            raise EngineMissing(f"espeak-ng has no voice {voice!r}: install `espeak-ng-data`")


@lru_cache(maxsize=1)
def _engine() -> _Engine:
    return _Engine()


def speak(voice: str, text: str, manner: Manner | None = None) -> Spoken:
    """Say `text` in a voice such as 'en-gb+f2'.

    Raises EngineMissing, or SpeechFailed when the text made no sound.
    """
    manner = manner or Manner()
    engine = _engine()
    engine.choose(voice)
    library = engine.library
    library.espeak_SetParameter(RATE, round(WORDS_A_MINUTE / manner.stretch), 0)
    library.espeak_SetParameter(PITCH, int(np.clip(50 + 60 * np.log2(manner.pitch), 0, 99)), 0)
    library.espeak_SetParameter(RANGE, int(np.clip(50 * manner.liveliness, 0, 99)), 0)
    engine.chunks.clear()
    engine.events.clear()
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, UTF8, None, None)
    library.espeak_Synchronize()
    if not engine.chunks or not engine.events:
        raise SpeechFailed(f"espeak-ng said nothing to {text!r}")
    samples = np.concatenate(engine.chunks).astype(np.float32) / 32768
    # Quiet before the first phone: a stop there closes before its sound begins.
    quiet = round(QUIET_BEFORE_S * engine.rate_hz)
    samples = np.pad(samples, (quiet, 0))
    events = [(0.0, "")] + [(at_s + quiet / engine.rate_hz, name) for at_s, name in engine.events]
    segments = espeak_segments(events, len(samples) / engine.rate_hz)
    return Spoken(to_16k(samples, engine.rate_hz), segments)
