"""What a suite may say."""

from pathlib import Path
from typing import Annotated, Any, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from ood_bench.claims import CALLED, Claim
from ood_bench.data import DataOptions
from ood_bench.data.options import CorruptionKind
from ood_bench.recipe import Recipe
from ood_bench.results import Category, Corrupted, Labelled, Variant
from ood_bench.suite.quoted import Quoted, QuotedValues
from ood_bench.suite.variants import variant_name
from ood_bench.typed import FROZEN, Name
from ood_bench.zoo import PREFIX

__all__ = [
    "Background",
    "CheckpointPath",
    "Dequantization",
    "Ensemble",
    "Evaluation",
    "MeasuringEntry",
    "Members",
    "MetricName",
    "ModelEntry",
    "Pair",
    "PluginEntry",
    "Quoted",
    "Roles",
    "Suite",
    "ZooName",
]


class _Frozen(BaseModel):
    model_config = FROZEN


def _names_to_entries(value: Any) -> Any:
    """Let `[likelihood, typicality]` stand for entries without options."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: {} if entry is None else entry for name, entry in value.items()}
    return value


def _lightning_style(value: Any) -> Any:
    """Let `{class_path: package.module.Class, init_args: {...}}` stand for `use` and `options`."""
    if not isinstance(value, dict) or not isinstance(value.get("class_path"), str):
        return value
    for own, lightnings in (("use", "class_path"), ("options", "init_args")):
        if own in value:
            raise ValueError(f"`{own}` and `{lightnings}` say the same; give one of the two styles")
    rest = {key: item for key, item in value.items() if key not in ("class_path", "init_args")}
    module, _, name = value["class_path"].rpartition(".")
    return {"use": f"{module}:{name}", "options": value.get("init_args") or {}, **rest}


def _checkpoint_kind(value: Any) -> str:
    return "[seeds]" if isinstance(value, list | tuple) else "[one]"


def _new(name: str) -> str:
    if name in CALLED:
        raise ValueError(f"'{name}' is what measures of claims call something else; rename it")
    return name


MetricName = Annotated[
    str, StringConstraints(pattern="^[a-z][a-z0-9_]*$", max_length=40), AfterValidator(_new)
]
"""The name of a metric that a suite adds: measures of claims call it."""

ZooName = Annotated[str, StringConstraints(pattern=f"^{PREFIX}")]

CheckpointPath = Annotated[
    Annotated[Path, Tag("[one]")]
    | Annotated[tuple[ZooName, ...], Field(min_length=1), Tag("[seeds]")],
    Discriminator(_checkpoint_kind),
]


class PluginEntry(_Frozen):
    """A metric; `MeasuringEntry` adds the key of detectors and analyses."""

    use: str | None = None
    """The plugin: a registered name, `package.module:Class`, or a class in a file beside the suite,
    `./file.py:Class`; default: the entry's name."""
    options: dict[str, Any] = {}
    """Options of the plugin."""

    _read = model_validator(mode="before")(_lightning_style)


class MeasuringEntry(PluginEntry):
    """A detector or an analysis."""

    models: tuple[str, ...] | None = None
    """The models that it runs on; default: all that it applies to."""

    def runs_on(self, model: str) -> bool:
        """Return whether it is meant to run on a model."""
        return self.models is None or model in self.models


class ModelEntry(_Frozen):
    """A model and its training."""

    use: str | None = None
    """The plugin: a registered name, `package.module:Class`, or a class in a file beside the suite,
    `./file.py:Class`; default: the entry's name."""
    options: dict[str, Any] = {}
    """Options of the model."""
    variants: dict[str, Annotated[tuple[str | bool | int | float, ...], Field(min_length=1)]] = {}
    """Values of options, each combination of which is a model of its own, at most 64: `{width: [64,
    128]}` makes `glow-width-64` and `glow-width-128` of `glow`. A list of models that names it
    names all of them. The report draws AUROC against each option."""
    training: dict[str, Any] = {}
    """Training options that override those of the suite."""
    checkpoint: CheckpointPath | None = None
    """Weights trained elsewhere; the model is then not trained, but for `train_others`. A file
    beside the suite: safetensors, or a state dict of `torch.save`. Or `zoo:NAME`, a model of
    `ood-bench models zoo` with its options, seed and split of the training images; a list of these
    for one model of several seeds or data sets, of which each ID data set uses those that were
    trained on it."""
    train_others: bool = False
    """Train the model on ID data sets that no `zoo:NAME` was trained on; by default, they are a
    mistake. `options` override those of the first checkpoint, and `training` the suite's; nothing
    of how the checkpoints were trained is taken over."""

    _read = model_validator(mode="before")(_lightning_style)

    @property
    def zoo(self) -> tuple[str, ...]:
        """The names of the zoo's models that are its checkpoints, without `zoo:`."""
        given = self.checkpoint if isinstance(self.checkpoint, tuple) else (str(self.checkpoint),)
        return tuple(name.removeprefix(PREFIX) for name in given if name.startswith(PREFIX))

    @model_validator(mode="after")
    def _says_what_the_zoo_does_not(self) -> Self:
        if self.train_others and not self.zoo:
            raise ValueError("`train_others` needs a `checkpoint` of the zoo")
        for key in ("options", "training"):
            if self.zoo and getattr(self, key) and not self.train_others:
                raise ValueError(
                    f"`{key}` comes with the zoo's model; leave it out, or say with "
                    "`train_others: true` that it is for other ID data sets"
                )
        return self


