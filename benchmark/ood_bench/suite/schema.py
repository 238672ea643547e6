"""What a suite may say."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from ood_bench.claims import CALLED, Claim
from ood_bench.data import DataOptions
from ood_bench.recipe import Recipe
from ood_bench.typed import Name
from ood_bench.zoo import PREFIX

__all__ = [
    "Background",
    "CheckpointPath",
    "Dequantization",
    "DetectorEntry",
    "Ensemble",
    "Evaluation",
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
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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
    """A metric or an analysis; `DetectorEntry` adds the keys of a detector.

    Attributes:
        use: The plugin: a registered name, `package.module:Class`, or a class in a file beside
            the suite, `./file.py:Class`; default: the entry's name.
        options: Options of the plugin.
    """

    use: str | None = None
    options: dict[str, Any] = {}

    _read = model_validator(mode="before")(_lightning_style)


class DetectorEntry(PluginEntry):
    """A detector.

    Attributes:
        models: The models that it runs on; default: all that have its columns.
    """

    models: tuple[str, ...] | None = None


class ModelEntry(_Frozen):
    """A model and its training.

    Attributes:
        use: The plugin, as in `PluginEntry`; default: the entry's name.
        options: Options of the model.
        training: Training options that override those of the suite.
        checkpoint: Weights trained elsewhere; the model is then not trained. A file beside the
            suite: safetensors, or a state dict of `torch.save`. Or `zoo:NAME`, a model of
            `ood-bench models zoo` with its options, seed and split of the training images; a
            list of these for one model of several seeds or data sets, of which each ID data
            set uses those that were trained on it.
    """

    use: str | None = None
    options: dict[str, Any] = {}
    training: dict[str, Any] = {}
    checkpoint: CheckpointPath | None = None

    _read = model_validator(mode="before")(_lightning_style)

    @property
    def zoo(self) -> tuple[str, ...]:
        """The names of the zoo's models that are its checkpoints, without `zoo:`."""
        given = self.checkpoint if isinstance(self.checkpoint, tuple) else (str(self.checkpoint),)
        return tuple(name.removeprefix(PREFIX) for name in given if name.startswith(PREFIX))

    @model_validator(mode="after")
    def _says_what_the_zoo_does_not(self) -> Self:
        for key in ("options", "training"):
            if self.zoo and getattr(self, key):
                raise ValueError(f"`{key}` comes with the zoo's model; leave it out")
        return self


class Ensemble(_Frozen):
    """Several trainings of one model; the likelihood is the mean of theirs.

    Attributes:
        of: The model.
        seeds: Seeds of the members.
    """

    of: str
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=2)


class Background(_Frozen):
    """The role `background`: a second model, for likelihood ratios.

    Attributes:
        mutation: Train a second model of the same kind on images with this share of pixel values
            replaced at random.
        model: Use another model of the suite instead.
        models: The models that have a background; default: all.
    """

    mutation: float | None = Field(default=None, gt=0, lt=1)
    model: str | None = None
    models: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Background":
        if (self.mutation is None) == (self.model is None):
            raise ValueError("say either `mutation` or `model`")
        return self


class Members(_Frozen):
    """The role `members`: trainings of the same model with other seeds.

    Attributes:
        seeds: Their seeds.
        models: The models that have members; default: all.
    """

    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=2)
    models: tuple[str, ...] | None = None


class Roles(_Frozen):
    """Further models that detectors need, beside the one that they run on.

    Attributes:
        background: See `Background`.
        members: See `Members`.
        classifier: A classifier, trained on the labels of each ID data set. Detectors that read
            only it run once per pair, under the model name `classifier`.
    """

    background: Background | None = None
    members: Members | None = None
    classifier: ModelEntry | None = None


class Quoted(_Frozen):
    """A published AUROC, shown beside the measured one and used for nothing else.

    Attributes:
        detector: The detector, by the suite's name.
        inside: The ID data set.
        outside: The OOD data set.
        auroc: One value, or several that disagree.
        source: Where they were published.
    """

    detector: str
    inside: str
    outside: str
    auroc: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(min_length=1)
    source: str


