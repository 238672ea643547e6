"""Parts of pytorch-ood, without the rest of that package, which needs torchvision."""

import importlib
import importlib.util
import sys
import types
from typing import Any

import pytest


def pytorch_ood(module: str) -> Any:
    """Return a module of pytorch-ood; skip the test if the package is not installed."""
    if "pytorch_ood" not in sys.modules:
        spec = importlib.util.find_spec("pytorch_ood")
        if spec is None or spec.submodule_search_locations is None:
            pytest.skip("pytorch-ood is not installed: pip install --no-deps pytorch-ood")
        package = types.ModuleType("pytorch_ood")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["pytorch_ood"] = package
    return importlib.import_module(f"pytorch_ood.{module}")
