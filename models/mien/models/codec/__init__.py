"""The codec: a character and its motion in, frames out."""
