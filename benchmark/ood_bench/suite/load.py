"""YAML to a validated Suite; every mistake in one line with file, line, path and near match."""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from ood_bench.claims import validate as validate_claim
from ood_bench.core_yaml import KeyPath, one_line
from ood_bench.data import DataOptions
from ood_bench.errors import OodBenchError, SuiteError, did_you_mean
from ood_bench.recipe import Recipe
from ood_bench.results import Category
from ood_bench.suite.corruptions import with_corruptions
from ood_bench.suite.extend import Written, read_suite
from ood_bench.suite.published import FILE, PublishedValues
from ood_bench.suite.refused import messages, refuse_changes
from ood_bench.suite.schema import ModelEntry, Suite
from ood_bench.suite.shipped import published_values
from ood_bench.suite.source import SuiteSource, override, read_yaml
from ood_bench.suite.variants import expanded

M = TypeVar("M", bound=BaseModel)

Check: TypeAlias = Callable[[bool, KeyPath, str], None]
"""Notes a mistake at a place of the suite, unless all is well."""


@dataclass(frozen=True)
class LoadedSuite:
    """A suite and the file that it came from, for messages and for the paths in it."""

    suite: Suite
    source: SuiteSource

    def mistake(self, place: KeyPath, message: str) -> SuiteError:
        """Return an error that says where in the file the mistake is."""
        return SuiteError(f"{self.source.where(place)}{one_line(message)}")

    @property
    def folder(self) -> Path:
        """The folder that the suite lies in."""
        return self.source.path.parent

    def path(self, place: KeyPath, written: Path) -> Path:
        """Resolve a path that the suite gives.

        A path is relative to the file in which it stands. If `--set` gives it or the suite is read
        from standard input, it is relative to the working directory.

        Raises:
            SuiteError: If it does not exist, but exists relative to the working directory; or if
                it cannot be looked up.
        """
        try:
            wanted = written.expanduser()
        except RuntimeError as error:  # no home is known
            raise self.mistake(place, f"{written}: {error}") from error
        path = self.source.folder(place) / wanted
        try:
            elsewhere = not path.exists() and wanted.exists()
        except OSError as error:  # a name too long, a folder that may not be looked into
            raise self.mistake(place, f"{path}: {error.strerror}") from error
        if "\0" in str(path):
            raise self.mistake(place, "no path has a NUL in it")
        if elsewhere:
            raise self.mistake(
                place,
                f"there is nothing at {path}, though there is at {written} in the working "
                "directory; paths in a suite are relative to the suite",
            )
        return path

    def training(self, model: KeyPath, option: str) -> KeyPath:
        """Return where an option of a model's training stands: at the model, or at the suite."""
        found = self.source.data
        for step in (*model, "training"):
            found = (found.get(step) if isinstance(found, dict) else None) or {}
        return (*model, "training", option) if option in found else ("training", option)

    def data_options(self, name: str) -> DataOptions:
        """Return the suite's options of a data set, with its path resolved."""
        options = self.suite.data_options(name)
        kind = options.own
        if kind is None or kind == "hub":
            return options
        path = self.path(("datasets", name, kind), getattr(options, kind))
        return options.model_copy(update={kind: path})

    def plugin(self, place: KeyPath, use: str) -> str:
        """Return the name of a plugin, `./file.py:Class` for a file relative to the suite's folder.

        Raises:
            SuiteError: As `path`.
        """
        file, colon, attribute = use.rpartition(":")
        if not file.endswith(".py"):
            return use
        return f"{self.beside(place, file)}{colon}{attribute}"

    def beside(self, place: KeyPath, written: str) -> str:
        """Return a path that the suite gives as one relative to the suite's folder.

        Raises:
            SuiteError: As `path`.
        """
        folder, path = self.folder, self.path(place, Path(written))
        if self.source.folder(place).resolve() == folder.resolve():
            return written
        return f"./{os.path.relpath(path, folder)}"


