"""The document: the content of a report, independent of its format."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from ood_bench.metrics import MetricSpec
from ood_bench.report.measured import MeasuredDetection
from ood_bench.report.texttable import TextTable
from ood_bench.results import ClaimResult, DataCard


class Span(NamedTuple):
    """A piece of text, and whether to emphasise it."""

    text: str
    stressed: bool = False


class Overview(NamedTuple):
    """A figure over a whole run: its heading, its caption, its path, and the file's content."""

    title: str
    caption: str
    path: str
    file: bytes = b""


class ClaimList(NamedTuple):
    """The claims of a section, for a page that folds away how each was measured."""

    claims: tuple[ClaimResult, ...]


class Detections(NamedTuple):
    """What was measured on every pair, for a page that shows one metric at a time.

    `remarks` holds the audit's remarks on pairs (inside, outside), and `metrics` the description
    of each metric.
    """

    found: tuple[MeasuredDetection, ...]
    remarks: Mapping[tuple[str, str], str]
    metrics: tuple[MetricSpec, ...]


class DataCards(NamedTuple):
    """The data sets of a section, with their citations."""

    cards: tuple[DataCard, ...]


VALUES = "{values}"
"""Placeholder in conventions for the name of the file of all measured values."""


@dataclass(frozen=True)
class Section:
    """A table with its heading.

    Attributes:
        name: Its name in files, links and anchors.
        heading: Its heading.
        table: The table.
        conventions: What its columns mean, with `**` around words to stress.
        overviews: Figures that go with it.
        detail: The data behind it, for a format that shows more than the table.
    """

    name: str
    heading: str
    table: TextTable
    conventions: str = ""
    overviews: tuple[Overview, ...] = ()
    detail: ClaimList | Detections | DataCards | None = None

    def meaning(self, values: str) -> str:
        """Return the conventions, with the name of the file of all values filled in."""
        return self.conventions.replace(VALUES, values)


class Picture(NamedTuple):
    """A drawn figure: where it lies, relative to the page, and the file."""

    path: str
    file: bytes = b""


@dataclass(frozen=True)
class Bars:
    """The histogram of one data set and split, with area one.

    Attributes:
        data: The data set.
        split: `train`, `test` or `OOD`.
        colour: As in `#1f77b4`; that of its data set in all figures.
        total: Number of images.
        least: Minimum of their bits per dimension.
        median: The median.
        most: The maximum.
        places: Indices of the bins that hold images; bin 0 begins at 0 bits per dimension.
        counts: Number of images in each of these.
    """

    data: str
    split: str
    colour: str
    total: int
    least: float
    median: float
    most: float
    places: tuple[int, ...]
    counts: tuple[int, ...]


class Chart(NamedTuple):
    """Histograms of bits per dimension over a common axis, for a page that draws them itself.

    `view` is the range to show at first, and `width` the width of the bins.
    """

    view: tuple[float, float]
    width: float
    series: tuple[Bars, ...]


class Image(NamedTuple):
    """An image: its row in the data set, its bits per dimension, and its PNG file.

    `copies` is how many images of the gallery's row are the same.
    """

    row: int
    bits: float
    png: bytes
    copies: int = 1


class GalleryRow(NamedTuple):
    """Images of one data set, and their label."""

    data: str
    heading: str
    images: tuple[Image, ...]


class Gallery(NamedTuple):
    """Rows of images with their bits per dimension, for a page that lays them out itself."""

    rows: tuple[GalleryRow, ...]


Content: TypeAlias = Picture | Chart | Gallery
C = TypeVar("C", bound=Picture | Chart | Gallery)
C_co = TypeVar("C_co", bound=Picture | Chart | Gallery, covariant=True)


class Shown(NamedTuple):
    """How one table of an analysis is shown.

    `menu` is a short title, empty for none, and `heading` the title of a finding by its name.
    """

    analysis: str
    title: str
    model: str
    inside: str
    seed: int
    caption: str
    content: Content
    menu: str = ""
    heading: Callable[[str], str] = str


@dataclass(frozen=True)
class Figure(Generic[C_co]):
    """What an analysis shows of one model trained on one inside data set.

    Attributes:
        first: The first seed, as it is shown.
        seeds: Each seed and its content, the first seed first.
        findings: The findings, pooled over seeds; None without any.
    """

    first: Shown
    seeds: tuple[tuple[int, C_co], ...]
    findings: TextTable | None

    @property
    def study(self) -> str:
        """The model and its training set, in words."""
        return f"{self.first.model} trained on {self.first.inside}"


class Group(NamedTuple, Generic[C]):
    """The figures of one analysis."""

    analysis: str
    title: str
    menu: str
    figures: list[Figure[C]]


class Records(NamedTuple):
    """Values for other programs: dataclasses, and the fields that become columns."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[object]


@dataclass(frozen=True)
class Document:
    """A report of one run, or of several side by side.

    Attributes:
        name: Name of its main file, without a suffix.
        kind: The kind of report, shown above the title.
        title: The heading of the page.
        about: A paragraph on the question of the suite.
        summary: A paragraph on the run and its results.
        facts: A few numbers, each with its label.
        caveats: Warnings to repeat beside every table of results.
        notes: Warnings to show once, at the top.
        level: Coverage of every interval.
        sections: The tables of claims, measured values, trainings and data, none of them empty.
        figures: The figures of the analyses, in the order of the run.
        tables: Tables of analyses that have no figure.
        closing: The last tables: what was skipped or failed, and the environment.
        records: Values for other programs; the first are all measured ones.
        content: Returns the whole content as JSON values.
    """

    name: str
    kind: str
    title: str
    level: float
    sections: tuple[Section, ...]
    records: tuple[Records, ...]
    content: Callable[[], Mapping[str, Any]]
    about: str = ""
    summary: tuple[Span, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    caveats: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    figures: tuple[Figure[Any], ...] = ()
    tables: tuple[Section, ...] = ()
    closing: tuple[Section, ...] = ()

    def of(self, kind: type[C]) -> list[Figure[C]]:
        """Return the figures whose content is of a kind, in the order of the run."""
        return [figure for figure in self.figures if isinstance(figure.first.content, kind)]

    def groups(self, kind: type[C]) -> list[Group[C]]:
        """Return the figures whose content is of a kind, by analysis."""
        groups: dict[tuple[str, str], Group[C]] = {}
        for figure in self.of(kind):
            first = figure.first
            address = (first.analysis, first.title)
            groups.setdefault(address, Group(*address, first.menu or first.title, []))
            groups[address].figures.append(figure)
        return list(groups.values())
