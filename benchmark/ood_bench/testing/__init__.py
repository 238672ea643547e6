"""What a plugin's author checks a model or a detector with, in pytest or without it.

Nothing here needs pytest: laws that do not apply raise `unittest.SkipTest`, which pytest shows as
a skip.
"""

from ood_bench.testing.detector_contract import DetectorContract, check_detector
from ood_bench.testing.detector_laws import DETECTOR_LAWS, DetectorSubject
from ood_bench.testing.law import Law, NotApplicable, Verdict
from ood_bench.testing.model_contract import MODEL_LAWS, ModelContract, check_model
from ood_bench.testing.subject import ModelSubject, displaced, random_images

__all__ = [
    "DETECTOR_LAWS",
    "MODEL_LAWS",
    "DetectorContract",
    "DetectorSubject",
    "Law",
    "ModelContract",
    "ModelSubject",
    "NotApplicable",
    "Verdict",
    "check_detector",
    "check_model",
    "displaced",
    "random_images",
]
