"""The data audit as tables, and as a remark beside the detectors' AUROC."""

from ood_bench.metrics.measure import percent
from ood_bench.report.numbers import ABSENT, count, decimal, with_interval
from ood_bench.report.texttable import TextTable, numbers, words
from ood_bench.results import TRIVIAL, Audit, Results, Separation

ALONE = "◆"
"""Mark of a number that alone separates a pair."""

TITLES = {
    "mean": "Mean pixel value",
    "variance": "Pixel variance",
    "high frequency": "High-frequency share",
    "unique values": "Number of distinct values",
    "PNG bits": "PNG file size",
}
"""Headings of the numbers per image, by their names in results."""

SETS = (
    "Test images as the models see them, after the transform, on the scale 0 to 255. Repeated: "
    "images identical to an earlier one. Mean and SD: per channel, over all images and pixels. "
    "Variance per image: over its pixels and channels, averaged over images. Values: how many of "
    "the 256 levels occur in the whole set, and on average in one image. High frequency: the share "
    "of an image's variance in the upper half of its cosine transform's frequencies, averaged over "
    "images; white noise has 0.750, an image upscaled to twice its size almost 0. PNG bits/dim: "
    "size of the image's PNG file in bits, headers included, over its number of dimensions."
)
"""Description of the columns of `sets_table`."""


def separations_note(level: float) -> str:
    """Return the description of the columns of `separations_table`."""
    return (
        "AUROC with one number per image as the score, without any model. A larger number counts "
        "as more out-of-distribution (OOD); an AUROC below 0.5 is shown as it is, never flipped. "
        f"Brackets hold {percent(level)} intervals (DeLong's variance). {ALONE}: AUROC is at least "
        f"{TRIVIAL:g} or at most {1 - TRIVIAL:g}, so this number alone separates the pair, "
        "whatever the images show. Data sets of which only one was resized, compressed or padded "
        "are separated in the same way."
    )


def overlaps_note(audit: Audit | None) -> str:
    """Return the criteria of `overlaps_table` for identical images and near-duplicates."""
    if audit is None:
        return ""
    return (
        "Both sets after the transform. Identical: all pixels are equal. Near-duplicate: not "
        f"identical, but the perceptual hashes differ in at most {audit.distance} of {audit.bits} "
        f"bits and the pixels correlate by {audit.correlation:g} or more; in sets of simple, "
        "aligned images these may be different pictures. Near-duplicates are not searched among "
        "an ID set's own training images, nor in images of fewer than eight pixels a side."
    )


def sets_table(audit: Audit | None) -> TextTable:
    """Return summary statistics of each data set's test images."""
    rows = tuple(
        (
            item.name,
            item.shape,
            count(item.count),
            "none" if item.repeated == 0 else count(item.repeated),
            ", ".join(f"{value:.1f}" for value in item.channel_means),
            ", ".join(f"{value**0.5:.1f}" for value in item.channel_variances),
            f"{item.image_variance:,.0f}",
            str(item.values),
            f"{item.image_values:.1f}",
            decimal(item.high_frequency),
            decimal(item.png_bits),
        )
        for item in (audit.data if audit else ())
    )
    measured = numbers(
        "Images",
        "Repeated",
        "Mean",
        "SD",
        "Variance per image",
        "Values",
        "Values per image",
        "High frequency",
        "PNG bits/dim",
    )
    return TextTable((*words("Data set (test)", "Shape"), *measured), rows)


def separations_table(audit: Audit | None) -> TextTable:
    """Return the AUROC of each number per image, taken as a score, on each pair."""
    separations = audit.separations if audit else ()
    features = list(dict.fromkeys(item.feature for item in separations))
    cells = {
        (item.inside, item.outside, item.shape, item.feature): _separation(item)
        for item in separations
    }
    rows = tuple(
        (
            f"{inside} → {outside}",
            shape,
            *(cells.get((inside, outside, shape, feature), ABSENT) for feature in features),
        )
        for inside, outside, shape in dict.fromkeys(
            (item.inside, item.outside, item.shape) for item in separations
        )
    )
    titles = (TITLES.get(feature, feature) for feature in features)
    return TextTable((*words("ID → OOD", "Shape"), *numbers(*titles)), rows)


def overlaps_table(audit: Audit | None) -> TextTable:
    """Return how many images two sets share."""
    rows = tuple(
        (
            f"{count(item.count)} of {item.data} ({item.split})",
            f"{count(item.other_count)} of {item.other} ({item.other_split})",
            item.shape,
            "none" if item.exact == 0 else count(item.exact),
            ABSENT if item.near is None else "none" if item.near == 0 else count(item.near),
        )
        for item in (audit.overlaps if audit else ())
    )
    searched = words("Images", "Searched among", "Shape")
    return TextTable((*searched, *numbers("Identical", "Near-duplicates")), rows)


def remark(results: Results, inside: str, outside: str) -> str:
    """Return the remark on a pair that one number per image separates; otherwise empty."""
    found = results.audit.trivial(inside, outside) if results.audit else None
    if found is None:
        return ""
    auroc = f"AUROC {with_interval(found.value, found.low, found.high)}"
    if found.value < 0.5:
        auroc += f"; {decimal(1 - found.value)} reversed"
    return f"{TITLES.get(found.feature, found.feature)} alone separates this pair ({auroc})"


def _separation(item: Separation) -> str:
    text = with_interval(item.value, item.low, item.high)
    return f"{text} {ALONE}" if item.trivial else text
