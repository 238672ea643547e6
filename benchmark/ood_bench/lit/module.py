"""The Lightning base classes of models."""

# ruff: noqa: ARG002  Lightning fixes the signatures of its hooks

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import ClassVar, TypeAlias

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn.functional import cross_entropy

from ood_bench.capabilities import Classification, Classifies, DensityModel, LogProbKind
from ood_bench.data import Shape
from ood_bench.float64 import in_float64
from ood_bench.hashing import seed_for
from ood_bench.lit.augmentation import augmented
from ood_bench.lit.optimizers import optimizer_for
from ood_bench.lit.state import TrainingState
from ood_bench.noise import mutated, uniform_noise
from ood_bench.units import bits_per_dim

Batch: TypeAlias = Tensor | tuple[Tensor, Tensor]
"""uint8 images `(B, C, H, W)`, with classes `(B,)` for a classifier."""


class ImageModule(LightningModule, ABC):
    """Base of trainable models of 8-bit images: `DensityModule` and `ClassifierModule`.

    Attributes:
        revision: Raised when the computation changes; old results are then stale.
        added_options: Options that came later. At their defaults, which stay for good, they are
            left out of keys, so that older results are found again.
        shape: Shape of one image.
        training_state: What Lightning's hooks train by; `fit` attaches its own while it runs.
        draw: Index of the noise draw of `dequantize` in evaluation; default: 0.
    """

    revision: ClassVar[int] = 1
    added_options: ClassVar[frozenset[str]] = frozenset()

    initialised: Tensor
    salt: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.training_state = TrainingState()
        self.draw = 0
        self.register_buffer("initialised", torch.tensor(False))
        self.register_buffer("salt", torch.zeros((), dtype=torch.int64), persistent=False)

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Return the training loss in nats per image, a scalar."""

    @abstractmethod
    def in_words(self, loss: float) -> str:
        """Format a loss with its unit, for progress messages."""

    @abstractmethod
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Return the validation measures of a finished training, by name."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss in nats, with this step's noise and augmentation."""
        state, step = self.training_state, self.global_step
        self.salt.fill_(seed_for("noise", state.seed, step))
        if isinstance(batch, Tensor):
            return self.loss(augmented(batch, state.recipe, seed=state.seed, step=step))
        x, label = batch
        return self.loss((augmented(x, state.recipe, seed=state.seed, step=step), label))

    def prepare(self, y: Tensor) -> None:
        """Initialise parameters from data, continuous images `(B, C, H, W)` on [0, 1)."""

    @torch.no_grad()
    def initialise(self, x: Tensor) -> None:
        """Run `prepare` on training images; done once, before the first step.

        Until then the model raises an error when it scores; otherwise the first images that it
        happens to see would set its parameters.
        """
        self.train()
        self.prepare(self.dequantize(x))
        self.initialised.fill_(value=True)

    def admit(self, x: Tensor) -> None:
        """Check that images can be scored; every `log_prob` calls this or `dequantize` first.

        Raises:
            ValueError: If the images are not uint8 or not of the model's shape.
            RuntimeError: If the model is in evaluation and was never initialised.
        """
        if x.dtype != torch.uint8 or x.ndim != 4 or tuple(x.shape[1:]) != self.shape:
            raise ValueError(
                f"{type(self).__name__} takes uint8 images (B, C, H, W) of {self.shape}, "
                f"got {str(x.dtype).removeprefix('torch.')} of shape {tuple(x.shape)}"
            )
        if not self.training and not self.initialised:
            raise RuntimeError(
                f"{type(self).__name__} has not seen training data and cannot score; train it, "
                "load trained weights, or call initialise() with training images"
            )

    def dequantize(self, x: Tensor) -> Tensor:
        """Return (x + u) / 256 in (0, 1), with noise u that is a function of each image.

        In evaluation the noise is fixed. In training it changes at every step as a function of
        step and seed, so that a resumed run draws the same noise.

        Args:
            x: uint8 images, shape `(B, C, H, W)`.

        Returns:
            The images' shape, in the model's dtype; exact in float32.

        Raises:
            ValueError: If the images are not uint8 or not of the model's shape.
            RuntimeError: If the model is in evaluation and was never initialised.
        """
        self.admit(x)
        noise = uniform_noise(x, self.salt if self.training else self.draw)
        return ((x + noise) / 256.0).to(self.dtype)

    def autocast(self) -> torch.autocast:
        """Return the context for heavy networks: bfloat16 in a training in bf16.

        Log-determinants and priors stay outside it. Evaluation is always in full precision, and
        so is a device for which PyTorch has no autocast.
        """
        kind = self.device.type
        if not torch.amp.is_autocast_available(kind):
            return torch.autocast("cpu", dtype=torch.bfloat16, enabled=False)
        enabled = self.training and self.training_state.precision == "bf16"
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=enabled)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return the recipe's optimiser and its schedule, stepped once a batch."""
        state = self.training_state
        optimizer = optimizer_for(state.recipe, self.parameters())
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, state.rate_at)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


