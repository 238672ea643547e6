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
    model_config = ConfigDict(frozen=True, extra="forbid")


class Transform(_Frozen):
    """What is done to every image, in this order; the default does nothing.

    1. `crop`, if the image is larger than the crop.
    2. `pad`, if the image is no larger than the target in either direction; else `resize`.
    3. `channels`.
    4. `invert`.

    Steps that an image does not need, because it has the target's size or channels already,
    change nothing, and the provenance does not list them.

    Attributes:
        crop: `square` cuts out the largest centred square, a number a centred square of that
            many pixels. An odd row or column goes from the bottom or the right.
        pad: Centre the image on the target's size with `zero` or with its own `edge` pixels.
            An odd row or column goes to the bottom or the right.
        resize: Pillow filter that brings the image to the target's height and width; always
            antialiased when shrinking.
        channels: `gray` takes the ITU-R 601 luma of a colour image, `rgb` repeats a gray one,
            `match` does whichever the target needs.
        invert: Replace every value v by 255 − v.
        sixteen_bit: `scale` brings files of more than 8 bits a channel from 0 to the largest
            value that they declare (65,535; 4,095 with 12 bits) to 0 to 255, rounded; it comes
            before all else. `refuse` takes none such.
    """

    crop: Literal["square"] | PositiveInt | None = None
    pad: Literal["zero", "edge"] | None = None
    resize: Literal["bicubic", "bilinear", "box", "lanczos"] | None = None
    channels: Literal["gray", "rgb", "match"] | None = None
    invert: bool = False
    sixteen_bit: Literal["refuse", "scale"] = "refuse"


class Division(_Frozen):
    """How a source without training and test images is divided, by a hash of their content.

    All images of the source are divided, whatever their split. Equal images fall on one side, and
    neither the names nor the order of files matter.

    Attributes:
        test: Share of the images to test on; the others are to train on.
        seed: Another seed, another division.
    """

    test: float = Field(gt=0, lt=1)
    seed: int = Field(default=0, ge=0)


def _split_kind(value: Any) -> str:
    return "[division]" if isinstance(value, dict | Division) else "[name]"


Split = Annotated[
    Annotated[str, Tag("[name]")] | Annotated[Division, Tag("[division]")],
    Discriminator(_split_kind),
]


class Limits(_Frozen):
    """How many images of each split are read, the first ones; all of a split that is not named.

    Attributes:
        train: Of the split `train`.
        test: Of every other split.
    """

    train: PositiveInt | None = None
    test: PositiveInt | None = None


def _limit_kind(value: Any) -> str:
    return "[limits]" if isinstance(value, dict | Limits) else "[number]"


Limit = Annotated[
    Annotated[PositiveInt, Tag("[number]")] | Annotated[Limits, Tag("[limits]")],
    Discriminator(_limit_kind),
]


class DataOptions(_Frozen):
    """A data set of a suite: one of the catalogue, or an own source named without code.

    Attributes:
        use: Name in the catalogue; the data set's own name in the suite unless said.
        folder: A folder of images, of one folder a class, or of such folders `train`, `test`.
        npz: A NumPy archive of uint8 arrays: `images` and `labels`, or one pair a split as
            `train_images`, `train_labels`, `test_images` or `x_train`, `y_train`, `x_test`.
        parquet: A Parquet file, or a folder of such in one of the hub's layouts, as
            `<split>-*.parquet`, with an image column.
        hub: A data set of the Hugging Face hub that is in the local cache.
        config: Configuration of the hub data set, where it has several.
        image_column: Column of the images, for `parquet` and `hub`; `image` unless said.
        label_column: Column of the labels, for `parquet` and `hub`; `label`, if there, unless
            said.
        split: The source's split that is scored as test; `test` unless said, or `all` where a
            source has no other. `{test: 0.2, seed: 0}` divides its images in ones to train on
            and ones to test on.
        limit: Only the first so many images of each split; `{test: 1000}` of the test images
            alone.
        on_bad: `error` lists all images that cannot be read and stops; `skip` leaves them out,
            and the provenance says how many, and why.
        transform: What is done to every image. Unless said, the catalogue's way to make the
            data set fit any shape; for own sources nothing.
        level: For `constant`: the gray level of every pixel; 0, black, unless said.
        colour: For `constant`: red, green and blue of every pixel.
        count: For generated sets: how many images; 100 for `constant`, 10,000 for `noise`.
        seed: For `noise`: another seed, other images.
    """

    use: str | None = None
    folder: Path | None = None
    npz: Path | None = None
    parquet: Path | None = None
    hub: str | None = None
    config: str | None = None
    image_column: str | None = None
    label_column: str | None = None
    split: Split | None = None
    limit: Limit | None = None
    on_bad: OnBad = "error"
    transform: Transform | None = None
    level: Level | None = None
    colour: tuple[Level, Level, Level] | None = None
    count: PositiveInt | None = None
    seed: Annotated[int, Field(ge=0)] | None = None

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
