"""Small classifiers as people write them, without anything of ood-bench."""

from types import SimpleNamespace

import torch
from torch import Tensor, nn


class Net(nn.Module):
    """A convolution with batch normalisation, the mean over pixels, a hidden and a last layer."""

    def __init__(self, *, outputs: int = 3, channels: int = 1, width: int = 6) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.hidden = nn.Linear(width, 7)
        self.fc = nn.Linear(7, outputs)

    def penultimate(self, x: Tensor) -> Tensor:
        """Return what the last layer takes, `(B, 7)`."""
        pooled = self.pool(torch.relu(self.norm(self.stem(x)))).flatten(1)
        return torch.relu(self.hidden(pooled))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.penultimate(x))
        return logits


class WithLogits(Net):
    """Returns an object that has logits, as the models of transformers do."""

    def forward(self, x: Tensor) -> SimpleNamespace:  # type: ignore[override]
        return SimpleNamespace(logits=super().forward(x), loss=None)


class ByConvolution(Net):
    """The last layer is a 1×1 convolution of one pixel, as in BiT."""

    def __init__(self, *, outputs: int = 3) -> None:
        super().__init__()
        self.fc = nn.Conv2d(6, outputs, 1)  # type: ignore[assignment]
        self.hidden = nn.Identity()  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.pool(torch.relu(self.norm(self.stem(x)))))
        return logits.flatten(1)


class Scaled(nn.Linear):
    """A last layer that is not linear: the cosine of features and weights."""

    def forward(self, input: Tensor) -> Tensor:
        cosine: Tensor = nn.functional.normalize(input, dim=1) @ self.weight.T
        return 10.0 * cosine


class ByCosine(Net):
    """The last layer is a linear one by its class alone."""

    def __init__(self, *, outputs: int = 3) -> None:
        super().__init__()
        self.fc = Scaled(7, outputs)


class Squashing(Net):
    """Changes the logits in place, so that the last layer returns what they have become."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).tanh_()


class FeatureMaps(Net):
    """Returns no logits."""

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.stem(x)
        return maps


def whole(**options: int) -> list[nn.Module]:
    """Return something that is no module."""
    return [Net(**options)]
