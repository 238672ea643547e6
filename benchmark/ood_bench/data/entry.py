"""An entry of the catalogue of data sets."""

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
        name: Its name in suites.
        title: Its name in prose.
        shape: Shape of one published image; None if images differ or take any shape.
        counts: Published number of images of each split.
        licence: Terms of use.
        citation: The publication to cite.
        sources: Where to look for it, in this order.
        transform: The default transform to a model's shape.
        digests: Content digest of each whole published split, where known.
        embedded: The entry of the subset in the wheel that can stand in for it.
        first_of: The entry whose training split begins with these images; empty if there is none.
        generate: The function of a generated data set, which has no sources.
        takes: Names of the options of that function.
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
        """The source of this data set on the hub, if there is one."""
        return next((source for source in self.sources if isinstance(source, Hub)), None)
