"""What the images alone tell, as tables, and as a remark beside the detectors' AUROC."""

from ood_bench.metrics.measure import percent
from ood_bench.report.numbers import ABSENT, count, decimal, with_interval
from ood_bench.report.texttable import TextTable, numbers, words
from ood_bench.results import TRIVIAL, Audit, Results, Separation

ALONE = "◆"
"""Marks a number that tells a pair apart alone."""

SETS = (
    "Test images as the models see them, after the transform, on the scale of 0 to 255. Repeated: "
    "images whose pixels are those of an earlier one. Mean and SD: of each channel over all images "
    "and pixels. Variance in an image: over its pixels and channels, averaged over images. Values: "
    "how many of the 256 occur in the whole set, and on average in one image. High frequency: the "
    "mean share of an image's variance at upper-half frequencies of its cosine transform; white "
    "noise has 0.750, an image enlarged to twice its size next to none. PNG bits: those of its "
    "file, headers included, over its dimensions."
)
"""What the columns of `sets_table` are."""


def separations_note(level: float) -> str:
    """Return what the columns of `separations_table` are."""
    return (
        "AUROC of one number of an image, taken as its score without any model: a larger number "
        "means more out of distribution, and one below 0.5 is never flipped; brackets hold "
        f"{percent(level)} intervals, of DeLong's variance. {ALONE}: AUROC, or one minus it, is "
        f"{TRIVIAL:g} or more. Such a pair can be told apart without a look at what the images "
        "show, and so can sets of which one was resized, compressed or padded and the other not."
    )


def overlaps_note(audit: Audit | None) -> str:
    """Return what counts as the same image in `overlaps_table`."""
    if audit is None:
        return ""
    return (
        "Both sets after the transform. Look the same: not the very pixels, but perceptual hashes "
        f"that differ in at most {audit.distance} of {audit.bits} bits and pixels that correlate "
        f"by {audit.correlation:g} or more; in sets of simple, aligned images these may be "
        "different pictures. Not looked for among the inside's own training images, nor where "
        "images have less than eight pixels a side."
    )


def sets_table(audit: Audit | None) -> TextTable:
    """Return each data set's test images in a few numbers."""
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
        "Variance in an image",
        "Values",
        "Values in an image",
        "High frequency",
        "PNG bits/dim",
    )
    return TextTable((*words("Data set (test)", "Shape"), *measured), rows)


def separations_table(audit: Audit | None) -> TextTable:
    """Return the AUROC that each number alone reaches on each pair."""
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
    return TextTable((*words("ID → OOD", "Shape"), *numbers(*features)), rows)


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
    searched = words("Images", "Looked for among", "Shape")
    return TextTable((*searched, *numbers("The very pixels", "Look the same")), rows)


def remark(results: Results, inside: str, outside: str) -> str:
    """Return what to say beside the detectors of a pair that one number tells apart, or nothing."""
    found = results.audit.trivial(inside, outside) if results.audit else None
    if found is None:
        return ""
    return (
        f"no model is needed to tell this pair apart: the images' {found.feature} alone has AUROC "
        f"{with_interval(found.value, found.low, found.high)}"
    )


def _separation(item: Separation) -> str:
    text = with_interval(item.value, item.low, item.high)
    return f"{text} {ALONE}" if item.trivial else text
