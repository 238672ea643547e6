"""Contracts for authors of plugins, one per kind, to be checked in pytest or without it.

Nothing here needs pytest: laws that do not apply raise `unittest.SkipTest`, which pytest reports
as a skip.
"""

from ood_bench.testing.classifier_contract import ClassifierContract, check_classifier
from ood_bench.testing.classifier_laws import CLASSIFIER_LAWS
from ood_bench.testing.classifier_subject import ClassifierSubject
from ood_bench.testing.detector_contract import DetectorContract, check_detector
from ood_bench.testing.detector_laws import DETECTOR_LAWS, DetectorSubject
from ood_bench.testing.law import Law, NotApplicable, Verdict
from ood_bench.testing.metric_contract import (
    METRIC_LAWS,
    MetricContract,
    MetricSubject,
    check_metric,
)
from ood_bench.testing.model_contract import MODEL_LAWS, ModelContract, check_model
from ood_bench.testing.model_subject import ModelSubject
from ood_bench.testing.subject import displaced, random_images

__all__ = [
    "CLASSIFIER_LAWS",
    "DETECTOR_LAWS",
    "METRIC_LAWS",
    "MODEL_LAWS",
    "ClassifierContract",
    "ClassifierSubject",
    "DetectorContract",
    "DetectorSubject",
    "Law",
    "MetricContract",
    "MetricSubject",
    "ModelContract",
    "ModelSubject",
    "NotApplicable",
    "Verdict",
    "check_classifier",
    "check_detector",
    "check_metric",
    "check_model",
    "displaced",
    "random_images",
]
