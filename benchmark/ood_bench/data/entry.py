"""What the catalogue says about one data set."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ood_bench.data.options import Transform
from ood_bench.data.shape import Shape
from ood_bench.data.sources import Source
from ood_bench.data.sources.generated import Generator
from ood_bench.data.sources.hub import Hub


@dataclass(frozen=True)
class Entry:
    """One data set of the catalogue.

    Attributes:
        name: What suites call it.
        title: Its name in prose.
        shape: Shape of one published image; None where images differ or take any shape.
        counts: Published number of images of each split.
        licence: Terms of use.
        citation: What to cite.
        sources: Where to look for it, in this order.
        transform: How it is made to fit a shape unless the suite says otherwise.
        digests: Content digest of each whole published split, where known.
        embedded: The entry of the subset in the wheel that can stand in for it.
        first_of: The entry of which the training split is the first images; empty if of none.
        generate: For computed sets, the function; they have no sources.
        takes: Names of the options that the function reads.
    """

    name: str
    title: str
    licence: str
    citation: str
    shape: Shape | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    transform: Transform = field(default_factory=Transform)
    digests: Mapping[str, str] = field(default_factory=dict)
    embedded: str | None = None
    first_of: str = ""
    generate: Generator | None = None
    takes: tuple[str, ...] = ()

    @property
    def hub(self) -> Hub | None:
        """The hub's data set of this name, if there is one."""
        return next((source for source in self.sources if isinstance(source, Hub)), None)
