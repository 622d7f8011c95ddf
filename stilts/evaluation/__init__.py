"""Scores and predictions of trained encoders."""
