"""Studies on a Slurm cluster: from one command to jobs, and back to one table. Imports nothing heavy."""
