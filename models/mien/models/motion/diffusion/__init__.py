"""DiffusionMotion: holistic motion from sound by a streaming diffusion transformer."""
