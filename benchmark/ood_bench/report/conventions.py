"""What the columns of each table mean; `**` stands around words to stress."""

from ood_bench.metrics import STANDARD

COVERS = (
    "Where a row says **one training**, its interval covers the choice of test images only: "
    "another training of the same model may lie well outside it."
)
"""What the interval of one training covers."""
FINDINGS = "One training: intervals cover the choice of images, not other trainings."
TESTED = (
    "Where a row says **one training**, the test holds for these trained models on other images "
    "of the same kind; it says nothing about other trainings of them."
)
"""What a test over one training is about."""
CLAIMS = (
    "A claim counts as reproduced only if the whole {level} interval of the measured value meets "
    "the expectation. Published values are those of the source; no verdict depends on them. "
    "With each claim stand the expression that was measured and how its interval was computed: "
    "terms over common images vary together, terms without common images are independent. A "
    "verdict **by one training** holds for that trained model on other images of the same kind; "
    "its interval does not cover other trainings of the model."
)
BESIDE = (
    "Values of the same run that the suite names for each claim, to explain why it was not "
    "reproduced."
)
COMPARED = (
    "AUROC on each pair. ▲: significantly above the baseline, ▼: below it (paired DeLong test "
    "over the same images, 5 % level after Holm's correction for all tests of this run). Mean, "
    "worst and rank are over the pairs of this table that were run in both directions, or all if "
    "none was. Rows are ordered by the worst, the highest first, so that a detector that works "
    "in one direction only comes late; those that lack a pair come after the others. A detector "
    "is ranked on each pair among all in the table that were measured there. Images of each "
    "shape have a table of their own, and so have detectors that score groups of images, which "
    "is easier. Models that are not trained are gray and have no rank. Extra input: what a "
    "detector uses beside the model and held-out ID images; with training images it is fitted "
    "on those in place of held-out ones. None uses OOD images. Passes/image: how often an image "
    "passes a network for its statistics, counted while they were computed; F forward, J of these "
    "with a Jacobian-vector product, B back; of parts that are passed more and less often, the "
    "most. ms/image: time for its statistics and scores on this machine, without training. "
    f"{TESTED}"
)
CATEGORIES = (
    "Mean AUROC over the OOD sets of a category, each set counting alike whatever its size. The "
    "suite labels the sets: near-OOD, far-OOD, or shift, which are ID images of which only the "
    "look differs. Brackets hold {level} intervals; the AUROCs of one detector share their ID "
    f"images, which the interval takes into account. {COVERS}"
)
CORRUPTIONS = (
    "AUROC of ID test images against the same images at the highest measured strength of each "
    "corruption (blur, noise and the like leave what an image shows as it is). Below 0.5 the "
    "corrupted images score as more normal. Brackets hold {level} intervals that take both sides "
    "as independent, which is rather too wide here. Rank correlation: Spearman's, over all "
    "corrupted sets and the ID set at 0.5, of AUROC and mean PNG size; at −1 or 1 the detector "
    f"orders the sets by their complexity alone. {COVERS}"
)
NEARNESS = (
    "How near a set is by its pixels, beside the suite's label. Pixel distance: the Fréchet "
    "distance of test images in 64 principal components, in units of the variance of the ID test "
    "images. It sees coarse differences, hardly any of noise or blur. ID test to ID training "
    "images: what equal sets of different images have at this number of images; corrupted ID "
    "images are the same images, and may have less."
)
PUBLISHED = (
    "Published AUROC values are of other models and trainings; nothing is tuned to them. Spread: "
    "the largest less the smallest published value of the same detector and pair. The measured "
    "interval lies **below** or **above** the published range if it does not reach it, else "
    f"**inside**. {COVERS}"
)
SOURCES = (
    "Each published value of the table above by itself. Run by: the authors of the detector, or "
    "those who ran it again. Tuned on OOD: whether a setting was chosen on OOD images there, which "
    "none is here."
)
DIFFERENCES = (
    "Paired DeLong tests over the same images; p is two-sided, with Holm's correction for all "
    "rows. With several seeds it is Student's t test over them, which two seeds can hardly pass. "
    f"Scores of groups of images cannot be paired. {TESTED}"
)
DETECTION = (
    "A larger score means more out of distribution (OOD). "
    "{metrics} "
    "Brackets hold {level} intervals: {intervals}. Intervals of the other metrics and values of "
    "single seeds are in {values}. With several seeds, values are means over seeds, and intervals "
    f"cover the choice of images and of seeds. {COVERS}"
)
INTERVALS = f"{STANDARD['auroc'].rule} for AUROC"
FORMER_INTERVALS = (
    "DeLong's normal intervals for AUROC and bootstrap percentiles for the others, as earlier "
    "versions computed them (near 0 and 1, or with few images, they cover less; run the suite "
    "again for better ones)"
)
BITS = (
    "−log₂ P(x) of the 8-bit image divided by its number of dimensions, averaged over images: "
    "lower is more likely, and a uniform model has exactly 8. "
    f"Brackets hold {{level}} intervals of the mean. {COVERS}"
)
TRAINING = (
    "Validation: bits per dimension on images held out from training, or a classifier's accuracy "
    "on them."
)
DATA = "Digest: the first 12 digits of the hash of all pixels as the models see them."
