"""Folders of predictions in the leaderboards' layout: read, checked, scored and written; no tensors."""
