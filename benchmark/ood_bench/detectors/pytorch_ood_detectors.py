"""Detectors of pytorch-ood over a classifier's logits or features."""

import importlib
import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ood_bench.detectors import Columns, Detector, FitOn, Scorer, Scores
from ood_bench.detectors.estimators import checked_options, estimator_class
from ood_bench.detectors.last_layer import features_of, last_layer, logits_of
from ood_bench.errors import PluginError, raised

if TYPE_CHECKING:
    from torch import Tensor

_HEAD = frozenset({"head", "w", "b"})  # options that are the last layer or part of it
_GIVEN = _HEAD | {"model", "encoder", "backbone"}
_PROBE = 16  # known images that are scored together as well


class PytorchOod(Detector):
    """The score of a detector of pytorch-ood, of a classifier's logits or features.

    Larger = more OOD. The detector gets no network: the logits or the features themselves, these
    also as feature maps of one pixel, and the last layer, found from both by least squares, as in
    `vim`. Detectors that need images or gradients are refused, as is one whose score of an image
    depends on the images scored with it (OpenMax in version 0.4.0). It computes in float32, whose
    last digits depend on the batch, so images are scored one by one.

    Args:
        estimator: Import path of the class, in pytorch_ood.
        options: Options of the detector, without the parts of the network.
        fit_on: What a detector that is fitted is fitted on: the images that the classifier was
            trained on, or those held out.

    Raises:
        PluginError: If pytorch-ood is not installed, or not whole.

    Reference:
        Kirchheim et al., PyTorch-OOD: A Library for Out-of-Distribution Detection based on
        PyTorch, CVPR Workshops 2022, doi:10.1109/CVPRW56347.2022.00481.
    """

    def __init__(
        self,
        *,
        estimator: str = "pytorch_ood.detector.Mahalanobis",
        options: dict[str, object] | None = None,
        fit_on: FitOn = "train",
    ) -> None:
        try:
            importlib.import_module("pytorch_ood")  # a failed import leaves some of its modules
            api = importlib.import_module("pytorch_ood.api")
        except ImportError as error:
            raise PluginError(
                f"the detector pytorch_ood needs pytorch-ood ({error}): "
                "pip install 'ood-bench[pytorch-ood]'"
            ) from error
        self.estimator = estimator_class(estimator, "pytorch_ood", api.Detector)
        kinds = {
            "logits": api.LogitsDetector,
            "features": api.FeaturesDetector,
            "feature_maps": api.FeatureMapsDetector,
        }
        found = [kind for kind, base in kinds.items() if issubclass(self.estimator, base)]
        if not found:
            raise ValueError(f"{estimator} reads neither logits nor features alone")
        self.kind = found[0]
        self.options = self._checked(options or {})
        self.fit_on = fit_on
        self.needs = (f"classifier.{'logits' if self.kind == 'logits' else 'features'}.*",)
        self.fits_on = ("classifier.label",)
        if self._parameters & _HEAD:
            self.fits_on = (*self.fits_on, "classifier.logits.*")
            self.reads_last_layer = True

    def fit(self, known: Columns) -> Scorer:
        """Return x ↦ the detector's outlier score.

        Raises:
            ValueError: If the detector refuses its options or the images, the logits are no
                affine function of the features, or the score of an image depends on others.
        """
        import torch

        given = {name: self._part(name, known) for name in self._parameters & _GIVEN}
        labels = torch.tensor(known["classifier.label"]).long()
        try:
            detector = self.estimator(**given, **self.options)
            with torch.no_grad():
                getattr(detector, f"fit_{self.kind}")(self._tensor(self._read(known)), labels)
        except Exception as error:  # a package beside ours
            name = self.estimator.__name__
            raise ValueError(f"{name} cannot be fitted: {raised(error)}") from error
        predict = getattr(detector, f"predict_{self.kind}")

        def alone(values: NDArray[np.float64]) -> Scores:
            found = np.full(len(values), np.nan)
            with torch.no_grad():
                for i in np.flatnonzero(~np.isnan(values).any(axis=1)):
                    found[i] = float(predict(self._tensor(values[i : i + 1])))
            return found

        few = self._read(known)[:_PROBE]
        with torch.no_grad():
            together = predict(self._tensor(few)).double().numpy()
        if not np.allclose(alone(few), together, rtol=1e-3, atol=1e-3 * np.abs(together).max()):
            raise ValueError(
                f"{self.estimator.__name__}: its score of an image depends on the images that are "
                "scored with it; such a score says nothing of the image alone"
            )
        return lambda images: alone(self._read(images))

    @property
    def _parameters(self) -> frozenset[str]:
        return frozenset(inspect.signature(self.estimator).parameters)

    def _checked(self, options: dict[str, object]) -> dict[str, object]:
        name = self.estimator.__name__
        for option in options:
            if option in _GIVEN:
                raise ValueError(f"{name}: '{option}' is part of the classifier, and given by it")
        checked = checked_options(self.estimator, options, seed=0)
        for option, parameter in inspect.signature(self.estimator).parameters.items():
            needed = parameter.default is parameter.empty and parameter.kind not in (
                parameter.VAR_KEYWORD,
                parameter.VAR_POSITIONAL,
            )
            if needed and option not in checked and option not in _GIVEN:
                raise ValueError(f"{name} needs the option '{option}'")
        return checked

    def _read(self, columns: Columns) -> NDArray[np.float64]:
        return logits_of(columns) if self.kind == "logits" else features_of(columns)

    def _tensor(self, values: NDArray[np.float64]) -> "Tensor":
        import torch

        found = torch.tensor(values, dtype=torch.float32)
        return found[..., None, None] if self.kind == "feature_maps" else found

    def _part(self, name: str, known: Columns) -> Any:
        """Return what the detector gets for a part of the network: its last layer, or None."""
        if name not in _HEAD:
            return None
        import torch
        from torch import nn

        layer = last_layer(known)
        weight, bias = (torch.tensor(part, dtype=torch.float32) for part in layer)
        if name != "head":
            return weight if name == "w" else bias
        head = nn.Linear(weight.shape[1], weight.shape[0])
        head.load_state_dict({"weight": weight, "bias": bias})
        return nn.Sequential(nn.Flatten(), head) if self.kind == "feature_maps" else head