class Pair(_Frozen):
    """An ID data set and its OOD data sets.

    Attributes:
        inside: The ID data set, on which the models are trained.
        outside: The OOD data sets.
        models: The models and ensembles of the pair; default: all of the suite.
        shape: Channels, height and width of both sides; default: those of the ID data set.
    """

    inside: str
    outside: tuple[str, ...] = Field(min_length=1)
    models: tuple[str, ...] | None = None
    shape: tuple[int, int, int] | None = None


class Dequantization(_Frozen):
    """Noise draws of dequantized models.

    Attributes:
        samples: Number K of uniform draws per image. `log_prob` is the log of their mean
            likelihood: a bound that rises towards log P(x) with K and costs K times the scoring.
            Everything computed from `log_prob` uses it; other statistics use one draw.
    """

    samples: int = Field(default=1, ge=1, le=65_536)


class Evaluation(_Frozen):
    """How results are measured.

    Attributes:
        train_images: Number of training images to score, for the histogram and `bpd_train`.
        resamples: Bootstrap resamples for the upper end of the detection error's interval.
        level: Coverage of every interval.
        baseline: A detector to test all others against: adds paired tests, ranks, cost, and
            figures over all pairs to the report. Default: none of these.
        dequantization: Noise draws of dequantized models, such as flows.
        metrics: Further metrics beside the standard ones (AUROC, AUPR-Out, AUPR-In, FPR@95TPR,
            detection error), under names that claims can use; `ood-bench metrics list` lists
            the installed ones.
        audit: Whether to audit the data: how well single numbers per image separate each pair
            without a model, and which images two data sets share.
    """

    train_images: int = Field(default=5_000, ge=1)
    resamples: int = Field(default=1_000, ge=100)
    level: float = Field(default=0.95, gt=0.5, lt=1)
    baseline: str | None = None
    metrics: Annotated[dict[MetricName, PluginEntry], BeforeValidator(_names_to_entries)] = {}
    audit: bool = True
    dequantization: Dequantization = Dequantization()


class Suite(_Frozen):
    """A suite: models, data sets, detectors, analyses and claims.

    Attributes:
        name: Name of the run's folder.
        title: Title of the report.
        about: A paragraph for the report.
        seeds: Each model is trained once per seed.
        training: Training options of all models.
        datasets: Data sets that are not in the catalogue, or that need options.
        models: The models, under names of your choice.
        ensembles: Ensembles of the models; the rest of the suite treats them as models.
        roles: Further models that detectors need.
        detectors: The detectors, under names of your choice.
        analyses: The analyses; each runs for every model and ID data set.
        pairs: The pairs of ID and OOD data sets.
        evaluation: How results are measured.
        claims: Claims to check against the results.
        quoted: Published values of the detectors.
    """

    name: Name
    title: str = ""
    about: str = ""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(0,), min_length=1)
    training: dict[str, Any] = {}
    datasets: dict[Name, DataOptions] = {}
    models: dict[Name, ModelEntry] = Field(min_length=1)
    ensembles: dict[Name, Ensemble] = {}
    roles: Roles = Roles()
    detectors: Annotated[dict[Name, DetectorEntry], BeforeValidator(_names_to_entries)] = Field(
        min_length=1
    )
    analyses: Annotated[dict[Name, PluginEntry], BeforeValidator(_names_to_entries)] = {}
    pairs: tuple[Pair, ...] = Field(min_length=1)
    evaluation: Evaluation = Evaluation()
    claims: tuple[Claim, ...] = ()
    quoted: tuple[Quoted, ...] = ()

    def recipe(self, model: str) -> Recipe:
        """Return the training options of a model, its own on top of the suite's.

        An ensemble has those of its members.
        """
        of = model if model in self.models else self.ensembles[model].of
        return Recipe.model_validate({**self.training, **self.models[of].training})

    def classifier_recipe(self) -> Recipe:
        """Return the training options of the classifier, on top of the suite's."""
        own = self.roles.classifier.training if self.roles.classifier else {}
        return Recipe.model_validate({**self.training, **own})

    def data_options(self, name: str) -> DataOptions:
        """Return what the suite says about a data set; a catalogue name needs no entry."""
        return self.datasets.get(name, DataOptions())
