"""One step of Glow: actnorm, an invertible 1×1 convolution, and a coupling layer."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, logsigmoid

from ood_bench.float64 import in_float64
from ood_bench_models.coupling_networks import LOG_SCALE_FACTOR, CouplingNetwork


class Mixing(nn.Module):
    """Actnorm y = (x + b) · s and the 1×1 convolution W y, computed as one convolution.

    W = P L (U + diag(s)) starts as a random rotation, so that log |det W| = Σ log |s|.

    Args:
        channels: Channels of the image.
    """

    permutation: Tensor
    sign: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(channels, channels, dtype=torch.float64))[0]
        permutation, lower, upper = torch.linalg.lu(rotation)
        diagonal = upper.diagonal()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.lower = nn.Parameter(lower.tril(-1).float())
        self.upper = nn.Parameter(upper.triu(1).float())
        self.log_diagonal = nn.Parameter(diagonal.abs().log().float())
        self.register_buffer("permutation", permutation.float())
        self.register_buffer("sign", diagonal.sign().float())

    def kernel(self) -> Tensor:
        """Return W, the 1×1 convolution alone, shape `(C, C)`."""
        lower = self.lower.tril(-1) + torch.ones_like(self.sign).diag()
        upper = self.upper.triu(1) + (self.sign * self.log_diagonal.exp()).diag()
        return self.permutation @ lower @ upper

    def affine(self) -> tuple[Tensor, Tensor]:
        """Return A and c of the whole map x ↦ A x + c at each pixel."""
        matrix = self.kernel() * (LOG_SCALE_FACTOR * self.log_scale).exp()
        return matrix, matrix @ self.bias

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output and log |det|, one number for all images."""
        matrix, offset = self.affine()
        log_det = (LOG_SCALE_FACTOR * self.log_scale + self.log_diagonal).sum()
        y = conv2d(x, matrix[:, :, None, None], offset)
        return y, log_det * (x.shape[2] * x.shape[3])

    def inverse(self, y: Tensor) -> Tensor:
        """Return the x that `forward` maps to y."""
        matrix, offset = self.affine()
        inverse = in_float64(matrix).inverse().to(y)
        return conv2d(y - offset[:, None, None], inverse[:, :, None, None])

    def prepare(self, x: Tensor) -> None:
        """Set the actnorm to give each channel zero mean and unit variance."""
        std, mean = torch.std_mean(x, dim=(0, 2, 3))
        self.bias.data = -mean
        self.log_scale.data = -(std + 1e-6).log() / LOG_SCALE_FACTOR


class Coupling(nn.Module):
    """Shift, and with `affine` scale, one half of the channels by a function of the other.

    b ← (b + t(a)) · s(a), with s = sigmoid(· + 2); without `affine` b ← b + t(a), whose
    log-determinant is zero.

    Args:
        network: Maps half the channels to t, or to t and the argument of s.
        affine: Whether to scale.
    """

    def __init__(self, network: CouplingNetwork, *, affine: bool) -> None:
        super().__init__()
        self.network = network
        self.affine = affine

    def terms(self, a: Tensor, autocast: torch.autocast) -> tuple[Tensor, Tensor | None]:
        """Return t(a) and the argument of s(a), in the precision of `a`."""
        with autocast:
            h = self.network(a)
        h = h.to(a.dtype)
        if not self.affine:
            return h, None
        shift, argument = h.chunk(2, dim=1)
        return shift, argument + 2.0

    def forward(self, x: Tensor, autocast: torch.autocast) -> tuple[Tensor, Tensor | float]:
        """Return the output and log |det| of each image, or 0 without `affine`."""
        a, b = x.chunk(2, dim=1)
        shift, argument = self.terms(a, autocast)
        b = b + shift
        if argument is None:
            return torch.cat([a, b], dim=1), 0.0
        b = b * argument.sigmoid()
        return torch.cat([a, b], dim=1), logsigmoid(argument).sum(dim=(1, 2, 3))

    def inverse(self, y: Tensor, autocast: torch.autocast) -> Tensor:
        """Return the x that `forward` maps to y."""
        a, b = y.chunk(2, dim=1)
        shift, argument = self.terms(a, autocast)
        if argument is not None:
            b = b / argument.sigmoid()
        return torch.cat([a, b - shift], dim=1)


class FlowStep(nn.Module):
    """Actnorm, 1×1 convolution and coupling, in this order."""

    def __init__(self, channels: int, network: CouplingNetwork, *, affine: bool) -> None:
        super().__init__()
        self.mixing = Mixing(channels)
        self.coupling = Coupling(network, affine=affine)

    def forward(self, x: Tensor, autocast: torch.autocast) -> tuple[Tensor, Tensor]:
        """Return the output and log |det|, shape `(B,)` or of one element for all images."""
        x, mixed = self.mixing(x)
        x, coupled = self.coupling(x, autocast)
        return x, mixed + coupled

    def inverse(self, y: Tensor, autocast: torch.autocast) -> Tensor:
        """Return the x that `forward` maps to y."""
        return self.mixing.inverse(self.coupling.inverse(y, autocast))

    def prepare(self, x: Tensor, autocast: torch.autocast) -> Tensor:
        """Initialise all actnorms from the step's input; return its output."""
        self.mixing.prepare(x)
        a, _ = self.mixing(x)[0].chunk(2, dim=1)
        self.coupling.network.prepare(a)
        return self.forward(x, autocast)[0]
