"""What a finished cell took, and on what machine."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, StringConstraints

from ood_bench.statistics.passes import Passes

ENVIRONMENT = "circumstances.json"
"""The file with a cell's environment: machine, library versions, device and time."""


NumberText: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?$")]


class Environment(BaseModel):
    """What is read of `circumstances.json`: what a cell took, numbers as text, and on what.

    Passes are those of an image through the model's network; cells that call none, and those that
    earlier versions computed, have none.
    """

    model_config = ConfigDict(frozen=True)

    seconds: NumberText
    device: str = ""
    threads: str = ""
    machine: str = ""
    forward_passes: NumberText | None = None
    jacobian_products: NumberText = "0"
    backward_passes: NumberText = "0"

    @property
    def passes(self) -> Passes | None:
        """The passes of an image; None if they were not counted."""
        if self.forward_passes is None:
            return None
        found = (self.forward_passes, self.jacobian_products, self.backward_passes)
        return Passes(*map(float, found))
