"""The stacks of a gated PixelCNN, computed pixel by pixel for sampling."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from ood_bench_models.gated_layer import GatedPixelLayer


class CachedStacks:
    """Computes the output of the layers at one pixel, and caches activations for later pixels.

    Each layer caches its vertical input of the last rows and its horizontal input of the row so
    far, so that a pixel costs the work of one pixel instead of a whole image.

    Args:
        layers: The layers, at least one.
        like: A tensor with dtype, device and shape `(B, C, H, W)` of the images.
    """

    def __init__(self, layers: Sequence[GatedPixelLayer], like: Tensor) -> None:
        self.layers = layers
        self.reach = reach = layers[0].reach
        B, C, H, W = like.shape
        width = layers[0].out.weight.shape[1]
        self.image = like.new_zeros(B, C, H + reach, W + 2 * reach)
        later = len(layers) - 1
        self.rows = [like.new_zeros(B, width, reach + 1, W + 2 * reach) for _ in range(later)]
        self.columns = [like.new_zeros(B, width, 1, W + reach) for _ in range(later)]
        self.row = 0
        self.linked: list[Tensor] = []

    def begin(self, row: int) -> None:
        """Run the vertical stack on a row; rows are begun in order."""
        self.row = row
        v, linked = self.layers[0].vertical(self.image[:, :, row : row + self.reach + 1])
        self.linked = [linked]
        for number, layer in enumerate(self.layers[1:]):
            newest = pad(v, (self.reach, self.reach))
            self.rows[number] = torch.cat([self.rows[number][:, :, 1:], newest], dim=2)
            v, linked = layer.vertical(self.rows[number])
            self.linked.append(linked)

    def at(self, column: int) -> Tensor:
        """Return the sum of what the layers add to the output at a pixel, `(B, width, 1, 1)`."""
        seen = slice(column, column + self.reach + 1)
        here = slice(column + self.reach, column + self.reach + 1)
        bottom = self.reach + self.row
        h = self.image[:, :, bottom : bottom + 1, seen]
        total = h.new_zeros(())
        for number, (layer, linked) in enumerate(zip(self.layers, self.linked, strict=True)):
            if number:
                self.columns[number - 1][..., here] = h
                h = self.columns[number - 1][..., seen]
            h, skip = layer.horizontal(h, linked[..., column : column + 1])
            total = total + skip
        return total

    def paint(self, column: int, pixel: Tensor) -> None:
        """Set the pixel at a column of the row, given on [−1, 1] and of shape `(B, C)`."""
        self.image[:, :, self.reach + self.row, self.reach + column] = pixel
