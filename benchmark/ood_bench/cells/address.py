"""Address of a cell's result in the names of a suite; readers look cells up by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Part = Literal["train", "fit", "held_out", "test"]
"""`train` are the first training images, `fit` those that detectors are fitted on."""


@dataclass(frozen=True)
class Address:
    """Address of a result. It is not part of the key, so several addresses may share a cell.

    Fields that do not apply to a result are empty.

    Attributes:
        model: The model, by the suite's name.
        inside: The data set that it was trained on; for an audit the inside one.
        outside: The data set on the other side.
        seed: The seed of the training.
        detector: The detector.
        baseline: The detector that it is compared with.
        metric: A metric that the suite adds.
        analysis: The analysis.
        data: The data set that is scored or measured.
        part: The part of that data set.
        shape: Shape of the images of an audit.
        plugin: The plugin of a training, analysis or metric, with the file of weights if one is
            given.
        options: The options of an analysis.
        transform: What was done to the images, in words.
        note: What a reader of the result must know.
    """

    model: str = ""
    inside: str = ""
    outside: str = ""
    seed: int = 0
    detector: str = ""
    baseline: str = ""
    metric: str = ""
    analysis: str = ""
    data: str = ""
    part: Part | Literal[""] = ""
    shape: str = ""
    plugin: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    transform: str = ""
    note: str = ""

    @property
    def label(self) -> str:
        """The name of a trained model.

        Example:
            >>> Address(model="glow", inside="mnist", seed=1).label
            'glow@mnist/1'
        """
        return f"{self.model}@{self.inside}/{self.seed}"

    @property
    def pair(self) -> tuple[str, str, str, str]:
        """Model, inside, outside and detector, which rows of several seeds share."""
        return self.model, self.inside, self.outside, self.detector


@dataclass(frozen=True)
class RecordedCell:
    """A cell in the record of a run, at one of its addresses.

    Attributes:
        kind: The kind of cell.
        key: Its key.
        at: The address.
    """

    kind: str
    key: str
    at: Address
