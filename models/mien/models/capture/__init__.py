"""Reads faces: the motion encoder, and performance capture on top of it."""
