"""Checkpoints that a suite gives for a model: their files and their training data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ood_bench.errors import OodBenchError, PluginError
from ood_bench.hashing import file_sha256
from ood_bench.typed import read_limited, typed
from ood_bench.zoo import PREFIX, Description, check_files, find_zoo, read_description, summary
from ood_bench.zoo.layout import CARD, COURSE, TRAINING, WEIGHTS

_REPORTED = (
    "steps",
    "images",
    "seconds",
    "images_per_second",
    "precision",
    "device",
    "divergences",
)
"""Entries of a training report that a report's training card shows."""


@dataclass(frozen=True)
class Course:
    """Bits per dimension along an earlier training.

    Attributes:
        path: The file.
        sha256: Its SHA-256.
        probes: Digest of the images of each probe, by `data set/split`.
    """

    path: Path
    sha256: str
    probes: Mapping[str, str]

    def named(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Return the probes of the same images as those wanted.

        Args:
            wanted: Digests of images by `data set/split`.

        Returns:
            The probe's name in the file by the wanted name.
        """
        probes = {(digest, name.rpartition("/")[2]): name for name, digest in self.probes.items()}
        found = {name: (digest, name.rpartition("/")[2]) for name, digest in wanted.items()}
        return {name: probes[images] for name, images in found.items() if images in probes}


@dataclass(frozen=True)
class Weights:
    """A file of weights from an earlier training.

    Attributes:
        path: The file.
        sha256: Its SHA-256.
        called: Its name in tables.
        reported: Its training report, with the published value of such a model; None for a
            bare file.
        course: Bits per dimension along its training, if a zoo model has them.
    """

    path: Path
    sha256: str
    called: str
    reported: Mapping[str, Any] | None = None
    course: Course | None = None


@dataclass(frozen=True)
class ZooOrigin:
    """Description of a zoo model without its weights; the same for all seeds.

    Attributes:
        plugin: The model's plugin.
        revision: Its revision when it was trained.
        options: All its options, defaults filled in.
        data: Name of the data set that it was trained on.
        digest: Content digest of the training split.
        validation: Number of its validation images.
        held_out: Number of its held-out images.
    """

    plugin: str
    revision: int | str
    options: Mapping[str, Any]
    data: str
    digest: str
    validation: int
    held_out: int

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes that determined the parts of the training split."""
        return {"validation": self.validation, "held_out": self.held_out}


@dataclass(frozen=True)
class Pretrained:
    """The weights of a model that the suite does not train.

    Attributes:
        weights: By the seed of their training; a bare file counts as seed 0.
        origin: Description of a zoo model; None for a bare file.
    """

    weights: Mapping[int, Weights]
    origin: ZooOrigin | None = None

    @property
    def followed(self) -> bool:
        """Whether bits per dimension along a training are known."""
        return any(weights.course is not None for weights in self.weights.values())

    def of(self, seed: int) -> tuple[int, Weights]:
        """Return the weights for a seed, with theirs; a single training serves every seed.

        Raises:
            PluginError: If there are several trainings and none has that seed.
        """
        if len(self.weights) == 1:
            return next(iter(self.weights.items()))
        if seed not in self.weights:
            had = ", ".join(map(str, self.weights))
            raise PluginError(f"no checkpoint is of seed {seed}; there are those of {had}")
        return seed, self.weights[seed]


def of_file(path: Path) -> Pretrained:
    """Return the checkpoint of a bare file of weights.

    Raises:
        OSError: If it cannot be read.
    """
    return Pretrained({0: Weights(path, file_sha256(path), path.name)})


def of_zoo(names: Sequence[str]) -> tuple[Pretrained, ...]:
    """Return the checkpoints of zoo models, one per data set.

    Models of the same data set must be trainings of one model that differ only in seed; those
    of different data sets must share the plugin.

    Raises:
        OodBenchError: If one is unknown, is not here, is damaged, has code of its own, or is not
            of the others' kind.
    """
    found: dict[str, Pretrained] = {}
    first: dict[str, str] = {}
    for name in names:
        folder = find_zoo(name)
        description = read_description(folder)
        check_files(folder, description)
        origin, path = _origin(description), folder / WEIGHTS
        other = first.setdefault(origin.digest, name)
        known = found.setdefault(origin.digest, Pretrained({}, origin))
        if known.origin != origin:
            raise OodBenchError(
                f"'{PREFIX}{name}' and '{PREFIX}{other}' differ in more than their seed: in "
                f"{_difference(origin, known.origin)}"
            )
        if description.seed in known.weights:
            raise OodBenchError(
                f"'{PREFIX}{name}' and '{known.weights[description.seed].called}' are both of "
                f"seed {description.seed}"
            )
        weights = Weights(
            path,
            description.files[WEIGHTS],
            f"{PREFIX}{name}",
            _reported(folder),
            _course(folder, description),
        )
        found[origin.digest] = Pretrained({**known.weights, description.seed: weights}, origin)
    plugins = {known.origin.plugin for known in found.values() if known.origin}
    if len(plugins) > 1:
        raise OodBenchError(f"they are different models: {', '.join(sorted(plugins))}")
    return tuple(found.values())


def _origin(found: Description) -> ZooOrigin:
    if ":" in found.plugin:
        raise OodBenchError(
            f"'{found.name}' comes with code of its own, which a suite does not run; name the "
            "class with `use` and the weights with `checkpoint: PATH`"
        )
    try:
        return ZooOrigin(
            plugin=found.plugin,
            revision=found.revision,
            options=found.options,
            data=str(found.data["name"]),
            digest=str(found.recipe.get("whole", [found.data["digest"]])[0]),
            validation=int(found.recipe["validation"]),
            held_out=int(found.recipe["held_out"]),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise OodBenchError(f"'{found.name}' does not say what it was trained on") from error


def _course(folder: Path, found: Description) -> Course | None:
    if found.course is None:
        return None
    return Course(folder / COURSE, found.files[COURSE], found.course)


def _difference(one: ZooOrigin, other: ZooOrigin | None) -> str:
    """Return the names of the fields in which two descriptions differ."""
    return ", ".join(name for name, value in vars(one).items() if value != getattr(other, name))


def _reported(folder: Path) -> dict[str, Any]:
    """Return the training report and the published value of a zoo model, where they exist."""
    known: dict[str, Any] = {"zoo": folder.name}
    path = folder / TRAINING
    if path.is_file():
        trained = typed(read_limited(path), dict[str, Any], path)
        known |= {name: trained[name] for name in _REPORTED if name in trained}
    if path.is_file() and (folder / CARD).is_file():
        card = summary(folder)
        if card.published is not None:
            known |= {"published": card.published, "published_in": card.published_in}
    return known
