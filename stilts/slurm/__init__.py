"""Slurm: what `stilts submit` sends, and what runs inside its jobs."""
