"""From nothing to the weights of DiffusionMotion: hearing, moving, rolling out."""
