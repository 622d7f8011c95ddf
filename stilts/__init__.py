"""stilts: intermediate training and zero-shot cross-lingual evaluation of multilingual encoders."""

__version__ = "0.1.0"
