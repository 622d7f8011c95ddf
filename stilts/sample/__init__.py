"""The sample benchmark: small generated data in official formats, invented languages, and a tiny pretrained XLM-R."""

from stilts.sample.benchmark import generate

__all__ = ["generate"]
