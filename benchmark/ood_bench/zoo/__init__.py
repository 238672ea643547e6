"""Trained models with a name: those that come along, and those brought from elsewhere."""

from ood_bench.zoo.fetch import fetch_model
from ood_bench.zoo.index import ZooModel, fetched_models, find_zoo, read_index, summary

__all__ = ["ZooModel", "fetch_model", "fetched_models", "find_zoo", "read_index", "summary"]
