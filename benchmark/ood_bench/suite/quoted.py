"""Published values in a suite."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from ood_bench.results import Category
from ood_bench.typed import FROZEN


class _Frozen(BaseModel):
    model_config = FROZEN


class Quoted(_Frozen):
    """A published AUROC, shown beside the measured one and used for nothing else."""

    detector: str
    """The detector, by the suite's name."""
    inside: str
    """The ID data set."""
    outside: str = ""
    """The OOD data set; default: those of the category."""
    category: Category | None = None
    """In place of an OOD data set: the category over whose sets the value is the mean."""
    auroc: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(min_length=1)
    """One value, or several that disagree."""
    source: str
    """Where they were published."""
    tuned_on_ood: bool | None = None
    """Whether a setting was chosen on OOD images there; default: not known."""
    by: str = ""
    """Who ran it: `authors`, or whose re-run it is; default: not said."""
    note: str = ""
    """What else to know of it, such as the model there."""
    models: tuple[str, ...] | None = None
    """The models that it is shown beside; default: all on which the detector runs."""

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        if (self.outside == "") == (self.category is None):
            raise ValueError("say either `outside` or `category`")
        return self


def _quoted_kind(value: Any) -> str:
    return "[values]" if isinstance(value, list | tuple) else "[file]"


QuotedValues = Annotated[
    Annotated[tuple[Quoted, ...], Tag("[values]")]
    | Annotated[str, Field(min_length=1), Tag("[file]")],
    Discriminator(_quoted_kind),
]
