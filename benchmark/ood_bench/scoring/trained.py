"""A trained model with what scoring needs: weights, options, held-out columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydantic import ValidationError

from ood_bench.capabilities import DensityModel, has
from ood_bench.data import Shape, Transform
from ood_bench.detectors import Columns, Scores
from ood_bench.errors import OodBenchError, PluginError
from ood_bench.packed import StoredFile
from ood_bench.registry import Registry, arguments

if TYPE_CHECKING:
    from ood_bench.lit import ImageModule


@dataclass(frozen=True)
class HeldOut:
    """A column of the held-out images, and the statistic that yielded it."""

    statistic: str
    revision: int
    values: Scores


class Course(NamedTuple):
    """The file of a training's probes, and the digest of each probe's images by name."""

    file: StoredFile
    probes: Mapping[str, str]


class TestMeasure(NamedTuple):
    """A result for the hub's card: task, measure, images, value and interval."""

    task: str
    measure: str
    split: str
    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class TrainedModel:
    """One finished training.

    Attributes:
        name: Its name in cells, `model@inside/seed`.
        plugin: The model's plugin, as named in its suite.
        revision: The plugin's revision when it was trained.
        options: All its options, defaults filled in.
        shape: Shape of one image.
        seed: The seed that it was trained with.
        recipe: The training options that its weights depend on.
        data: Provenance of the training images, and under `pipeline` their transform.
        weights: The file of its weights.
        held_out: Columns of held-out in-distribution images, by name.
        base: The folder that a plugin in a file is relative to.
        trust: Whether to load a plugin that no installed package registers.
        training: The training report; empty if unknown.
        tested: Bits per dimension of the test images, if its run has measured them.
        course: Bits per dimension along the training, if it was probed.
    """

    name: str
    plugin: str
    revision: int | str
    options: Mapping[str, Any]
    shape: Shape
    seed: int
    recipe: Mapping[str, Any]
    data: Mapping[str, Any]
    weights: StoredFile
    held_out: Mapping[str, HeldOut]
    base: Path
    trust: bool
    training: Mapping[str, Any] = field(default_factory=dict)
    tested: TestMeasure | None = None
    course: Course | None = None

    @property
    def transform(self) -> Transform:
        """The transform of the training images; the identity if they had their shape natively."""
        if self.data.get("transform") == "none":
            return Transform()
        try:
            return Transform.model_validate(self.data.get("pipeline"))
        except ValidationError as error:
            raise OodBenchError(
                f"{self.name}: how its training images were transformed cannot be read; give a "
                "transform"
            ) from error

    def columns(self, registry: Registry) -> Columns:
        """Return the held-out columns whose statistics are installed in the same revision."""
        return {
            name: column.values
            for name, column in self.held_out.items()
            if column.statistic in registry.names("statistics")
            and registry.load("statistics", column.statistic).revision == column.revision
        }

    def load(self, device: str) -> DensityModel:
        """Return the model in evaluation mode on a device.

        Raises:
            PluginError: If its plugin is missing, has another revision, or is not a density.
            OodBenchError: If its weights do not fit.
        """
        from safetensors import SafetensorError

        from ood_bench.lit import build
        from ood_bench.lit.stored import load_stored

        registry = Registry(self.base, trust=self.trust)
        plugin = registry.load("models", self.plugin)
        if not has(plugin, DensityModel):
            raise PluginError(f"{self.name}: {plugin.__name__} has no log_prob to judge images by")
        now = registry.revision(self.plugin, plugin, self.options)
        if now != self.revision:
            raise PluginError(
                f"{self.name} was trained with revision {self.revision} of '{self.plugin}' and "
                f"revision {now} is installed; train it again"
            )
        given = arguments(plugin, self.plugin, registry.located(plugin, self.options))
        try:
            model: ImageModule = build(plugin, self.shape, given, self.seed)
            model.load_state_dict(load_stored(self.weights))
        except (OSError, RuntimeError, MemoryError, SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise OodBenchError(f"{self.weights}: no weights of {self.name}: {reason}") from error
        return cast("DensityModel", model.to(device).eval())