def load_suite(
    written: Written, *, assignments: Sequence[str] = (), scale: float = 1.0
) -> LoadedSuite:
    """Read and check a suite; no plugin is imported.

    Args:
        written: The YAML file, which may extend another; `-` for standard input. Or a mapping with
            its content, in which paths are relative to the working directory.
        assignments: `path=value` settings on top of it, in order.
        scale: Factor on every number of training steps, warm-up included.

    Raises:
        SuiteError: With one line for each mistake.
    """
    if not 0 < scale < float("inf"):
        raise SuiteError(f"--scale {scale}: must be a positive number")
    source = read_suite(written)
    for assignment in assignments:
        source = override(source, assignment)
    source = with_corruptions(expanded(source))
    loaded = LoadedSuite(_scaled(validated(source, Suite), source, scale), source)
    loaded = _with_published(loaded)
    _check_names(loaded)
    return loaded


def _with_published(loaded: LoadedSuite) -> LoadedSuite:
    """Read the file of published values that a suite names."""
    suite = loaded.suite
    if not isinstance(suite.quoted, str):
        return loaded
    named = suite.quoted
    path = published_values() if named == FILE else loaded.path(("quoted",), Path(named))
    found = validated(read_yaml(path, what="the published values"), PublishedValues)
    quoted = tuple(found.of(suite))
    return replace(loaded, suite=suite.model_copy(update={"quoted": quoted}))


def validated(source: SuiteSource, model: type[M]) -> M:
    """Check the data of a YAML file against a model.

    Raises:
        SuiteError: With one line for each mistake: file, line, path and near match.
    """
    try:
        found = model.model_validate(source.data)
    except ValidationError as error:
        raise SuiteError("\n".join(messages(error, model, source, ()))) from error
    refuse_changes(source.data, found, source, ())
    return found


def _scaled(suite: Suite, source: SuiteSource, scale: float) -> Suite:
    """Check every model's recipe, and multiply steps and warm-up by the scale."""
    mistakes: dict[str, None] = {}

    def checked(entry: ModelEntry, own: KeyPath) -> ModelEntry:
        try:
            recipe = Recipe.model_validate({**suite.training, **entry.training})
        except ValidationError as error:
            for line in messages(
                error, Recipe, source, own, fallback=("training",), given=entry.training
            ):
                mistakes[line] = None
            return entry
        refuse_changes(suite.training, recipe, source, ("training",))
        refuse_changes(entry.training, recipe, source, own)
        steps = {
            key: max(1, round(value * scale)) if value else 0
            for key, value in (("steps", recipe.steps), ("warmup", recipe.warmup))
        }
        return entry.model_copy(update={"training": {**entry.training, **steps}})

    models = {
        name: checked(entry, ("models", name, "training")) for name, entry in suite.models.items()
    }
    roles = suite.roles
    if roles.classifier:
        classifier = checked(roles.classifier, ("roles", "classifier", "training"))
        roles = roles.model_copy(update={"classifier": classifier})
    if mistakes:
        raise SuiteError("\n".join(mistakes))
    if scale == 1.0:
        return suite
    return suite.model_copy(update={"models": models, "roles": roles})


def _check_known(
    check: Check, name: str, known: Collection[str], place: KeyPath, what: str = "model"
) -> None:
    """Check that a suite has what a name names."""
    near = did_you_mean(name, known)
    check(name in known, place, f"the suite has no {what} '{name}'{near}")


