"""Speech by festival with phones, their times and their stress; one process a batch.

Knows festival's Scheme, its voices, the character sets they read and the packages they come from.
Refuses to know what is said. Utterances in which a diphone was missing and replaced are dropped:
their sound is not what their labels say.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from training.speech.phones import Label, UnknownPhone, festival_segments
from training.speech.voice import EngineMissing, Manner, Spoken, to_16k

VOICE_FOLDERS = (Path("/usr/share/festival/voices"), Path("/usr/local/share/festival/voices"))
SILENCES = ("pau", "#", "##", "_", "h#")
SECONDS_AN_UTTERANCE = 12.0  # generous: a hung voice must not hang the corpus

SCHEME = """
(define (mien_labels utt path)
  (let ((out (fopen path "w")))
    (mapcar
     (lambda (s) (format out "%s %s %s\\n" (item.name s) (item.feat s "end")
                         (item.feat s "R:SylStructure.parent.stress")))
     (utt.relation.items utt 'Segment))
    (fclose out)))
(define (mien_say text stem stretch speed mean deviation)
  (format stderr "\\nMIEN %s\\n" stem)
  (Parameter.set 'Duration_Stretch stretch)
  (if (boundp 'hts_engine_params)
      (set! hts_engine_params (append hts_engine_params (list (list "-r" speed)))))
  (if (> mean 0)
      (set! int_lr_params (list (list 'target_f0_mean mean) (list 'target_f0_std deviation)
                                (list 'model_f0_mean 170) (list 'model_f0_std 34))))
  (unwind-protect
   (let ((utt (eval (list 'Utterance 'Text text))))
     (utt.synth utt)
     (utt.save.wave utt (string-append stem ".wav") 'riff)
     (mien_labels utt (string-append stem ".lab")))
   (format stderr "MIEN failed\\n")))
"""


@dataclass(frozen=True)
class FestivalVoice:
    """One voice: language, encoding of its text, Debian package, and its pitch where settable."""

    language: str
    encoding: str
    package: str
    pitch_hz: float = 0.0


VOICES = {
    "kal_diphone": FestivalVoice("en", "ascii", "festvox-kallpc16k", 105.0),
    "ked_diphone": FestivalVoice("en", "ascii", "festvox-kdlpc16k", 105.0),
    "cmu_us_slt_arctic_hts": FestivalVoice("en", "ascii", "festvox-us-slt-hts"),
    "lp_diphone": FestivalVoice("it", "latin-1", "festvox-italp16k"),
    "pc_diphone": FestivalVoice("it", "latin-1", "festvox-itapc16k"),
    "hy_fi_mv_diphone": FestivalVoice("fi", "latin-1", "festvox-suopuhe-mv"),
    "suo_fi_lj_diphone": FestivalVoice("fi", "latin-1", "festvox-suopuhe-lj"),
    "czech_dita": FestivalVoice("cs", "iso8859-2", "festvox-czech-dita"),
    "czech_krb": FestivalVoice("cs", "iso8859-2", "festvox-czech-krb"),
    "czech_machac": FestivalVoice("cs", "iso8859-2", "festvox-czech-machac"),
    "czech_ph": FestivalVoice("cs", "iso8859-2", "festvox-czech-ph"),
    "upc_ca_ona_hts": FestivalVoice("ca", "latin-1", "festvox-ca-ona-hts"),
    "msu_ru_nsh_clunits": FestivalVoice("ru", "utf-8", "festvox-ru"),
}


def speak(
    voice: str, texts: Sequence[str], manners: Sequence[Manner] | None = None
) -> list[Spoken | None]:
    """Say every text; None where the voice failed or had to substitute a diphone.

    Raises EngineMissing when festival or the voice is not installed.
    """
    about = VOICES[voice]
    _require(voice)
    manners = manners or [Manner()] * len(texts)
    with tempfile.TemporaryDirectory(prefix="mien-festival-") as name:
        folder = Path(name)
        script = [SCHEME, f"(voice_{voice})\n"]
        for index, (text, manner) in enumerate(zip(texts, manners, strict=True)):
            pitch_hz = about.pitch_hz * manner.pitch
            deviation_hz = 0.13 * pitch_hz * manner.liveliness
            script.append(
                f'(mien_say "{_clean(text)}" "{folder / str(index)}" {manner.stretch:.3f}'
                f" {1 / manner.stretch:.3f} {pitch_hz:.1f} {deviation_hz:.1f})\n"
            )
        (folder / "say.scm").write_text("".join(script), encoding=about.encoding, errors="ignore")
        said = _run(folder / "say.scm", 20 + SECONDS_AN_UTTERANCE * len(texts))
        spoiled = _spoiled(said)
        return [
            None if index in spoiled else _read(folder / str(index), about.language)
            for index in range(len(texts))
        ]


def _require(voice: str) -> None:
    if shutil.which("festival") is None:
        raise EngineMissing("festival is not installed: install the Debian package `festival`")
    if not any(any(folder.glob(f"*/{voice}")) for folder in VOICE_FOLDERS):
        package = VOICES[voice].package
        raise EngineMissing(
            f"festival has no voice {voice!r}: install the Debian package `{package}`"
        )


def _clean(text: str) -> str:
    """Text as a Scheme string: its own quotes and marks that voices stumble over removed."""
    table = str.maketrans({'"': " ", "\\": " ", "—": ",", "–": ",", "…": ".", "’": "'", "«": " ",
                           "»": " ", "¿": " ", "¡": " ", ";": ",", ":": ","})  # fmt: skip
    return text.translate(table)


def _run(script: Path, limit_s: float) -> str:
    try:
        done = subprocess.run(
            ["festival", "-b", str(script)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=limit_s,
            cwd=script.parent,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return (error.stderr or b"").decode("utf-8", "replace")
    return done.stderr.decode("utf-8", "replace")


def _spoiled(said: str) -> set[int]:
    """Utterances that festival complained about."""
    found: set[int] = set()
    for part in said.split("\nMIEN ")[1:]:
        stem, _, rest = part.partition("\n")
        if any(word in rest.lower() for word in ("missing", "diphone", "substitut", "failed")):
            found.add(int(Path(stem.strip()).name))
    return found


def _read(stem: Path, language: str) -> Spoken | None:
    sound, labels = stem.with_suffix(".wav"), stem.with_suffix(".lab")
    if not sound.exists() or not labels.exists():
        return None
    samples, rate_hz = soundfile.read(sound, dtype="float32")
    rows: list[Label] = []
    start_s = 0.0
    for line in labels.read_text("utf-8", errors="replace").splitlines():
        name, end, stress = [*line.split(), "0", "0"][:3]
        rows.append((start_s, float(end), name, float(stress in ("1", "2"))))
        start_s = float(end)
    length_s = len(samples) / rate_hz
    if len(rows) < 3 or not 0.9 < length_s / max(start_s, 1e-3) < 1.15:
        return None
    try:
        segments = festival_segments(language, rows)
    except UnknownPhone:
        return None
    return Spoken(to_16k(samples, int(rate_hz)), segments)
