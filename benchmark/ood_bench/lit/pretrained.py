"""Read pretrained weights from a file without running code."""

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ood_bench.errors import PluginError
from ood_bench.lit.batches import Slices
from ood_bench.lit.fit import FitReport
from ood_bench.lit.module import ImageModule

NESTED = ("state_dict", "model_state_dict", "model")
"""Keys under which checkpoints store the state dict, Lightning's first."""

_COUNT = ".num_batches_tracked"


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the state dict of a safetensors file or of one that `torch.save` wrote.

    The latter is loaded with `weights_only=True`; the state dict may lie under `state_dict`,
    `model_state_dict` or `model`.

    Raises:
        PluginError: If the file is neither, or holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise PluginError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    except pickle.UnpicklingError as error:
        raise PluginError(
            f"{path}: holds more than tensors, and code in it is not run; save the state dict "
            "alone: torch.save(model.state_dict(), path)"
        ) from error
    for key in NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise PluginError(
            f"{path}: holds a {type(found).__name__} and no state dict; save it with "
            "torch.save(model.state_dict(), path)"
        )
    return dict(found)


def load_pretrained(model: ImageModule, path: Path) -> None:
    """Load pretrained weights, and mark the model as initialised.

    The names are those of the model's state dict or, if one submodule holds all weights (the
    `density` of a `FloatDensity`, the `network` of a `NetworkClassifier`), those of that submodule.
    Either may lie below one name of the training program, as `module.` of DataParallel. The count
    of batches of a batch normalisation, which older versions of PyTorch did not save, may lack.

    Raises:
        PluginError: If names or shapes differ; the message lists them.
    """
    wanted = {key: value for key, value in model.state_dict().items() if key != "initialised"}
    found = {
        key: value
        for key, value in read_weights(path).items()
        if key in wanted or key.split(".")[-1] != "initialised"
    }
    found = _renamed(found, wanted, [part for part, _ in model.named_children()])
    found = {key: value for key, value in wanted.items() if key.endswith(_COUNT)} | found
    absent, foreign = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    wrong = [key for key in wanted if key in found and wanted[key].shape != found[key].shape]
    said = [f"it lacks {_listed(absent)}"] if absent else []
    said += [f"the model has no {_listed(foreign)}"] if foreign else []
    said += [
        f"{key} has the shape {tuple(found[key].shape)}, the model's {tuple(wanted[key].shape)}"
        for key in wrong[:2]
    ]
    if said:
        raise PluginError(
            f"{path}: no weights of this {type(model).__name__} on images of {model.shape}: "
            f"{'; '.join(said)}; give the options that it was trained with"
        )
    model.load_state_dict({**found, "initialised": torch.tensor(True)})


def _renamed(
    found: dict[str, Tensor], wanted: Mapping[str, Tensor], parts: Iterable[str]
) -> dict[str, Tensor]:
    """Return weights by the model's names, where they differ by what all of them begin with."""
    first = {name.partition(".")[0] for name in found}
    above = f"{first.pop()}." if len(first) == 1 else ""
    ways = [(cut, f"{part}.") for cut in ("", above) for part in parts]

    def renamed(cut: str, part: str) -> dict[str, Tensor]:
        return {part + key.removeprefix(cut): value for key, value in found.items()}

    return max(
        (renamed(cut, part) for cut, part in (("", ""), (above, ""), *ways)),
        key=lambda weights: len(weights.keys() & wanted.keys()),
    )


def adopt(
    model: ImageModule,
    path: Path,
    validation: NDArray[np.uint8],
    *,
    batch_size: int,
    labels: NDArray[np.int64] | None = None,
) -> FitReport:
    """Load pretrained weights into a model, validate it, and leave it in evaluation mode.

    Args:
        model: The model, on its device.
        path: The weights.
        validation: Images for the reported bits per dimension or accuracy.
        batch_size: Number of images that are validated at a time.
        labels: Their classes, for a classifier.

    Raises:
        PluginError: If the weights do not fit.
    """
    load_pretrained(model, path)
    model.eval()
    device = model.device
    classes = None if labels is None else torch.tensor(labels, device=device)
    images = torch.tensor(validation, device=device)
    validated = model.validate(Slices(images, batch_size, classes))
    return FitReport(
        steps=0,
        images=0,
        seconds=0.0,
        images_per_second=0.0,
        bpd_validation=validated.get("bpd_validation"),
        accuracy_validation=validated.get("accuracy_validation"),
        precision="float32",
        device=device.type,
        divergences=(),
        parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        probes=(),
        probe_seconds=0.0,
    )


def _listed(names: set[str]) -> str:
    """Return the first few names and the number of further ones."""
    shown = sorted(names)[:3]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"{', '.join(shown)}{more}"
