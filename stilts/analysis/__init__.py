"""From scores and graded predictions to what may be said about them. Pure functions; nothing here imports torch."""
