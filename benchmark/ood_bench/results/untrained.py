"""Whether a trained density has learnt anything, as a reader of its numbers must know."""

from collections.abc import Iterable

from ood_bench.results.run import TrainingCard

UNTRAINED = "not trained: "
"""How what is said of an untrained model begins, in the note of a row."""
NEAR = 0.95
"""Share of a trivial density's bits per dimension that a trained one must fall below."""


def why_untrained(card: TrainingCard) -> str:
    """Return why a model counts as not trained; empty if it does not.

    A density that has 8 bits per dimension or more on its own validation images is no better
    than a uniform one. One that has more than 95 % of the bits that one histogram a channel of
    its training images has there is in the neighbourhood of that trivial density. Of a
    classifier nothing is said, and of a training without the histogram's bits, one kept from
    before they were measured, only the first.
    """
    bits, histogram = card.bpd_validation, card.bpd_histogram
    if bits is None:
        return ""
    who = f"{UNTRAINED}{card.model} of seed {card.seed} on {card.inside}"
    measured = f"{bits:.2f} bits per dimension on its own validation images"
    if bits >= 8:
        return f"{who} has {measured}, and a uniform density 8"
    if histogram is not None and bits > NEAR * histogram:
        return f"{who} has {measured}, and one histogram a channel {histogram:.2f}"
    return ""


def untrained(notes: Iterable[str]) -> list[str]:
    """Return what some rows' notes say of untrained models, each remark once.

    Example:
        >>> untrained(["embedded subset; not trained: glow has 8.10 bits", "", "1 seed"])
        ['not trained: glow has 8.10 bits']
    """
    remarks = (remark for note in notes for remark in note.split("; "))
    return [remark for remark in dict.fromkeys(remarks) if remark.startswith(UNTRAINED)]
