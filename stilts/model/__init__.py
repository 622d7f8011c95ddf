"""Encoders and the multi-task model around them."""
