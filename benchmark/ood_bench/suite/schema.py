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
    """A metric or an analysis, or with what `DetectorEntry` adds a detector.

    Attributes:
        use: The plugin: a registered name, `package.module:Class`, or a class of a file beside
            the suite, `./file.py:Class`; the entry's own name unless said.
        options: Its options.
    """

    use: str | None = None
    options: dict[str, Any] = {}

    _read = model_validator(mode="before")(_lightning_style)


class DetectorEntry(PluginEntry):
    """A detector.

    Attributes:
        models: The models that it is tried on; all that have its columns unless said.
    """

    models: tuple[str, ...] | None = None


class ModelEntry(_Frozen):
    """A model and how it is trained.

    Attributes:
        use: The plugin, as in `PluginEntry`; the entry's own name unless said.
        options: Options of the plugin's constructor.
        training: Training options, on top of the suite's own `training`.
        checkpoint: Weights that were trained elsewhere; nothing is then trained. A file beside
            the suite: safetensors, or a state dict that `torch.save` wrote. Or `zoo:NAME`, a
            model that `ood-bench models zoo` lists, whose options, seed and division of the
            training images come with it; a list of such for one model of several seeds or
            data sets, of which each inside takes those that were trained on it.
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
    """Several trainings of one model, whose likelihood is the mean of theirs.

    Attributes:
        of: The model.
        seeds: Seeds of the members.
    """

    of: str
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=2)


class Background(_Frozen):
    """The role `background`: what a model's likelihood is held against.

    Attributes:
        mutation: Share of pixel values replaced at random in the training of a second model
            of the same kind.
        model: Another model of the suite in its place.
        models: The models that have a background; all of the suite's unless said.
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
        models: The models that have members; all of the suite's unless said.
    """

    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=2)
    models: tuple[str, ...] | None = None


class Roles(_Frozen):
    """Models that detectors ask for beside the one that they are tried on.

    Attributes:
        background: See `Background`.
        members: See `Members`.
        classifier: A classifier, trained on the labels of each inside data set. Detectors that
            read nothing else are tried once a pair, as those of a model of this name.
    """

    background: Background | None = None
    members: Members | None = None
    classifier: ModelEntry | None = None


class Quoted(_Frozen):
    """An AUROC as the literature gives it, shown beside what is measured and never used.

    Attributes:
        detector: The detector, by the suite's name.
        inside: The data set trained on.
        outside: The data set tried.
        auroc: One value, or several that disagree.
        source: Where they stand.
    """

    detector: str
    inside: str
    outside: str
    auroc: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(min_length=1)
    source: str


class Pair(_Frozen):
    """One inside data set and the outside data sets that it is tried against.

    Attributes:
        inside: The data set that the models are trained on.
        outside: The data sets that they are tried on.
        models: The models and ensembles of the pair; all of the suite's unless said.
        shape: Channels, height and width that both sides are brought to; the inside's own
            unless said.
    """

    inside: str
    outside: tuple[str, ...] = Field(min_length=1)
    models: tuple[str, ...] | None = None
    shape: tuple[int, int, int] | None = None


class Dequantization(_Frozen):
    """How the noise of dequantized models is averaged over.

    Attributes:
        samples: Uniform draws K behind each image's `log_prob`, the log of their mean likelihood:
            a bound that comes nearer to log P(x) with each and costs K times the scoring. All that
            is made of `log_prob` has it; other statistics have one draw.
    """

    samples: int = Field(default=1, ge=1, le=65_536)


class Evaluation(_Frozen):
    """How results are measured.

    Attributes:
        train_images: How many of the images that a model was trained on are scored, for the
            histogram and `bpd_train`.
        resamples: Bootstrap resamples behind the upper end of the detection error's interval.
        level: Coverage of every interval.
        baseline: A detector with which the others are compared: paired tests, ranks, cost, and
            figures over all pairs. None leaves the comparison out.
        dequantization: Draws of the noise of models that are dequantized: flows, say.
        metrics: Metrics beside the standard ones (AUROC, AUPR-Out, AUPR-In, FPR@95TPR, detection
            error), by the suite's own names, which claims may call; `ood-bench metrics list`
            shows those that are installed.
        audit: Whether the images themselves are audited: what one number of each tells apart,
            and which images two sets share.
    """

    train_images: int = Field(default=5_000, ge=1)
    resamples: int = Field(default=1_000, ge=100)
    level: float = Field(default=0.95, gt=0.5, lt=1)
    baseline: str | None = None
    metrics: Annotated[dict[MetricName, PluginEntry], BeforeValidator(_names_to_entries)] = {}
    audit: bool = True
    dequantization: Dequantization = Dequantization()


class Suite(_Frozen):
    """A whole suite.

    Attributes:
        name: Names the run's folder.
        title: A heading for the report.
        about: A paragraph for the report.
        seeds: One training for each.
        training: Training options that all models share.
        datasets: Data sets that are not in the catalogue, or that need options.
        models: The models, by the suite's own names.
        ensembles: Ensembles of them, likewise; models to the rest of the suite.
        roles: Models that detectors ask for beside these.
        detectors: The detectors, by the suite's own names.
        analyses: The analyses; each runs for every model and inside data set.
        pairs: What is tried against what.
        evaluation: How results are measured.
        claims: What the results are held against.
        quoted: What the literature says of the detectors.
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
