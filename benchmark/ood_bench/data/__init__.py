"""Images: where they come from, what was done to them, and how they are named."""

from ood_bench.data.shape import Shape

__all__ = ["Shape"]