class Ensemble(_Frozen):
    """Several trainings of one model; the likelihood is the mean of theirs."""

    of: str
    """The model."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=2)
    """Seeds of the members."""


class Background(_Frozen):
    """The role `background`: a second model, for likelihood ratios."""

    mutation: float | None = Field(default=None, gt=0, lt=1)
    """Train a second model of the same kind on images with this share of pixel values replaced at
    random."""
    model: str | None = None
    """Use another model of the suite instead."""
    models: tuple[str, ...] | None = None
    """The models that have a background; default: all."""

    @model_validator(mode="after")
    def _is_one(self) -> "Background":
        if (self.mutation is None) == (self.model is None):
            raise ValueError("say either `mutation` or `model`")
        return self


class Members(_Frozen):
    """The role `members`: trainings of the same model with other seeds."""

    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=2)
    """Their seeds."""
    models: tuple[str, ...] | None = None
    """The models that have members; default: all."""


class Roles(_Frozen):
    """Further models that detectors need, beside the one that they run on."""

    background: Background | None = None
    """A second model, for likelihood ratios."""
    members: Members | None = None
    """Trainings of the same model with other seeds."""
    classifier: ModelEntry | None = None
    """A classifier, trained on the labels of each ID data set. Detectors that read only it run once
    per pair, under the model name `classifier`."""

    @model_validator(mode="after")
    def _has_no_variants(self) -> Self:
        if self.classifier and self.classifier.variants:
            raise ValueError("a classifier has no `variants`; they are of the suite's models")
        return self


class Pair(_Frozen):
    """An ID data set and its OOD data sets."""

    inside: str
    """The ID data set, on which the models are trained."""
    outside: tuple[str, ...] = Field(min_length=1)
    """The OOD data sets."""
    near: tuple[str, ...] = ()
    """Those OOD data sets that are near-OOD: like the ID images, of other classes. The report gives
    mean AUROCs over near-OOD, far-OOD and shifted sets."""
    far: tuple[str, ...] = ()
    """Those OOD data sets that are far-OOD."""
    shift: tuple[str, ...] = ()
    """Those that are ID images of which only the look differs, such as corrupted ones."""
    corruptions: tuple[CorruptionKind, ...] = ()
    """Adds the ID test images, corrupted, as OOD sets labelled `shift`: five of each kind, such
    as `cifar10-gaussian_blur-1` to `-5`. The report draws AUROC over their complexity."""
    models: tuple[str, ...] | None = None
    """The models and ensembles of the pair; default: all of the suite."""
    shape: tuple[int, int, int] | None = None
    """Channels, height and width of both sides; default: those of the ID data set."""


class Dequantization(_Frozen):
    """Noise draws of dequantized models."""

    samples: int = Field(default=1, ge=1, le=65_536)
    """Number K of uniform draws per image. `log_prob` is the log of their mean likelihood: a bound
    that rises towards log P(x) with K and costs K times the scoring. Everything computed from
    `log_prob` uses it; other statistics use one draw."""


class Evaluation(_Frozen):
    """How results are measured."""

    train_images: int = Field(default=5_000, ge=1)
    """Number of training images to score, for the histogram and `bpd_train`."""
    fit_images: int | None = Field(default=None, ge=1)
    """Most training images that a detector with `fit_on: train` is fitted on: the first in the
    order in which the training split is divided; default: all that its model is trained on."""
    held_out_images: int | None = Field(default=None, ge=1)
    """Most held-out images that are scored and that a detector is fitted on, the first in the same
    order; default: all. For models whose likelihood takes long, such as flows that solve an ODE."""
    resamples: int = Field(default=1_000, ge=100)
    """Bootstrap resamples for the upper end of the detection error's interval."""
    level: float = Field(default=0.95, gt=0.5, lt=1)
    """Coverage of every interval."""
    baseline: str | None = None
    """A detector to test all others against: adds paired tests, ranks, cost, and figures over all
    pairs to the report. Default: none of these."""
    metrics: Annotated[dict[MetricName, PluginEntry], BeforeValidator(_names_to_entries)] = {}
    """Further metrics beside the standard ones (AUROC, AUPR-Out, AUPR-In, FPR@95TPR, detection
    error), under names that claims can use; `ood-bench metrics list` lists the installed ones."""
    audit: bool = True
    """Whether to audit the data: how well single numbers per image separate each pair without a
    model, and which images two data sets share."""
    dequantization: Dequantization = Dequantization()
    """Noise draws of dequantized models, such as flows."""


