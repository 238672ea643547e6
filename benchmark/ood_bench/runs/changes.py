"""How a run differs from the whole suite as it is written."""

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Changes:
    """The options of a run that change or select what the suite says; none by default.

    Attributes:
        scale: Factor on training steps.
        set: Values set on top of the suite, as `path=value`.
        only: Globs over the cells that were run.
        skip: Globs over the cells that were left out.
        embedded: Whether bundled subsets stood for data sets.

    Example:
        >>> print(Changes(scale=0.02, set=("seeds=[0, 1]",)))
        --scale 0.02 --set 'seeds=[0, 1]'
        >>> bool(Changes())
        False
    """

    scale: float = 1.0
    set: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    embedded: bool = False

    def __bool__(self) -> bool:
        """Return whether the run differs from the suite."""
        return self != WHOLE

    def __str__(self) -> str:
        """Return the options as on a command line."""
        scale = "" if self.scale == 1 else f"--scale {self.scale:g}"
        return " ".join(filter(None, (scale, self.beside_scale)))

    @property
    def beside_scale(self) -> str:
        """The options without `--scale`, as on a command line."""
        words = ["--embedded"] if self.embedded else []
        for option, values in (("--set", self.set), ("--only", self.only), ("--skip", self.skip)):
            words += [f"{option} {shlex.quote(value)}" for value in values]
        return " ".join(words)

    @property
    def note(self) -> str:
        """What a report says of it first; empty for a whole run."""
        if not self:
            return ""
        said = f"Not the whole suite as it is written: {self}."
        if self.scale < 1:
            said += (
                f" Models were trained for {self.scale:.3g} of the suite's steps: a finding can "
                "turn into its opposite with so little training."
            )
        return said


WHOLE = Changes()
"""A whole suite as it is written."""
