"""From a study file to runs, and from their scores to tables. Nothing here imports torch."""