class Suite(_Frozen):
    """A suite: models, data sets, detectors, analyses and claims."""

    name: Name
    """Name of the run's folder."""
    title: str = ""
    """Title of the report."""
    about: str = ""
    """A paragraph for the report."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(0,), min_length=1)
    """Each model is trained once per seed."""
    training: dict[str, Any] = {}
    """Training options of all models."""
    datasets: dict[Name, DataOptions] = {}
    """Data sets that are not in the catalogue, or that need options."""
    models: Annotated[dict[Name, ModelEntry], BeforeValidator(_names_to_entries)] = Field(
        min_length=1
    )
    """The models, under names of your choice."""
    ensembles: dict[Name, Ensemble] = {}
    """Ensembles of the models; the rest of the suite treats them as models."""
    roles: Roles = Roles()
    """Further models that detectors need."""
    detectors: Annotated[dict[Name, MeasuringEntry], BeforeValidator(_names_to_entries)] = Field(
        min_length=1
    )
    """The detectors, under names of your choice."""
    analyses: Annotated[dict[Name, MeasuringEntry], BeforeValidator(_names_to_entries)] = {}
    """The analyses; each runs for every model, or those in its `models`, and every ID data set."""
    pairs: tuple[Pair, ...] = Field(min_length=1)
    """The pairs of ID and OOD data sets."""
    evaluation: Evaluation = Evaluation()
    """How results are measured: metrics, intervals, training images to score, the audit."""
    claims: tuple[Claim, ...] = ()
    """Claims to check against the results."""
    quoted: QuotedValues = ()
    """Published values of the detectors: a list of them, or a file of values with their sources, of
    which those that this suite measures are shown. `published` is the file that comes with the
    package."""

    def recipe(self, model: str) -> Recipe:
        """Return the training options of a model, its own on top of the suite's.

        An ensemble has those of its members.
        """
        of = model if model in self.models else self.ensembles[model].of
        return Recipe.model_validate({**self.training, **self.models[of].training})

    @property
    def variants(self) -> dict[str, Variant]:
        """The models that are variants, with the model that each was made of."""
        found = {}
        for name, entry in self.models.items():
            axes = {axis: value for axis, (value,) in entry.variants.items()}
            if axes:
                found[name] = Variant(name.removesuffix(variant_name("", axes)), axes)
        return found

    def classifier_recipe(self) -> Recipe:
        """Return the training options of the classifier, on top of the suite's."""
        own = self.roles.classifier.training if self.roles.classifier else {}
        return Recipe.model_validate({**self.training, **own})

    @property
    def categories(self) -> tuple[Labelled, ...]:
        """The categories of the OOD data sets, by pair."""
        found = (
            Labelled(pair.inside, name, category)
            for pair in self.pairs
            for category in get_args(Category)
            for name in getattr(pair, category)
        )
        return tuple(dict.fromkeys(found))

    @property
    def corrupted(self) -> tuple[Corrupted, ...]:
        """The OOD data sets that are corrupted images of their ID set."""
        found = []
        for pair in self.pairs:
            for name in pair.outside:
                corruption = self.data_options(name).corruption
                if corruption and self._plain(name) == self._plain(pair.inside):
                    found.append(Corrupted(pair.inside, name, corruption.kind, corruption.strength))
        return tuple(dict.fromkeys(found))

    def _plain(self, name: str) -> DataOptions:
        """Return the options of a data set without its corruption, and its entry's name."""
        options = self.data_options(name)
        use = None if options.own else options.use or name
        return options.model_copy(update={"corruption": None, "use": use})

    @property
    def evaluated(self) -> tuple[str, ...]:
        """The names of all that is evaluated: models, ensembles, the classifier."""
        classifier = ("classifier",) if self.roles.classifier else ()
        return (*self.models, *self.ensembles, *classifier)

    @property
    def published(self) -> tuple[Quoted, ...]:
        """The published values; none of a file that has not been read."""
        return () if isinstance(self.quoted, str) else self.quoted

    def data_options(self, name: str) -> DataOptions:
        """Return what the suite says about a data set; a catalogue name needs no entry."""
        return self.datasets.get(name, DataOptions())
