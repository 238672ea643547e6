"""An image file becomes what it says it is, or is refused; nothing is cut, dropped or turned."""

import io
import struct
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ood_bench.data import DataOptions, Library, Shape, Transform
from ood_bench.data.decoding import BadImageError, decode
from ood_bench.errors import DataError

SCALE = Transform(sixteen_bit="scale")
GRADIENT = np.linspace(0, 65_535, 12 * 10).round().astype(np.uint16).reshape(12, 10)
COLOUR = np.stack([GRADIENT, GRADIENT[::-1], GRADIENT[:, ::-1]], -1)
OPAQUE = np.full((12, 10, 1), 65_535, np.uint16)


def png(values: NDArray[np.generic], kind: int, *, clear: bytes = b"") -> bytes:
    """Write a PNG as its standard says: 8 or 16 bits, any colour type, perhaps with tRNS."""
    height, width = values.shape[:2]
    depth = 16 if values.dtype == np.uint16 else 8

    def chunk(name: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    rows = [b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in values]
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *([chunk(b"tRNS", clear)] if clear else [])]
    parts += [chunk(b"IDAT", zlib.compress(b"".join(rows))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def netpbm(values: NDArray[np.generic], top: int) -> bytes:
    kind = "P6" if values.ndim == 3 else "P5"
    return f"{kind}\n10 12\n{top}\n".encode() + values.astype(">u2").tobytes()


def plain_netpbm(values: NDArray[np.generic], top: int) -> bytes:
    kind = "P3" if values.ndim == 3 else "P2"
    return f"{kind}\n10 12\n{top}\n{' '.join(map(str, values.ravel()))}\n".encode()


def tiff(
    values: NDArray[np.uint16], *, end: str = "<", more: dict[int, int] | None = None
) -> bytes:
    """Write an uncompressed TIFF of one strip, of either byte order."""
    channels = values.shape[2] if values.ndim == 3 else 1
    tags = {256: 10, 257: 12, 258: 16, 259: 1, 262: 2 if channels >= 3 else 1, 273: 0}
    tags |= {277: channels, 278: 12, 279: values.nbytes, 339: 1} | (more or {})
    start = 8 + 2 + 12 * len(tags) + 4
    tags[273] = start + 8 * channels
    body, beyond = b"", b""
    for tag in sorted(tags):
        if tag in (258, 339) and channels > 1:
            body += struct.pack(f"{end}HHII", tag, 3, channels, start + len(beyond))
            beyond += struct.pack(f"{end}{channels}H", *[tags[tag]] * channels).ljust(
                4 * channels, b"\0"
            )
        elif tags[tag] > 65_535:
            body += struct.pack(f"{end}HHII", tag, 4, 1, tags[tag])
        else:
            body += struct.pack(f"{end}HHIHH", tag, 3, 1, tags[tag], 0)
    magic = (b"II" if end == "<" else b"MM") + struct.pack(f"{end}HI", 42, 8)
    head = magic + struct.pack(f"{end}H", len(tags)) + body + bytes(4) + beyond
    return head.ljust(tags[273], b"\0") + values.astype(f"{end}u2").tobytes()


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def deflated_tiff(content: bytes) -> bytes:
    """Recompress a gray TIFF, so that another decoder reads it."""
    return saved(Image.open(io.BytesIO(content)), "TIFF", compression="tiff_adobe_deflate")


DEEP = {
    "gray PNG": (png(GRADIENT[..., None], 0), GRADIENT, 65_535),
    "gray PNG with opacity": (png(np.dstack([GRADIENT, OPAQUE]), 4), GRADIENT, 65_535),
    "PNG": (png(COLOUR, 2), COLOUR, 65_535),
    "PNG with opacity": (png(np.dstack([COLOUR, OPAQUE]), 6), COLOUR, 65_535),
    "dark PNG": (png(COLOUR >> 4, 2), COLOUR >> 4, 65_535),
    "PGM": (netpbm(GRADIENT, 65_535), GRADIENT, 65_535),
    "PGM of 12 bits": (netpbm(GRADIENT >> 4, 4_095), GRADIENT >> 4, 4_095),
    "PPM": (netpbm(COLOUR, 65_535), COLOUR, 65_535),
    "PPM of 12 bits": (netpbm(COLOUR >> 4, 4_095), COLOUR >> 4, 4_095),
    "PGM in words": (plain_netpbm(GRADIENT >> 6, 1_023), GRADIENT >> 6, 1_023),
    "PPM in words": (plain_netpbm(COLOUR >> 6, 1_023), COLOUR >> 6, 1_023),
    "gray TIFF": (tiff(GRADIENT), GRADIENT, 65_535),
    "big-endian gray TIFF": (tiff(GRADIENT, end=">"), GRADIENT, 65_535),
    "deflated gray TIFF": (deflated_tiff(tiff(GRADIENT)), GRADIENT, 65_535),
    "TIFF": (tiff(COLOUR), COLOUR, 65_535),
    "big-endian TIFF": (tiff(COLOUR, end=">"), COLOUR, 65_535),
    "TIFF with opacity": (tiff(np.dstack([COLOUR, OPAQUE]), more={338: 2}), COLOUR, 65_535),
}


@pytest.mark.parametrize("name", DEEP)
def test_more_than_8_bits_are_refused_or_scaled_and_never_cut(name: str) -> None:
    content, values, top = DEEP[name]
    with pytest.raises(BadImageError, match=rf"a: more than 8 bits a channel \(0 to {top:,}\)"):
        decode("a", content)
    image, done = decode("a", content, "scale")
    assert np.array_equal(np.asarray(image), np.floor(values / top * 255 + 0.5).astype(np.uint8))
    assert done == (f"scaled from 0 to {top:,} to 0 to 255",)


UNSCALED = {
    "TIFF with its planes apart": tiff(COLOUR, more={284: 2}),
    "TIFF whose black is large": tiff(GRADIENT, more={262: 0}),
    "TIFF of CMYK": tiff(np.dstack([COLOUR, GRADIENT]), more={262: 5}),
    "TIFF with a sign": tiff(GRADIENT, more={339: 2}),
    "TIFF of 32 bits": saved(Image.fromarray(GRADIENT.astype(np.int32)), "TIFF"),
    "TIFF of floats": saved(Image.fromarray(GRADIENT.astype(np.float32)), "TIFF"),
    "JPEG 2000": saved(Image.fromarray(GRADIENT), "JPEG2000"),
}


@pytest.mark.parametrize("name", UNSCALED)
def test_more_than_8_bits_that_cannot_be_scaled_rightly_are_refused(name: str) -> None:
    for sixteen_bit in ("refuse", "scale"):
        with pytest.raises(BadImageError, match="a: more than 8 bits a channel") as refused:
            decode("a", UNSCALED[name], sixteen_bit)  # type: ignore[arg-type] # one of the two
        assert refused.value.reason == "more than 8 bits"


def test_colour_of_more_than_8_bits_in_jpeg_2000_and_avif_is_told_from_the_header() -> None:
    colour = Image.fromarray((COLOUR >> 8).astype(np.uint8))
    jp2 = bytearray(saved(colour, "JPEG2000"))
    assert decode("a", bytes(jp2)).image.mode == "RGB"
    depths = jp2.index(b"\xff\x4f\xff\x51") + 4 + 38
    jp2[depths] = jp2[depths + 3] = jp2[depths + 6] = 11  # 12 bits, written less one
    with pytest.raises(BadImageError, match=r"a: more than 8 bits a channel \(0 to 4,095\)"):
        decode("a", bytes(jp2))
    avif = bytearray(saved(colour, "AVIF"))
    assert decode("a", bytes(avif)).image.mode == "RGB"
    flags = avif.index(b"av1C") + 6
    avif[flags] |= 0x40
    with pytest.raises(BadImageError, match="a: (more than 8 bits a|not a readable)"):
        decode("a", bytes(avif))


def test_few_bits_are_stretched_over_all_of_8() -> None:
    few = (GRADIENT >> 12).astype(np.uint8)
    content = b"P5\n10 12\n15\n" + few.tobytes()
    assert np.array_equal(np.asarray(decode("a", content).image), few * 17)


def test_the_provenance_names_the_scaling_and_how_many_it_was_done_to(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(png(COLOUR, 2))
    Image.fromarray((COLOUR >> 8).astype(np.uint8)).save(tmp_path / "1.png")
    library, options = Library(root=None, index=None), DataOptions(folder=tmp_path)
    for ask in (library.shape, partial(library.info, split="test", shape=Shape(3, 12, 10))):
        with pytest.raises(DataError, match=r"0\.png: more than 8 .*sixteen_bit: scale"):
            ask("own", DataOptions(folder=tmp_path, limit=1))
    options = options.model_copy(update={"transform": SCALE})
    assert (
        "1 of 2 images scaled from 0 to 65,535 to 0 to 255"
        in library.info("own", options, "test").note
    )


FLAT = np.zeros((12, 10, 3), np.uint8)
FLAT[..., 0] = 255
FLAT[4:8, 4:8] = (0, 0, 255)
ALPHA = np.where(FLAT[..., 0] == 255, 0, 255).astype(np.uint8)
TRANSPARENT = {
    "RGBA": saved(Image.fromarray(np.dstack([FLAT, ALPHA])), "PNG"),
    "RGB with tRNS": png(FLAT, 2, clear=struct.pack(">HHH", 255, 0, 0)),
    "gray with tRNS": png(FLAT[..., :1], 0, clear=struct.pack(">H", 255)),
    "gray with opacity": png(np.dstack([FLAT[..., :1], ALPHA]), 4),
    "1 bit with tRNS": saved(Image.fromarray(ALPHA).convert("1"), "PNG", transparency=0),
    "palette with tRNS": saved(Image.fromarray(FLAT).quantize(4), "PNG", transparency=0),
    "GIF": saved(Image.fromarray(FLAT).quantize(4), "GIF", transparency=0),
    "WebP": saved(Image.fromarray(np.dstack([FLAT, ALPHA])), "WEBP", lossless=True),
    "TIFF": saved(Image.fromarray(np.dstack([FLAT, ALPHA])), "TIFF"),
    "16 bits and opacity": png(np.dstack([COLOUR, OPAQUE - 1]), 6),
    "16 bits with tRNS": png(COLOUR, 2, clear=struct.pack(">HHH", *map(int, COLOUR[3, 3]))),
    "gray, 16 bits with tRNS": png(GRADIENT[..., None], 0, clear=struct.pack(">H", 0)),
}


@pytest.mark.parametrize("name", TRANSPARENT)
def test_transparency_of_every_kind_is_refused_alike(name: str) -> None:
    with pytest.raises(BadImageError, match="a: transparent pixels") as refused:
        decode("a", TRANSPARENT[name], "scale")
    assert refused.value.reason == "transparent"


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (png(FLAT, 2, clear=struct.pack(">HHH", 1, 2, 3)), FLAT),
        (png(FLAT[..., :1], 0, clear=struct.pack(">H", 7)), FLAT[..., 0]),
        (png(COLOUR, 2, clear=struct.pack(">HHH", 1, 2, 3)), None),
    ],
)
def test_a_transparent_colour_that_no_pixel_has_changes_nothing(
    content: bytes, values: NDArray[np.uint8] | None
) -> None:
    image = decode("a", content, "scale").image
    assert values is None or np.array_equal(np.asarray(image), values)


UPRIGHT = np.arange(12 * 10, dtype=np.uint8).reshape(12, 10)
STORED = {  # how an upright image is stored, by the orientation that its tag then has
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT),
    7: np.rot90(UPRIGHT, 2).T,
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", STORED)
def test_images_are_turned_as_viewers_do(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation]))
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100}}.get(form, {})
    image, done = decode("a", saved(stored, form, exif=exif, **options))
    found = np.asarray(image.convert("L")).astype(int)
    assert found.shape == UPRIGHT.shape
    assert np.abs(found - UPRIGHT).max() <= (3 if form == "JPEG" else 0)
    assert done == (() if orientation == 1 else ("turned by their EXIF orientation",))


