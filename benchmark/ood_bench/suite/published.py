"""A file of published values, each with its table or figure and the paper."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from ood_bench.errors import did_you_mean
from ood_bench.results import Category
from ood_bench.suite.quoted import Quoted
from ood_bench.suite.schema import ModelEntry, Suite
from ood_bench.typed import FROZEN
from ood_bench.zoo.index import read_index

FILE = "published"
"""What a suite calls the file that comes with the package."""

Reference = Annotated[
    str, StringConstraints(pattern=r"^(arXiv:\d{4}\.\d{4,5}|doi:10\.\S+|https://\S+)$")
]
"""A paper's arXiv number or DOI, or the address of a file at one commit."""
Where = Annotated[str, StringConstraints(pattern=r"^(table|figure|section|file) \S")]
"""The place in the paper: `table 3`."""


class _Frozen(BaseModel):
    model_config = FROZEN


class Publication(_Frozen):
    """A table or figure of a paper."""

    paper: str
    """Authors and year."""
    id: Reference
    """Its arXiv number, DOI or address."""
    where: Where
    """The table, figure, section or file."""

    @property
    def cited(self) -> str:
        """The citation in one line."""
        return f"{self.paper}, {self.id}, {self.where}"


class PublishedValue(_Frozen):
    """One published AUROC."""

    detector: str
    """The detector's registered name."""
    options: dict[str, Any] = {}
    """Options that a suite's detector must give to be that detector; `null` for one that it must
    not give."""
    model: str | None = None
    """The registered name of the kind of model; default: any."""
    inside: str
    """The ID data set, by its name in the catalogue."""
    outside: str = ""
    """The OOD data set, by its name in the catalogue; default: those of the category."""
    category: Category | None = None
    """In place of an OOD data set: the category over whose sets the value is the mean. It is shown
    for a suite that labels sets of the same ID set so."""
    sets: tuple[str, ...] = ()
    """With a category, its OOD sets, by their names in the catalogue; a suite that labels others
    does not measure the same."""
    auroc: float = Field(ge=0, le=1)
    """The value."""
    source: str
    """The publication, by its name in `sources`."""
    by: Literal["authors", "rerun"] = "authors"
    """Whether the authors of the detector ran it, or those of the source ran it again."""
    tuned_on_ood: bool | None = None
    """Whether a setting was chosen on OOD images; default: not known."""
    note: str = ""
    """What else to know, such as the model's training set."""

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        if (self.outside == "") == (self.category is None):
            raise ValueError("say either `outside` or `category`")
        if bool(self.sets) != bool(self.category):
            raise ValueError("a `category` needs its `sets`, and nothing else has any")
        return self

    def describes(self, entry_options: dict[str, Any]) -> bool:
        """Return whether a suite's detector with these options is the published one."""
        return all(entry_options.get(key) == value for key, value in self.options.items())


class PublishedValues(_Frozen):
    """Published values and where they stand."""

    sources: dict[str, Publication] = Field(min_length=1)
    """The publications, under short names."""
    values: tuple[PublishedValue, ...] = Field(min_length=1)
    """The values."""

    @model_validator(mode="after")
    def _has_its_sources(self) -> Self:
        for value in self.values:
            if value.source not in self.sources:
                near = did_you_mean(value.source, self.sources)
                raise ValueError(f"no source is called '{value.source}'{near}")
        return self

    def of(self, suite: Suite) -> Iterator[Quoted]:
        """Yield the values of what a suite measures, under the suite's names.

        A detector, a model and a data set are those of a value if they use the plugin or the
        entry of the catalogue that the value names. The pair must be one of the suite's.
        """
        for value in self.values:
            detectors = [
                name
                for name, entry in suite.detectors.items()
                if (entry.use or name) == value.detector and value.describes(entry.options)
            ]
            models = _models(suite, value.model)
            for inside, outside in _places(suite, value, models):
                for detector in detectors if models != () else ():
                    publication = self.sources[value.source]
                    again = f"re-run by {publication.paper}"
                    yield Quoted(
                        detector=detector,
                        inside=inside,
                        outside=outside,
                        category=value.category,
                        auroc=(value.auroc,),
                        source=publication.cited,
                        tuned_on_ood=value.tuned_on_ood,
                        by="authors" if value.by == "authors" else again,
                        note=value.note,
                        models=models,
                    )


def _models(suite: Suite, kind: str | None) -> tuple[str, ...] | None:
    """Return the models of a kind that the suite's pairs are run on; None for all."""
    if kind is None:
        return None
    run = {name for pair in suite.pairs for name in pair.models or suite.evaluated}
    plain = {name: _kind(name, entry) for name, entry in suite.models.items()}
    named = {name: plain[one.of] for name, one in suite.ensembles.items() if one.of in plain}
    found = {name: use for name, use in (plain | named).items() if name in run}
    if suite.roles.classifier:
        found["classifier"] = suite.roles.classifier.use or "classifier"
    return tuple(name for name, use in found.items() if use == kind)


def _kind(name: str, entry: ModelEntry) -> str:
    """Return the plugin of a model; of a reference model, the one that it was trained with."""
    known = read_index() if entry.zoo else {}
    found = {known[one].plugin for one in entry.zoo if one in known}
    return found.pop() if len(found) == 1 else entry.use or name


def _places(
    suite: Suite, value: PublishedValue, models: tuple[str, ...] | None
) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a suite that a value is of; of a category with an empty outside.

    A pair that none of the models is run on is left out. A data set from a source of the suite's
    own is none of the catalogue, whatever its name, and neither is a corrupted one.
    """

    def called(name: str) -> str:
        options = suite.data_options(name)
        plain = options.own is None and options.corruption is None
        return (options.use or name) if plain else ""

    def known(name: str, entry: str) -> bool:
        return called(name) != "" and entry in (name, called(name))

    if value.category is None:
        pairs = {
            (pair.inside, name): None
            for pair in suite.pairs
            for name in pair.outside
            if None in (models, pair.models) or {*(models or ())} & {*(pair.models or ())}
        }
        for found in pairs:
            if known(found[0], value.inside) and known(found[1], value.outside):
                yield found
        return
    labelled: dict[str, list[str]] = {}
    for one in suite.categories:
        if one.category == value.category and known(one.inside, value.inside):
            labelled.setdefault(one.inside, []).append(one.outside)
    for inside, names in labelled.items():
        every = all(any(known(name, entry) for name in names) for entry in value.sets)
        if every and len(names) == len(value.sets):
            yield inside, ""
