"""The zoo: named trained models, bundled or fetched."""

from ood_bench.zoo.fetch import fetch_model
from ood_bench.zoo.index import PREFIX, ZooModel, fetched_models, find_zoo, read_index, summary
from ood_bench.zoo.layout import Description, check_files, read_description

__all__ = [
    "PREFIX",
    "Description",
    "ZooModel",
    "check_files",
    "fetch_model",
    "fetched_models",
    "find_zoo",
    "read_description",
    "read_index",
    "summary",
]