def _check_roles(suite: Suite, check: Check) -> None:
    """Check the names in the roles, the baseline and the published values of a suite."""
    roles, baseline = suite.roles, suite.evaluation.baseline
    for role, named in (("background", roles.background), ("members", roles.members)):
        for i, model in enumerate((named.models or ()) if named else ()):
            _check_known(check, model, suite.models, ("roles", role, "models", i))
    if roles.background and roles.background.model is not None:
        place: KeyPath = ("roles", "background", "model")
        _check_known(check, roles.background.model, suite.models, place)
    if roles.members:
        repeated = len(set(roles.members.seeds)) < len(roles.members.seeds)
        check(not repeated, ("roles", "members", "seeds"), "one of them is given twice")
    if roles.classifier:
        taken = "classifier" in (*suite.models, *suite.ensembles)
        check(not taken, ("roles", "classifier"), "a model has the same name")
    names = (*suite.models, *suite.ensembles)
    for kind, entries in (("detectors", suite.detectors), ("analyses", suite.analyses)):
        for name, entry in entries.items():
            for i, model in enumerate(entry.models or ()):
                _check_known(check, model, names, (kind, name, "models", i))
    if baseline is not None:
        place = ("evaluation", "baseline")
        _check_known(check, baseline, suite.detectors, place, "detector")
    datasets = {name for pair in suite.pairs for name in (pair.inside, *pair.outside)}
    categories = {(one.inside, one.category) for one in suite.categories}
    for i, published in enumerate(suite.published):
        labelled = (published.inside, published.category) in categories
        text = f"no OOD set of '{published.inside}' has the category '{published.category}'"
        check(labelled or not published.category, ("quoted", i, "category"), text)
        for key, name, choices in (
            ("detector", published.detector, [*suite.detectors]),
            ("inside", published.inside, sorted(datasets)),
            *([("outside", published.outside, sorted(datasets))] if published.outside else []),
        ):
            what = "detector" if key == "detector" else "data set"
            _check_known(check, name, choices, ("quoted", i, key), what)
        for j, model in enumerate(published.models or ()):
            _check_known(check, model, suite.evaluated, ("quoted", i, "models", j))


def _check_names(loaded: LoadedSuite) -> None:
    """Check the names of models, data sets and seeds in ensembles, pairs, roles and claims."""
    suite = loaded.suite
    mistakes: list[str] = []

    def check(ok: bool, place: KeyPath, message: str) -> None:
        if not ok:
            mistakes.append(str(loaded.mistake(place, message)))

    for name, ensemble in suite.ensembles.items():
        place: KeyPath = ("ensembles", name)
        check(name not in suite.models, place, "a model has the same name")
        _check_known(check, ensemble.of, suite.models, (*place, "of"))
        repeated = len(set(ensemble.seeds)) < len(ensemble.seeds)
        check(not repeated, (*place, "seeds"), "one of them is given twice")
        member = suite.models.get(ensemble.of)
        given = (
            member is not None
            and member.checkpoint is not None
            and len(member.zoo) < 2
            and not member.train_others
        )
        text = f"'{ensemble.of}' is loaded from one checkpoint, so all members would be the same"
        check(not given, (*place, "of"), text)
    _check_roles(suite, check)
    names = (*suite.models, *suite.ensembles)
    for i, pair in enumerate(suite.pairs):
        for j, model in enumerate(pair.models or ()):
            _check_known(check, model, names, ("pairs", i, "models", j))
        for j, outside in enumerate(pair.outside):
            again = outside in pair.outside[:j]
            check(not again, ("pairs", i, "outside", j), f"'{outside}' is named twice")
            same = outside == pair.inside
            check(not same, ("pairs", i, "outside", j), f"'{outside}' is the ID data set")
        labelled: dict[str, str] = {}
        for category in get_args(Category):
            for j, name in enumerate(getattr(pair, category)):
                place = ("pairs", i, category, j)
                near = did_you_mean(name, pair.outside)
                check(name in pair.outside, place, f"the pair has no OOD set '{name}'{near}")
                other = labelled.setdefault(name, category)
                check(other == category, place, f"'{name}' is in `{other}` too")
        if pair.shape is not None:
            check(min(pair.shape) > 0, ("pairs", i, "shape"), f"{pair.shape} is no image shape")
    for place, repeated in (
        (("seeds",), len(set(suite.seeds)) < len(suite.seeds)),
        (("claims",), len({claim.id for claim in suite.claims}) < len(suite.claims)),
    ):
        check(not repeated, place, "one of them is given twice")
    datasets = {name for pair in suite.pairs for name in (pair.inside, *pair.outside)}
    for i, claim in enumerate(suite.claims):
        try:
            validate_claim(
                claim,
                models=suite.evaluated,
                datasets=tuple(sorted(datasets)),
                detectors=tuple(suite.detectors),
                analyses=tuple(suite.analyses),
                metrics=tuple(suite.evaluation.metrics),
            )
        except OodBenchError as error:
            check(False, ("claims", i), str(error))
    if mistakes:
        raise SuiteError("\n".join(mistakes))
