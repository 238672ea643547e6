"""What a reader must know about a set of images, in words."""

from ood_bench.data.images import ImagesInfo
from ood_bench.data.index import Record
from ood_bench.data.locate import Located
from ood_bench.data.shape import Shape
from ood_bench.data.tally import counts_in_words
from ood_bench.data.transform import describe


def provenance(
    located: Located, split: str, source_split: str, shape: Shape, record: Record
) -> ImagesInfo:
    """Return the provenance of a split.

    Args:
        located: The data set.
        split: The split that was asked for.
        source_split: The source's split that was read.
        shape: The shape of the images now.
        record: What decoding them has shown.
    """
    entry = located.entry
    transform = describe(located.transform, record.native, shape)
    if corruption := located.options.corruption:
        done = "" if transform == "none" else f"{transform}, "
        transform = f"{done}{corruption.title}"
    return ImagesInfo(
        name=located.name,
        title=_title(located),
        split=source_split,
        count=record.count,
        shape=shape,
        digest=record.digest,
        source=_source(located, source_split),
        transform="none" if located.generated else transform,
        licence=entry.licence if entry else "not stated",
        citation=entry.citation if entry else "",
        note="; ".join(_notes(located, split, source_split, shape, record)),
        labels=record.labels,
        classes=record.classes,
    )


def _title(located: Located) -> str:
    if located.entry is None:
        return located.name
    given = [
        f"{option} {getattr(located.options, option)}"
        for option in ("level", "colour", "seed")
        if getattr(located.options, option) is not None
    ]
    return ", ".join([located.entry.title, *given])


def _source(located: Located, split: str) -> str:
    """Return where images came from, and which files there are not among them."""
    title, left_out = located.title(split), located.left_out(split)
    if not left_out:
        return title
    used, others = len(located.files(split)), sum(left_out.values())
    return f"{title}; files: {used:,} used, {others:,} left out ({counts_in_words(left_out)})"


def _notes(
    located: Located, split: str, source_split: str, shape: Shape, record: Record
) -> list[str]:
    entry, limit = located.entry, located.options.limit_of(source_split)
    notes = []
    if located.stands_in_for and entry:
        notes.append(f"embedded subset {entry.name} stands in for {located.stands_in_for.name}")
    if split != source_split:
        whole = source_split == "all"
        notes.append(
            f"no {split} split; all images used"
            if whole
            else f"split `{source_split}` used as {split}"
        )
    if division := located.division:
        text = f"divided by content: {division.test:g} of the images to test, seed {division.seed}"
        pooled = located.sources(source_split)
        together = f"; splits {', '.join(pooled)} together" if len(pooled) > 1 else ""
        notes.append(f"{text}{together}")
    bad = sum(record.left_out.values())
    read = record.count + bad
    if read == limit:
        notes.append(f"first {limit:,} images only")
    if bad:
        of = "" if located.division else f" of {read:,}"  # a side has none of them
        notes.append(f"{bad:,}{of} images left out: {counts_in_words(record.left_out)}")
    for done, count in sorted(record.done.items()):
        notes.append(f"{count:,} of {record.count:,} images {done}")
    if remark := located.remark(source_split):
        notes.append(remark)
    if entry is None or located.generated or located.division:
        return notes
    everything = sum(entry.counts.values())
    published = everything if source_split == "all" else entry.counts.get(source_split)
    whole = record.count == published
    if published and not whole and read != limit:
        notes.append(f"{record.count:,} of {published:,} published images")
    if entry.shape and record.native and record.native != entry.shape:
        notes.append(f"available as {record.native}, published as {entry.shape}")
    expected = entry.digests.get(source_split)
    untouched = describe(located.transform, record.native, shape) == "none"
    untouched = untouched and located.options.corruption is None
    if expected and whole and untouched and record.digest != expected:
        notes.append("not equal to the published images")
    return notes
