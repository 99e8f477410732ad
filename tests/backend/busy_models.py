"""Tiny models whose pictures cost processor time, in proportion to their area."""

import hashlib
import time

from tiny_models import TinyDecoder, TinyModels

WHOLE_S = 0.024  # of a core, for 512 px
_FOOD = bytes(1 << 18)


class BusyDecoder(TinyDecoder):
    def decode(self, dynamics, pose, out=None):
        until = time.thread_time() + WHOLE_S * (len(out) / 512) ** 2
        while time.thread_time() < until:
            hashlib.sha256(_FOOD).digest()  # lets other threads run meanwhile, as decoders do
        return super().decode(dynamics, pose, out)


class BusyModels(TinyModels):
    def decoder(self, character, size_px):
        return BusyDecoder(character.body, size_px)
