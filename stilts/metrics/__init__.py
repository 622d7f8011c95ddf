"""Scores as the benchmarks' own scorers compute them; pure functions, no tensors."""