def test_a_turned_image_of_16_bits_is_turned_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(GRADIENT)))
    wanted = np.floor(GRADIENT / 257 + 0.5)
    for form in ("PNG", "TIFF"):
        image = decode("a", saved(stored, form, exif=exif), "scale").image
        assert np.array_equal(np.asarray(image), wanted)


def test_the_shape_of_a_data_set_is_that_of_its_turned_images(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((20, 36), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    library, options = Library(root=None, index=None), DataOptions(folder=tmp_path)
    assert library.shape("own", options) == Shape(1, 36, 20)
    info = library.info("own", options, "test")
    assert info.note.endswith("1 of 1 images turned by their EXIF orientation")


@pytest.mark.parametrize("form", ["TIFF", "GIF", "WEBP", "PNG", "AVIF"])
def test_of_several_pages_the_first_is_read_and_that_is_said(form: str) -> None:
    pages = [Image.fromarray(np.full((12, 10), level, np.uint8)) for level in (10, 120, 240)]
    content = saved(pages[0], form, save_all=True, append_images=pages[1:])
    image, done = decode("a", content)
    assert abs(int(np.asarray(image).max()) - 10) <= 1
    assert done == ("with several pages or frames, of which the first was read",)
    assert decode("a", saved(pages[0], form)).done == ()


def test_cmyk_is_converted_and_other_colour_spaces_and_channels_are_refused() -> None:
    cmyk = np.random.default_rng(0).integers(0, 256, (12, 10, 4), dtype=np.uint8)
    wanted = (255.0 - cmyk[..., :3]) * (255.0 - cmyk[..., 3:]) / 255
    image = decode("a", saved(Image.fromarray(cmyk, "CMYK"), "TIFF")).image
    assert np.abs(np.asarray(image) - wanted).max() <= 1
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(Image.fromarray(FLAT), to_lab)
    assert lab is not None
    with pytest.raises(BadImageError, match="a: in the colour space CIELAB"):
        decode("a", saved(lab, "TIFF"))
    four = Image.fromarray(np.dstack([FLAT, ALPHA]), "RGBX")
    with pytest.raises(BadImageError, match="a: 4 channels; only gray and colour"):
        decode("a", saved(four, "TIFF"))


def test_a_file_of_a_format_that_is_no_image_format_is_not_run() -> None:
    with pytest.raises(BadImageError, match="unknown format"):
        decode("a", saved(Image.fromarray(FLAT), "EPS"))


def test_tga_has_no_mark_and_is_read_by_its_ending_alone() -> None:
    content = saved(Image.fromarray(FLAT), "TGA")
    assert np.array_equal(np.asarray(decode("a.TGA", content).image), FLAT)
    with pytest.raises(BadImageError, match="unknown format"):
        decode("a.png", content)


def test_a_plain_image_is_as_it_was() -> None:
    image, done = decode("a", png(FLAT, 2))
    assert (image.mode, done) == ("RGB", ())
    assert np.array_equal(np.asarray(image), FLAT)
