"""A small residual network that classifies the images of a data set."""

from torch import Tensor, nn

from ood_bench.capabilities import Classification
from ood_bench.data import Shape
from ood_bench.lit import ClassifierModule

GROUPS = 8


class Classifier(ClassifierModule):
    """A residual network with pre-activations, for the detectors that read a classifier.

    Three stages of residual blocks, of which the second and the third halve the sides and
    double the channels; then the mean over pixels, which are the features, and a linear layer.
    Group normalisation makes the output a function of each image alone, in training as well.

    Args:
        shape: Shape of one image.
        classes: Number of classes; the planner takes it from the data set.
        width: Channels of the first stage, a multiple of eight.
        blocks: Residual blocks of each stage.

    Reference:
        He et al., Identity Mappings in Deep Residual Networks, ECCV 2016, arXiv:1603.05027;
        Wu & He, Group Normalization, ECCV 2018, arXiv:1803.08494.
    """

    def __init__(
        self, shape: Shape, *, classes: int = 10, width: int = 32, blocks: int = 1
    ) -> None:
        super().__init__(shape, classes=classes)
        if width < 1 or width % GROUPS or blocks < 1:
            raise ValueError(
                f"Classifier needs a width that {GROUPS} divides and blocks >= 1, "
                f"got width={width}, blocks={blocks}"
            )
        layers: list[nn.Module] = [nn.Conv2d(shape.channels, width, 3, padding=1)]
        channels = width
        for stage in range(3):
            for block in range(blocks):
                down = stage > 0 and block == 0
                layers.append(ResidualBlock(channels, channels * (1 + down), stride=1 + down))
                channels *= 1 + down
        layers += [nn.GroupNorm(GROUPS, channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(channels, classes)

    def classify(self, y: Tensor) -> Classification:
        """Return logits `(B, classes)` and features `(B, 4 · width)` of images on [0, 1]."""
        with self.autocast():
            features = self.features(2.0 * y - 1.0)
        features = features.to(self.dtype)
        return Classification(self.head(features), features)


class ResidualBlock(nn.Module):
    """x ↦ P x + Conv(ReLU(Norm(Conv(ReLU(Norm(x)))))), P the identity or a 1×1 convolution."""

    def __init__(self, channels: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.GroupNorm(GROUPS, channels),
            nn.ReLU(),
            nn.Conv2d(channels, outputs, 3, stride, padding=1, bias=False),
            nn.GroupNorm(GROUPS, outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        )
        plain = stride == 1 and channels == outputs
        self.shortcut = nn.Identity() if plain else nn.Conv2d(channels, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, H, W)` to `(B, outputs, H/stride, W/stride)`, rounded up."""
        summed: Tensor = self.shortcut(x) + self.residual(x)
        return summed
