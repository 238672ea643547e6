"""One layer of a gated PixelCNN: a vertical stack above a pixel, a horizontal one left of it."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ood_bench_models.masked_conv import MaskedConv, groups_of, sees


class GatedPixelLayer(nn.Module):
    """A layer of the vertical and the horizontal stack.

    The vertical stack sees rows above a pixel: the first layer the rows strictly above, later
    layers also the current row of the features before them, in which nothing but rows above
    has entered. So there is no shift and no blind spot. The horizontal stack
    sees the vertical one at the pixel, the columns left of it, and the pixel itself as far as
    its colour channels come before: features fall into groups, and group g sees the channels
    below g (first layer) or the groups up to g (later layers).

    Both take their input padded with `reach` zeros on all sides on which they look, which
    `rows` and `columns` add.

    Args:
        inputs: Input channels: of the image in the first layer, else `width`.
        width: Features, at least `groups`.
        kernel: Side of the kernel, odd; half of it is cut away.
        groups: Groups of features; 1 if no channel of a pixel may be seen.
        first: Whether the input is the image; it is not carried along.
        last: Whether features leave to the output alone.

    Reference:
        van den Oord et al., Conditional Image Generation with PixelCNN Decoders, NeurIPS 2016,
        arXiv:1606.05328.
    """

    def __init__(
        self, inputs: int, width: int, kernel: int, *, groups: int, first: bool, last: bool
    ) -> None:
        super().__init__()
        self.reach = kernel // 2
        self.first = first
        self.last = last
        above = torch.ones(2 * width, inputs, self.reach + 1, kernel)
        above[:, :, -1] = float(not first)
        left = torch.ones(2 * width, inputs, 1, self.reach + 1)
        features, both = groups_of(width, groups), groups_of(width, groups).repeat(2)
        left[..., -1:] = sees(groups_of(inputs, groups), both, strictly=first)
        out = sees(features, features if last else both)
        self.above = MaskedConv(above, gain=GAIN)
        link = torch.ones(2 * width, 2 * width, 1, 1)
        self.link = None if last else MaskedConv(link, bias=False)
        self.left = MaskedConv(left, gain=GAIN)
        self.out = MaskedConv(out)

    def rows(self, v: Tensor) -> Tensor:
        """Return the input of `vertical`, padded above and at both sides."""
        return pad(v, (self.reach, self.reach, self.reach, 0))

    def columns(self, h: Tensor) -> Tensor:
        """Return the input of `horizontal`, padded at the left."""
        return pad(h, (self.reach, 0, 0, 0))

    def vertical(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Run the vertical stack on `reach` rows and columns more than it returns.

        Args:
            v: Features of the layer before, shape (B, inputs, reach + rows, W + 2·reach).

        Returns:
            Features (B, width, rows, W), and what the horizontal stack adds to its own,
            (B, 2·width, rows, W). The last layer's features are that alone: no one else needs
            them, and two linear maps in a row are one.
        """
        z: Tensor = self.above(v)
        return (z, z) if self.link is None else (gated(z), self.link(z))

    def horizontal(self, h: Tensor, linked: Tensor) -> tuple[Tensor, Tensor]:
        """Run the horizontal stack on `reach` columns more than it returns.

        Args:
            h: Features of the layer before, shape (B, inputs, rows, reach + columns).
            linked: From the vertical stack, shape (B, 2·width, rows, columns).

        Returns:
            Features, and what the layer adds to the output, both (B, width, rows, columns).
        """
        out: Tensor = self.out(gated(self.left(h).add_(linked)))
        if self.last:
            return out, out
        residual, skip = out.chunk(2, dim=1)
        return residual if self.first else h[..., self.reach :] + residual, skip


GAIN = 2.0
"""Gain that compensates the attenuation of small features by `gated`."""


def gated(z: Tensor) -> Tensor:
    """Return tanh(a/2) · σ(b), with a and b the halves of the channels.

    tanh(a/2) = 2 σ(a) − 1, and one sigmoid of all channels takes half of the time.
    """
    a, b = z.sigmoid().chunk(2, dim=1)
    return torch.addcmul(-b, a, b, value=2.0)