class DensityModule(ImageModule, DensityModel, ABC):
    """A distribution over 8-bit images that is trained by maximum likelihood.

    A subclass implements `log_prob`, and `prepare` for data-dependent initialisation. Its options
    are keyword-only arguments of `__init__`, which begins with `super().__init__(shape)`. One that
    is trained otherwise overrides `loss`, which begins with `self.mutate(batch)`, and `in_words`.

    Attributes:
        log_prob_is: What `log_prob` is: `bound`, the default, as for dequantized models and
            ELBOs; `exact`, log P(x) of a distribution over integers; `estimate`, by random
            draws, with an error of either sign; name `Estimates` to state the error.
        optimized: `log_prob` compiled, which `fit` sets while it trains on a GPU; else None.
    """

    log_prob_is: ClassVar[LogProbKind] = "bound"

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.optimized: Callable[[Tensor], Tensor] | None = None

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """Return log P(x) of uint8 images `(B, C, H, W)` in nats, shape `(B,)`."""

    def loss(self, batch: Batch) -> Tensor:
        """Return minus the mean log-probability in nats; logs bits per dimension."""
        log_prob = (self.optimized or self.log_prob)(self.mutate(batch)).mean()
        self.log("train/bits_per_dim", bits_per_dim(log_prob.detach(), self.shape.dims))
        return -log_prob

    def mutate(self, batch: Batch) -> Tensor:
        """Return a batch's images, some values replaced if the recipe says so."""
        assert isinstance(batch, Tensor)
        state = self.training_state
        if not state.recipe.mutation:
            return batch
        salt = seed_for("mutation", state.seed, self.global_step)
        return mutated(batch, state.recipe.mutation, salt)

    def in_words(self, loss: float) -> str:
        """Return bits per dimension."""
        return f"{bits_per_dim(-loss, self.shape.dims):.3f} bits/dim"

    @torch.no_grad()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Return `bpd_validation`, the mean bits per dimension."""
        parts = [in_float64(self.log_prob(x)) for x in batches if isinstance(x, Tensor)]
        return {"bpd_validation": bits_per_dim(float(torch.cat(parts).mean()), self.shape.dims)}

    def validation_step(self, x: Tensor, batch_idx: int) -> None:
        """Log the mean bits per dimension."""
        bits = bits_per_dim(self.log_prob(x).mean(), self.shape.dims)
        self.log("val/bits_per_dim", bits, batch_size=len(x))


class ClassifierModule(ImageModule, Classifies, ABC):
    """A classifier that is trained by cross-entropy on the labels of its data set.

    A subclass implements `classify`. Its options are keyword-only arguments of `__init__`, which
    begins with `super().__init__(shape, classes=classes)`; `classes` is the number of classes,
    which the planner fills in from the data set.
    """

    def __init__(self, shape: Shape, *, classes: int) -> None:
        super().__init__(shape)
        if classes < 2:
            raise ValueError(f"a classifier needs at least two classes, got {classes}")
        self.classes = classes

    @abstractmethod
    def classify(self, y: Tensor) -> Classification:
        """Return logits and features of images on [0, 1]."""

    def has_linear_head(self) -> bool:
        """Return whether the logits are an affine function of the features; true by default.

        Detectors that read the last layer are skipped for a classifier that says no.
        """
        return True

    def _logits(self, x: Tensor) -> Tensor:
        self.admit(x)
        return self.classify(x.to(self.dtype) / 255.0).logits

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy in nats."""
        x, label = batch
        loss = cross_entropy(self._logits(x), label)
        self.log("train/cross_entropy", loss.detach(), batch_size=len(x))
        return loss

    def in_words(self, loss: float) -> str:
        """Return the cross-entropy."""
        return f"{loss:.3f} nats"

    @torch.no_grad()
    def validate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Return `accuracy_validation`, the share of correctly classified images."""
        right = [in_float64(self._logits(x).argmax(dim=1) == label) for x, label in batches]
        return {"accuracy_validation": float(torch.cat(right).mean())}

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Log the accuracy."""
        x, label = batch
        right = in_float64(self._logits(x).argmax(dim=1) == label).mean()
        self.log("val/accuracy", right, batch_size=len(x))
