"""Analyses: a table about a trained model, and a figure drawn only from that table."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ood_bench.capabilities import DensityModel
from ood_bench.data.shape import Shape
from ood_bench.detectors import Columns, Scores

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from ood_bench.analyses.bins import Series
    from ood_bench.analyses.strips import Strip

__all__ = [
    "Analysis",
    "Finding",
    "ImageLoader",
    "Split",
    "Study",
]

Split = Literal["train", "test"]


class ImageLoader(Protocol):
    """Loads the uint8 images `(N, C, H, W)` of a data set and split on demand."""

    def __call__(self, data: str, split: Split, /) -> NDArray[np.uint8]:
        """Return the images of one data set and split."""
        ...


def _no_model() -> DensityModel:
    raise ValueError("the study has no model; an analysis that calls it must set uses_model")


@dataclass(frozen=True)
class Study:
    """One model, trained on one inside data set, and its outside data sets.

    Attributes:
        model: The model's name in the suite.
        inside: The inside data set's name.
        outside: The outside data sets' names.
        shape: Shape of one image.
        columns: Statistics of each (data set, split): the inside's `train` and `test`, the
            outside's `test`.
        scores: Scores of the test images by (detector, data set); larger is more OOD.
        images: Loads the images behind the columns, row for row.
        trained: Loads the model in evaluation mode on its device; only for analyses with
            `uses_model`.
        course: For analyses with `uses_course`, bits per dimension along the training:
            columns `step`, `data` (the data set's name, `/`, and the split), `bits_per_dim`,
            `error` (standard error of the mean) and `images`.
    """

    model: str
    inside: str
    outside: tuple[str, ...]
    shape: Shape
    columns: Mapping[tuple[str, Split], Columns]
    scores: Mapping[tuple[str, str], Scores]
    images: ImageLoader
    trained: Callable[[], DensityModel] = _no_model
    course: "pd.DataFrame | None" = None

    @property
    def sides(self) -> tuple[tuple[str, Split], ...]:
        """The (data set, split) pairs with columns: the inside's splits, then the outside sets."""
        own: tuple[tuple[str, Split], ...] = ((self.inside, "train"), (self.inside, "test"))
        return (*own, *((name, "test") for name in self.outside))


@dataclass(frozen=True)
class Finding:
    """One number that an analysis found, for claims and tables.

    Attributes:
        name: Its name in claims, such as `volume_gap`; `Analysis.heading` gives its title.
        value: The number.
        low: Lower end of its interval, whose coverage is the analysis's `level`; `value` if
            there is no interval.
        high: Upper end.
        outside: The outside data set that it is about; empty if it is about the inside only.
        note: A remark needed to interpret it, one sentence without semicolons.
    """

    name: str
    value: float
    low: float
    high: float
    outside: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.value, self.low, self.high))):
            raise ValueError(f"finding '{self.name}' is not finite: {self}")


class Analysis(ABC):
    """Base of analysis plugins: `tabulate` runs once, and `draw` reads only its stored table.

    Attributes:
        revision: Raised when `tabulate` changes; old tables are then stale.
        added_options: Options that came later. At their defaults, which stay for good, they are
            left out of keys, so that older results are found again.
        requires: A capability that the model must declare as a base class.
        needs: Columns that the study must hold.
        uses_scores: Whether the study must hold the detectors' scores.
        uses_course: Whether the training must be probed.
        uses_model: Whether `tabulate` calls the model.
        title: A heading for the report.
        menu: A short title for the menu of a page; default: the title.
        level: Coverage of every interval; a run sets it to that of the suite.
    """

    revision: ClassVar[int] = 1
    added_options: ClassVar[frozenset[str]] = frozenset()
    requires: ClassVar[type | None] = None
    needs: ClassVar[tuple[str, ...]] = ("log_prob",)
    uses_scores: ClassVar[bool] = False
    uses_course: ClassVar[bool] = False
    uses_model: ClassVar[bool] = False
    title: ClassVar[str]
    menu: ClassVar[str] = ""
    level: float = 0.95

    @abstractmethod
    def tabulate(self, study: Study) -> "pd.DataFrame":
        """Return a tidy table with everything that the figure shows."""

    @abstractmethod
    def draw(self, table: "pd.DataFrame") -> "Figure":
        """Draw the figure from the table."""

    @abstractmethod
    def caption(self, table: "pd.DataFrame") -> str:
        """Return the caption, one or two sentences: the message and the conventions."""

    def findings(self, table: "pd.DataFrame") -> tuple[Finding, ...]:  # noqa: ARG002
        """Return the findings, numbers that claims can name; default: none."""
        return ()

    def heading(self, name: str) -> str:
        """Return the title of a finding, with its unit; default: its name."""
        return name

    def series(self, table: "pd.DataFrame") -> "tuple[Series, ...]":  # noqa: ARG002
        """Return histograms of bits per dimension for interactive pages; default: none.

        A page that draws charts, such as the HTML report, shows them instead of the figure, with
        the inside's series as reference.
        """
        return ()

    def gallery(self, table: "pd.DataFrame") -> "tuple[Strip, ...]":  # noqa: ARG002
        """Return rows of images for pages that lay them out themselves; default: none.

        The images of each row have the columns `row` (in the data set), `bits_per_dim` and `png`.
        """
        return ()
