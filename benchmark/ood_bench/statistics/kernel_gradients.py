"""Per-image gradients in the kernel of a convolution, from patches of its input."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad


def kernel_gradients(
    x: Tensor,
    gradient: Tensor,
    count: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    *,
    groups: int,
) -> Tensor:
    """Return each image's gradient in the kernel of a convolution.

    Args:
        x: Input of the convolution, shape `(N, C, H, W)`, N a multiple of the images.
        gradient: Gradient of its output, shape `(N, O, H', W')`.
        count: Images B.
        kernel: Height and width of the kernel.
        stride: Stride of the convolution.
        padding: Padding on both sides.
        dilation: Dilation of the kernel.
        groups: Groups of channels.

    Returns:
        Shape `(B, O, C / groups, *kernel)`.
    """
    outs, C = gradient.shape[1], x.shape[1]
    spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    margins = [span - p for span, p in zip(spans, padding, strict=True)]
    if (
        outs < C
        and groups == 1
        and tuple(stride) == (1, 1)
        and max(kernel) > 1
        and min(margins) >= 0
    ):
        # Of the two correlated images, patches are cut from that with fewer channels.
        swapped = kernel_gradients(gradient, x, count, kernel, stride, margins, dilation, groups=1)
        return swapped.transpose(1, 2).flip(-2, -1)
    patches = _patches(x, gradient.shape[2:], kernel, stride, padding, dilation)
    outputs = gradient.permute(0, 2, 3, 1)
    if groups == 1:
        left = outputs.reshape(count, -1, outs).mT
        product = left @ patches.reshape(count, left.shape[2], -1)
        return product.view(count, outs, *kernel, C).permute(0, 1, 4, 2, 3)
    product = torch.einsum(
        "bpgo,bphwgc->bgochw",
        outputs.reshape(count, -1, groups, outs // groups),
        patches.reshape(count, -1, *kernel, groups, C // groups),
    )
    return product.reshape(count, outs, C // groups, *kernel)


def _patches(
    x: Tensor,
    positions: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> Tensor:
    """Return the input patch at each position, a view `(N, H', W', height, width, C)`."""
    rows = x.permute(0, 2, 3, 1)
    if any(padding):
        rows = pad(rows, (0, 0, padding[1], padding[1], padding[0], padding[0]))
    image, down, right, channel = rows.stride()
    return rows.as_strided(
        (len(rows), *positions, *kernel, x.shape[1]),
        (
            image,
            down * stride[0],
            right * stride[1],
            down * dilation[0],
            right * dilation[1],
            channel,
        ),
    )
