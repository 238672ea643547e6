"""The shape of one image."""

from typing import NamedTuple


class Shape(NamedTuple):
    """Channels, height and width of one image.

    Example:
        >>> Shape(3, 32, 32).dims
        3072
        >>> print(Shape(1, 28, 28))
        1×28×28
    """

    channels: int
    height: int
    width: int

    @property
    def dims(self) -> int:
        """D = C·H·W."""
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.channels}×{self.height}×{self.width}"
