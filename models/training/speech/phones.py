"""From the phones of many synthesisers to one set of visemes, with times.

Knows phone names (ARPAbet, IPA as espeak-ng reports it, the phone sets of festival's voices) and
how their times must be corrected. Refuses to know faces: what a viseme does to a face is the
teacher's business.

A viseme here is a class of phones that a face shows alike. Affricates are one segment (the lips
take the fricative's shape from the closure on). Diphthongs are split 55/45. Trills and taps of the
tongue tip count as 'l' (tongue tip up, lips free): only the English r rounds the lips. Bilabial
fricatives count as 'f' (a narrow gap, no closure).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

VISEMES: tuple[str, ...] = (
    "sil", "aa", "ae", "ah", "ao", "eh", "er", "ih", "iy", "oh", "uh", "uw", "ue", "oe", "w", "r",
    "l", "th", "td", "n", "s", "sh", "k", "hh", "y", "f", "p", "m",
)  # fmt: skip
INDEX = {name: index for index, name in enumerate(VISEMES)}
VOWELS = frozenset(VISEMES[1:14])
SPLIT = {1: (1.0,), 2: (0.55, 0.45), 3: (0.4, 0.3, 0.3)}

# Where espeak-ng puts the event of a stop, measured on its own sound (medians, 2.5 ms steps, the
# same in six voices and four languages). Voiceless stops and affricates: at the burst, the closure
# begins 38-48 ms before. Voiced ones after a vowel: at the closure, the burst comes 40 ms later;
# after a consonant or a pause: at the burst, the closure begins 28 ms before.
VOICELESS_CLOSURE_S = 0.044
VOICED_CLOSURE_S = 0.030
VOICED_BURST_S = 0.040  # after the event, where the event marks the closure
AFTER_BURST_S = 0.015  # a stop's label ends this long after its burst, as aligners put it
CLOSURE_IN_PAUSE_S = 0.070  # lips and tongue close this long before a burst out of silence
SHORTEST_PAUSE_S = 0.045  # shorter unnamed events of espeak-ng are releases, not pauses

Label = tuple[float, float, str] | tuple[float, float, str, float]


@dataclass(frozen=True)
class Segment:
    """One viseme held from `start_s` to `end_s`; `stress` 0..1, 1 in a stressed syllable."""

    start_s: float
    end_s: float
    viseme: str
    stress: float = 0.0

    def moved(self, by_s: float) -> Segment:
        """The same, so much later."""
        return Segment(self.start_s + by_s, self.end_s + by_s, self.viseme, self.stress)


def _table(text: str) -> dict[str, str]:
    """`viseme: phone phone; ...` to phone → viseme."""
    pairs = (entry.split(":", 1) for entry in text.replace("\n", " ").split(";") if entry.strip())
    return {phone: viseme.strip() for viseme, phones in pairs for phone in phones.split()}


def _visemes(text: str) -> dict[str, tuple[str, ...]]:
    return {phone: tuple(viseme.split("+")) for phone, viseme in _table(text).items()}


ARPABET = _visemes("""
sil: sil pau h# # ssil spn nsn brth sp; aa: aa; ae: ae; ah: ah ax ax-h; ao: ao; eh: eh; er: er axr;
ih: ih ix; iy: iy; uh: uh; uw: uw ux; aa+uh: aw; aa+ih: ay; eh+ih: ey; oh+uh: ow; ao+ih: oy;
w: w wh; r: r; l: l el; th: th dh; td: t d dx; n: n en nx; s: s z; sh: sh zh ch jh; k: k g ng eng q;
hh: hh hv; y: y; f: f v; p: p b; m: m em
""")

# One IPA letter each; marks of length, tone, stress and articulation are stripped before.
IPA = _table("""
aa: a ɑ; ae: æ; ah: ʌ ə ɐ ɤ ɘ ɞ; ao: ɔ ɒ; eh: e ɛ; er: ɜ ɚ ɝ; ih: ɪ ɨ ɯ ᵻ ᵊ; iy: i ɿ ʅ; oh: o;
uh: ʊ ᵿ; uw: u ʉ; ue: y ʏ ʮ; oe: ø œ ɵ ɶ; w: w ʍ ɥ ɰ; r: ɹ ɻ; l: l ɫ ɭ ʎ ʟ ɬ ɮ ɺ ɾ r ɽ; th: θ ð;
td: t d ʈ ɖ ɗ ǀ ǃ; n: n ɳ ɲ; s: s z; sh: ʃ ʒ ɕ ʑ ʂ ʐ ɧ; k: k g ɡ ɢ q c ɟ ŋ ɴ x ɣ χ ʁ ʀ ɠ ʄ ʛ;
hh: h ɦ ħ ʕ ʔ ʢ; y: j ç ʝ; f: f v ʋ β ɸ ɱ ⱱ; p: p b ɓ ʘ ʙ; m: m
""")
AFFRICATES = {"ts": "s", "dz": "s", "tʃ": "sh", "dʒ": "sh", "tɕ": "sh", "dʑ": "sh", "tʂ": "sh",
              "dʐ": "sh", "ʈʂ": "sh", "ɖʐ": "sh", "tç": "sh", "pf": "f", "tɬ": "l", "tθ": "th",
              "dð": "th"}  # fmt: skip
VOICELESS_STOPS = frozenset("ptkqcʈ")
VOICED_STOPS = frozenset("bdgɡɟɖɢɓɗɠ")
CARRIES_ON = frozenset("ʲːˑʰʷˠˤˌˈ˞'’")  # a label of these alone lengthens the phone before

_ITALIAN = """
sil: #; iy: i i1; eh: e E e1 E1; aa: a a1; oh: o o1; ao: O O1; uw: u u1; y: j; w: w; p: p b;
td: t d; k: k g ng; f: f v nf; s: s z ts dz; sh: S Z tS dZ; m: m; n: n J; l: l L r
"""
_FINNISH = """
sil: # ##; aa: a a:; eh: e e: &; iy: i i:; oh: o o:; uw: u u:; ue: y y:; ae: @ @:; oe: 7 7:;
p: p b p: b:; td: t d t: d:; k: k g N k: g: N:; f: f v f: v:; th: T D T: D:; s: s z s: z:;
sh: S Z S: Z:; hh: h h:; m: m m:; n: n n:; l: l L r l: L: r:; y: j j:; w: w w:
"""
_CZECH = """
sil: # _; aa: a a:; eh: e e:; iy: i i:; oh: o o:; uw: u u:; p: p b; td: t d; k: k g ch n*;
s: s z c dz; sh: s~ z~ c~ dz~ r~ r~*; f: f v; hh: h; y: j t~ d~; n: n n~; m: m; l: l r
"""
_CATALAN = """
sil: pau _ #; ah: ax; aa: a a1; eh: e e1 E E1; iy: i i1; oh: o o1; ao: O O1; uw: u u1; w: w;
y: j; p: p b; td: t d; k: k g; f: f v; s: s z ts dz; sh: S Z tS dZ; m: m; n: n J; l: l L r rr
"""
_RUSSIAN = """
sil: pau; iy: ii; ih: yy y i; uw: uu; uh: u ur; eh: ee e; ao: oo; aa: aa; ah: a ae ay;
p: p pp b bb; td: t tt d dd; k: k kk g gg h hh; s: c s ss z zz; sh: ch sh sch zh; f: f ff v vv;
m: m mm; n: n nn; l: l ll r rr; y: j
"""
FESTIVAL = {
    "en": ARPABET, "it": _visemes(_ITALIAN), "fi": _visemes(_FINNISH), "cs": _visemes(_CZECH),
    "ca": _visemes(_CATALAN), "ru": _visemes(_RUSSIAN),
}  # fmt: skip


class UnknownPhone(ValueError):
    """A phone that no table names."""


def arpabet_segments(labels: Iterable[Label]) -> list[Segment]:
    """ARPAbet or flite's DARPAbet, stress digits allowed ('AH0'); times in seconds."""
    found: list[Segment] = []
    for start_s, end_s, phone, *rest in labels:
        name = phone.rstrip("012").lower()
        stress = 1.0 if phone.endswith(("1", "2")) else float(rest[0]) if rest else 0.0
        found += _spread(start_s, end_s, _look_up(ARPABET, name), stress)
    return tidy(found)


