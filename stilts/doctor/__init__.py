"""`stilts doctor`: whether this machine, a study's data and the ranks of a job are fit for a run."""
