"""Results of a comparison of runs, as values."""

from dataclasses import dataclass

from ood_bench.results.trainings import verdict_in_words


@dataclass(frozen=True)
class ComparedRow:
    """AUROC of one detector on one pair in one run; the columns of `compare.csv`, in this order.

    Names are those of the first run. `value`, `low`, `high` are those of the run's own report,
    pooled over seeds. `difference` is this run's `value` minus the first run's, with its interval
    (DeLong over the same images, and over seeds, paired if both runs have the same), two-sided
    p-value and the same with Holm's correction for all differences of the comparison; None if it
    cannot be computed, for the reason in `note`.
    `trainings` states how many trainings the value comes from; with one, intervals and p-values
    are about these trained models and the choice of images.
    """

    model: str
    inside: str
    outside: str
    detector: str
    run: str
    value: float
    low: float
    high: float
    n_inside: int
    n_outside: int
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    note: str = ""
    trainings: str = ""


@dataclass(frozen=True)
class ComparedClaim:
    """The verdict of one run on a claim."""

    id: str
    says: str
    run: str
    verdict: str
    measured: float | None
    low: float | None
    high: float | None
    trainings: str = ""

    @property
    def judged(self) -> str:
        """The verdict, with the number of trainings if it is one."""
        return verdict_in_words(self.verdict, self.trainings)


@dataclass(frozen=True)
class RunComparison:
    """Several runs, all compared with the first.

    Attributes:
        runs: Their names.
        level: Coverage of the differences' intervals, that of the first run.
        rows: All detectors on all pairs that the first and another run have measured.
        claims: The claims of all runs, grouped by id and text.
        notes: Notes above the tables.
    """

    runs: tuple[str, ...]
    level: float
    rows: tuple[ComparedRow, ...]
    claims: tuple[ComparedClaim, ...]
    notes: tuple[str, ...]
