"""Trains the codec's networks on renders: the motion encoder first."""
