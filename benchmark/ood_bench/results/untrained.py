"""Detect densities that have learnt nothing, to be noted beside their numbers."""

from collections.abc import Iterable

from ood_bench.results.run import TrainingCard

UNTRAINED = "not trained: "
"""Prefix of the remark on an untrained model in the note of a row."""
NEAR = 0.95
"""A trained density must fall below this share of the trivial one's bits per dimension."""


def why_untrained(card: TrainingCard) -> str:
    """Return why a model counts as untrained; empty if it does not.

    A density with 8 or more bits per dimension on its own validation images is no better than a
    uniform one. One with more than 95 % of the bits of one histogram per channel of its training
    images is close to that trivial density. Classifiers are not tested; trainings of versions
    that did not measure the histogram's bits are tested only against the uniform density.
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
    """Return the remarks on untrained models in some rows' notes, each once.

    Example:
        >>> untrained(["embedded subset; not trained: glow has 8.10 bits", "", "1 seed"])
        ['not trained: glow has 8.10 bits']
    """
    remarks = (remark for note in notes for remark in note.split("; "))
    return [remark for remark in dict.fromkeys(remarks) if remark.startswith(UNTRAINED)]
