"""Packages that need torchvision, which the CPU build of PyTorch lacks, without it."""

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


class _Names(type):
    """A class that has every name."""

    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


class _Absent(types.ModuleType):
    """A module that has every name, each of a class of its own."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Names(name, (), {})


_TORCHVISION = ("ops", "ops.misc", "transforms", "transforms.functional", "datasets", "models")


def timm() -> Any:
    """Return timm, imported if need be without torchvision; skip the test if it is not installed.

    The CPU build of PyTorch has no torchvision beside it. Only timm's data pipeline computes with
    it; networks take from it the class of a normalisation, to recognise layers of that class.
    """
    if "timm" in sys.modules:
        return sys.modules["timm"]
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed: pip install --no-deps timm")
    absent: dict[str, types.ModuleType] = {}
    if importlib.util.find_spec("torchvision") is None:
        absent["torchvision"] = _Absent("torchvision")
        for name in (*_TORCHVISION, "models.feature_extraction"):
            above, _, last = f"torchvision.{name}".rpartition(".")
            absent[f"torchvision.{name}"] = _Absent(f"torchvision.{name}")
            setattr(absent[above], last, absent[f"torchvision.{name}"])
    sys.modules.update(absent)
    try:
        return importlib.import_module("timm")
    finally:
        for name in absent:
            del sys.modules[name]
