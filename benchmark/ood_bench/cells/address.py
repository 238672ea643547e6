"""Where a cell's result belongs, in a suite's names: what readers look cells up by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Part = Literal["train", "held_out", "test"]


@dataclass(frozen=True)
class Address:
    """Where a result belongs; no part of any key, so that two addresses may share a cell.

    What a result has nothing to do with is left empty.

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
        part: Which part of it.
        shape: Shape of the images that an audit is of.
        plugin: Of a training, an analysis or a metric, the plugin, and the file of weights if one
            is given.
        options: Of an analysis, the plugin's options.
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
        """What a trained model is called.

        Example:
            >>> Address(model="glow", inside="mnist", seed=1).label
            'glow@mnist/1'
        """
        return f"{self.model}@{self.inside}/{self.seed}"

    @property
    def pair(self) -> tuple[str, str, str, str]:
        """Model, inside, outside and detector: what rows of several seeds have in common."""
        return self.model, self.inside, self.outside, self.detector


@dataclass(frozen=True)
class Listed:
    """A cell in the record of a run, at one of its addresses.

    Attributes:
        kind: The kind of cell.
        key: Its key.
        at: The address.
    """

    kind: str
    key: str
    at: Address