def festival_segments(language: str, labels: Iterable[Label]) -> list[Segment]:
    """Labels of a festival voice that speaks `language` (two letters); times in seconds."""
    table = FESTIVAL[language]
    found: list[Segment] = []
    for start_s, end_s, phone, *rest in labels:
        stress = float(rest[0]) if rest else 0.0
        found += _spread(start_s, end_s, _look_up(table, phone), stress)
    return tidy(found)


def espeak_segments(events: Sequence[tuple[float, str]], end_s: float) -> list[Segment]:
    """Phone events of espeak-ng (time of onset in seconds, IPA name), stops put right.

    An unnamed event is a pause when long, otherwise the release of the phone before. A stop begins
    with its closure, never before the middle of the phone before, and ends just after its burst.
    """
    kept = _without_releases(events, end_s)
    begins = [at_s for at_s, _ in kept] + [end_s]
    for index in range(1, len(kept)):
        name, before = kept[index][1], kept[index - 1]
        closure_s, burst_s = _stop_times(name, before[1])
        if burst_s is None:
            continue
        begins[index] = max(begins[index] - closure_s, (before[0] + kept[index][0]) / 2)
        followed = index + 1 < len(kept) and ipa_letters(kept[index + 1][1])
        if followed and len(ipa_visemes(name)) == 1 and not _is_affricate(name):
            ends_s = kept[index][0] + burst_s + AFTER_BURST_S
            begins[index + 1] = min(begins[index + 1], ends_s)
    found: list[Segment] = []
    for (_, name), start_s, until_s in zip(kept, begins, begins[1:], strict=False):
        found += _spread(start_s, until_s, ipa_visemes(name), 1.0 if "ˈ" in name else 0.0)
    return tidy(found)


