"""What a suite may say about a data set."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveInt,
    Tag,
    model_validator,
)

Level = Annotated[int, Field(ge=0, le=255)]
OwnSource = Literal["folder", "npz", "parquet", "hub"]
OnBad = Literal["error", "skip"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Transform(_Frozen):
    """Steps applied to every image, in this order; default: none.

    1. `crop`, if the image is larger than the crop.
    2. `pad`, if the image is no larger than the target in either direction; else `resize`.
    3. `channels`.
    4. `invert`.

    A step that an image does not need, since it already has the target's size or channels,
    changes nothing and is not listed in the report.
    """

    crop: Literal["square"] | PositiveInt | None = None
    """`square` crops the largest centred square, a number a centred square of that many pixels. An
    odd row or column is removed at the bottom or the right."""
    pad: Literal["zero", "edge"] | None = None
    """Pad the image to the target's size with `zero` or with its own `edge` pixels. An odd row or
    column is added at the bottom or the right."""
    resize: Literal["bicubic", "bilinear", "box", "lanczos"] | None = None
    """Pillow filter for resizing to the target's height and width; always antialiased when
    shrinking."""
    channels: Literal["gray", "rgb", "match"] | None = None
    """`gray` takes the ITU-R 601 luma of a colour image, `rgb` repeats a gray one, `match` does
    whichever the target needs."""
    invert: bool = False
    """Replace every value v by 255 − v."""
    sixteen_bit: Literal["refuse", "scale"] = "refuse"
    """For files with more than 8 bits per channel. `scale` first scales 0 to the largest value that
    the file declares (65,535; 4,095 with 12 bits) to 0 to 255, rounded; `refuse` is an error."""


CorruptionKind = Literal[
    "gaussian_noise",
    "impulse_noise",
    "gaussian_blur",
    "brightness",
    "contrast",
    "pixelate",
    "jpeg",
    "resize",
]


class Corruption(_Frozen):
    """A change of every image, after the transform; a function of the image and the strength."""

    kind: CorruptionKind
    """What is done. `pixelate` shrinks and enlarges with a box filter, `resize` with a bicubic one;
    `contrast` draws each channel towards its mean."""
    strength: int = Field(ge=1, le=5)
    """How strongly, from 1 to 5."""

    @property
    def title(self) -> str:
        """What is done, in words."""
        return f"{self.kind.replace('_', ' ')} of strength {self.strength}"


class Division(_Frozen):
    """How to split a source into training and test images, by a hash of their content.

    Existing splits of the source are merged first. Equal images stay together, and neither names
    nor order of files matter.
    """

    test: float = Field(gt=0, lt=1)
    """Share of test images; the others are training images."""
    seed: int = Field(default=0, ge=0)
    """Seed of the hash; another seed gives another split."""


def _split_kind(value: Any) -> str:
    return "[division]" if isinstance(value, dict | Division) else "[name]"


Split = Annotated[
    Annotated[str, Tag("[name]")] | Annotated[Division, Tag("[division]")],
    Discriminator(_split_kind),
]


class Limits(_Frozen):
    """How many images of each split are read, the first ones; all of a split that is not named."""

    train: PositiveInt | None = None
    """Of the split `train`."""
    test: PositiveInt | None = None
    """Of every other split."""


def _limit_kind(value: Any) -> str:
    return "[limits]" if isinstance(value, dict | Limits) else "[number]"


Limit = Annotated[
    Annotated[PositiveInt, Tag("[number]")] | Annotated[Limits, Tag("[limits]")],
    Discriminator(_limit_kind),
]


class DataOptions(_Frozen):
    """A data set of a suite: one of the catalogue, or a source of your own."""

    use: str | None = None
    """Name in the catalogue; default: the data set's name in the suite."""
    folder: Path | None = None
    """A folder of images, of one folder per class, or of folders `train` and `test`."""
    npz: Path | None = None
    """A NumPy archive of uint8 arrays: `images` and `labels`, or one pair per split, as
    `train_images`, `train_labels`, `test_images` or `x_train`, `y_train`, `x_test`."""
    parquet: Path | None = None
    """A Parquet file, or a folder of them in a layout of the hub, such as `<split>-*.parquet`, with
    an image column."""
    hub: str | None = None
    """A data set of the Hugging Face hub that is in the local cache."""
    config: str | None = None
    """Configuration of the hub data set, if it has several."""
    image_column: str | None = None
    """Column of the images, for `parquet` and `hub`; default: `image`."""
    label_column: str | None = None
    """Column of the labels, for `parquet` and `hub`; default: `label`, if it exists."""
    split: Split | None = None
    """The split of the source to use as test split; default: `test`, or `all` if there are no
    splits. `{test: 0.2, seed: 0}` splits the images into training and test images."""
    limit: Limit | None = None
    """Read only this many images of each split, the first ones; `{test: 1000}` limits the test
    images only."""
    on_bad: OnBad = "error"
    """`error` lists all images that cannot be read and stops; `skip` leaves them out, and the
    report says how many, and why."""
    transform: Transform | None = None
    """Transform of every image; default: that of the catalogue, which fits any shape, and for your
    own sources none."""
    corruption: Corruption | None = None
    """A corruption of every image, in the sense of CIFAR-10-C; default: none."""
    level: Level | None = None
    """For `constant`: the gray level of every pixel; default: 0 (black)."""
    colour: tuple[Level, Level, Level] | None = None
    """For `constant`: red, green and blue of every pixel."""
    count: PositiveInt | None = None
    """For generated data sets: number of images; default: 100 for `constant`, 10,000 for `noise`.
    """
    seed: Annotated[int, Field(ge=0)] | None = None
    """For `noise`: seed of the images."""

    @property
    def own(self) -> OwnSource | None:
        """The kind of own source that is named, if any."""
        kinds: tuple[OwnSource, ...] = ("folder", "npz", "parquet", "hub")
        return next((kind for kind in kinds if getattr(self, kind) is not None), None)

    def limit_of(self, split: str) -> int | None:
        """Return how many images of a source's split are read; None for all.

        Example:
            >>> options = DataOptions(limit={"test": 100})
            >>> options.limit_of("train"), options.limit_of("test"), options.limit_of("all")
            (None, 100, 100)
        """
        if isinstance(self.limit, Limits):
            return self.limit.train if split == "train" else self.limit.test
        return self.limit

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        sources = ("use", "folder", "npz", "parquet", "hub")
        given = [name for name in sources if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} cannot both say where the images are")
        tabular = self.parquet is not None or self.hub is not None
        for name in ("image_column", "label_column"):
            if getattr(self, name) is not None and not tabular:
                raise ValueError(f"{name} needs parquet or hub beside it")
        if self.config is not None and self.hub is None:
            raise ValueError("config needs hub beside it")
        if self.level is not None and self.colour is not None:
            raise ValueError("level and colour cannot both be given")
        return self
