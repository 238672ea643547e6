"""What the columns of each table mean; `**` stands around words to stress."""

from ood_bench.metrics import STANDARD

COVERS = (
    "Where a row says **one training**, its interval covers the choice of test images and nothing "
    "else: another training of the same model may lie well outside it."
)
"""What the interval of one training covers."""
FINDINGS = "One training: intervals cover the choice of images, not other trainings of the model."
TESTED = (
    "Where a row says **one training**, the test is about these trained models on other images of "
    "the same kind: it does not tell what other trainings of them would give."
)
"""What a test over one training is about."""
CLAIMS = (
    "A claim counts as reproduced only if the whole {level} interval of what was measured meets "
    "the expectation. Quoted values are those of the source, shown for comparison. A footnote "
    "says by which rule each interval was made: terms of the same images vary together, a term "
    "that is named twice is one, and terms of no common image are independent. A claim that is "
    "(or is not) reproduced **by one training** holds (or fails) for that trained model on other "
    "images of the same kind; its interval does not cover other trainings of the model."
)
BESIDE = (
    "Figures that the suite names beside a claim, which tell why it was not reproduced here. "
    "They come from the same run."
)
COMPARED = (
    "AUROC, the baseline's difference tested image by image (paired DeLong): ▲ above and ▼ below "
    "the baseline at 5 % after Holm's correction for all comparisons of this run. Mean, worst and "
    "mean rank are over the pairs tried both ways on which a detector was measured, ranked on each "
    "among all that were measured there. No detector takes OOD images; what it takes beside the "
    "model and held-out ID images is named. Milliseconds are those of its columns and scores on "
    f"this run's machine, training left out. {TESTED}"
)
QUOTED = (
    "AUROC as the literature gives it, for other models and trainings, beside what this run "
    "measured; nothing is tuned to it. They differ where the measured interval holds none of the "
    f"span of the quoted values. {COVERS}"
)
DIFFERENCES = (
    "Paired by DeLong on the same images; p is two-sided, with Holm's correction for all rows. "
    "Over several seeds it is Student's; two seeds can hardly show a difference, and one tells of "
    "its own training alone. "
    f"Scores of groups of images cannot be paired. {TESTED}"
)
DETECTION = (
    "A larger score means more out of distribution (OOD). "
    "{metrics} "
    "Brackets hold {level} intervals: {intervals}; those of the others are in {values} with the "
    "rows of single seeds. With several seeds, values are means, and intervals count both the "
    f"images and the seeds as samples. {COVERS}"
)
INTERVALS = f"{STANDARD['auroc'].rule} for AUROC"
FORMER_INTERVALS = (
    "DeLong's normal ones for AUROC, a bootstrap's percentiles for the others, as earlier versions "
    "computed them (near 0 and 1, or with few images, they cover less; run the suite again)"
)
BITS = (
    "Minus log₂ of the probability of the 8-bit image over its number of dimensions, averaged "
    "over images: lower is more likely, and a uniform model has 8. "
    f"Brackets hold {{level}} intervals of the mean. {COVERS}"
)
TRAINING = (
    "Validation: bits per dimension on images held out from training, or the share of them that a "
    "classifier gets right."
)
DATA = "Digests are the first 12 digits of that of the pixels as the models see them."
