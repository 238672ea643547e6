"""Training on any device of PyTorch, also on those that Lightning does not know."""

from typing import Any

import torch
from pytorch_lightning.accelerators import Accelerator
from pytorch_lightning.strategies import SingleDeviceStrategy

OF_LIGHTNING = {"cpu": "cpu", "cuda": "gpu", "mps": "mps"}
"""Lightning's accelerators by type of device."""


def trainer_device(device: torch.device) -> dict[str, Any]:
    """Return the arguments of a Lightning `Trainer` that make it train on a device."""
    if device.type in OF_LIGHTNING:
        return {
            "accelerator": OF_LIGHTNING[device.type],
            "devices": 1 if device.index is None else [device.index],
        }
    return {"strategy": SingleDeviceStrategy(device, accelerator=AnyDevice())}


class AnyDevice(Accelerator):
    """An accelerator of Lightning for one device of PyTorch, such as `xpu`."""

    def setup_device(self, device: torch.device) -> None:
        """Do nothing: the model is on the device."""

    def teardown(self) -> None:
        """Do nothing."""

    @staticmethod
    def parse_devices(devices: Any) -> Any:
        """Return what is given."""
        return devices

    @staticmethod
    def get_parallel_devices(devices: Any) -> list[torch.device]:  # noqa: ARG004
        """Return none: the strategy has the device."""
        return []

    @staticmethod
    def auto_device_count() -> int:
        """Return 1."""
        return 1

    @staticmethod
    def is_available() -> bool:
        """Return True: a model is on the device."""
        return True

    @staticmethod
    def name() -> str:
        """Return the name."""
        return "any"
