"""Noisy inputs: the same text for the same seed, made from clean evaluation sets."""
