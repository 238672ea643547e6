"""Can a generative model's likelihood tell in-distribution from out-of-distribution images?"""

__version__ = "0.1.0"
