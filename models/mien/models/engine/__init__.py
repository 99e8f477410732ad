"""Engine profiles: one way to run a network, whoever computes it."""