def _without_releases(events: Sequence[tuple[float, str]], end_s: float) -> list[tuple[float, str]]:
    """Events that begin a phone or a real pause."""
    kept: list[tuple[float, str]] = []
    for index, (at_s, name) in enumerate(events):
        until_s = events[index + 1][0] if index + 1 < len(events) else end_s
        letters = ipa_letters(name)
        if kept and not letters and (name or until_s - at_s < SHORTEST_PAUSE_S):
            continue
        if kept and not letters and not ipa_letters(kept[-1][1]):
            continue
        kept.append((at_s, name))
    return kept


def _stop_times(name: str, before: str) -> tuple[float, float | None]:
    """Seconds from closure to event and from event to burst; (0, None) for what is no stop."""
    first = ipa_letters(name)[:1]
    after_pause, after_vowel = not ipa_letters(before), ipa_visemes(before)[-1] in VOWELS
    if first and first in VOICELESS_STOPS:
        return (CLOSURE_IN_PAUSE_S if after_pause else VOICELESS_CLOSURE_S), 0.0
    if first and first in VOICED_STOPS:
        if after_vowel:
            return 0.0, VOICED_BURST_S
        return (CLOSURE_IN_PAUSE_S if after_pause else VOICED_CLOSURE_S), 0.0
    return 0.0, None


def _is_affricate(name: str) -> bool:
    return ipa_letters(name)[:2] in AFFRICATES


def ipa_letters(name: str) -> str:
    """The base letters of an IPA label: no marks, ties or modifiers. Empty for a pause."""
    plain = unicodedata.normalize("NFD", name)
    return "".join(letter for letter in plain if letter in IPA)


def ipa_visemes(name: str) -> tuple[str, ...]:
    """Visemes of an IPA label, at most three. A pause is ('sil',)."""
    letters = ipa_letters(name)
    found: list[str] = []
    while letters:
        pair = AFFRICATES.get(letters[:2])
        found.append(pair or IPA[letters[0]])
        letters = letters[2 if pair else 1 :]
    merged = [v for index, v in enumerate(found) if index == 0 or v != found[index - 1]]
    return tuple(merged[:3]) or ("sil",)


def _look_up(table: dict[str, tuple[str, ...]], phone: str) -> tuple[str, ...]:
    try:
        return table[phone]
    except KeyError:
        raise UnknownPhone(f"no viseme is known for the phone {phone!r}") from None


def _spread(start_s: float, end_s: float, visemes: tuple[str, ...], stress: float) -> list[Segment]:
    """Visemes of one phone over its time."""
    found: list[Segment] = []
    at_s = start_s
    for viseme, share in zip(visemes, SPLIT[len(visemes)], strict=True):
        until_s = at_s + share * (end_s - start_s)
        found.append(Segment(at_s, until_s, viseme, stress if viseme != "sil" else 0.0))
        at_s = until_s
    return found


def tidy(segments: Iterable[Segment]) -> list[Segment]:
    """No gaps, no overlaps, nothing empty; neighbouring pauses joined."""
    found: list[Segment] = []
    for segment in segments:
        if segment.end_s - segment.start_s < 1e-4:
            continue
        if found and found[-1].viseme == segment.viseme == "sil":
            found[-1] = replace(found[-1], end_s=segment.end_s)
        else:
            found.append(segment)
    return found
