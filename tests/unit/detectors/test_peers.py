"""Detectors of a classifier against pytorch-ood's, on the same features, logits and fit set."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from tests.peer import pytorch_ood
from torch import Tensor, nn

from ood_bench.detectors import Columns, Detector
from ood_bench.detectors.ash import Ash
from ood_bench.detectors.dice import Dice
from ood_bench.detectors.energy import Energy
from ood_bench.detectors.entropy import Entropy
from ood_bench.detectors.fdbd import Fdbd
from ood_bench.detectors.gen import Gen
from ood_bench.detectors.gmm import Gmm
from ood_bench.detectors.kl_matching import KlMatching
from ood_bench.detectors.knn import Knn
from ood_bench.detectors.mahalanobis import Mahalanobis
from ood_bench.detectors.max_logit import MaxLogit
from ood_bench.detectors.msp import Msp
from ood_bench.detectors.nci import Nci
from ood_bench.detectors.nnguide import NnGuide
from ood_bench.detectors.openmax import OpenMax
from ood_bench.detectors.react import React
from ood_bench.detectors.rmds import Rmds
from ood_bench.detectors.scale import Scale
from ood_bench.detectors.she import She
from ood_bench.detectors.vim import Vim

Matrix = NDArray[np.float64]

CLASSES, FEATURES = 5, 20
RANDOM = np.random.default_rng(0)
CENTRES = RANDOM.normal(0, 1, (CLASSES, FEATURES))
MIX = RANDOM.normal(0, 0.2, (FEATURES, FEATURES))
WEIGHT, BIAS = CENTRES / 3, RANDOM.normal(0, 0.2, CLASSES)


def draw(n: int, seed: int) -> tuple[Matrix, NDArray[np.int64]]:
    """Return features as they leave a ReLU, and their classes."""
    random = np.random.default_rng(seed)
    label = random.integers(0, CLASSES, n)
    return np.maximum(CENTRES[label] + random.normal(0, 1, (n, FEATURES)) @ MIX, 0.0), label


FOUND, LABELS = draw(900, 1)
RIGHT = (FOUND @ WEIGHT.T + BIAS).argmax(axis=1) == LABELS
KNOWN, LABEL = FOUND[RIGHT], LABELS[RIGHT]  # classified correctly, which OpenMax asks for
IMAGES = np.vstack([draw(80, 2)[0], np.abs(np.random.default_rng(3).normal(0, 2, (80, FEATURES)))])


def columns(features: Matrix, label: NDArray[np.int64] | None = None) -> Columns:
    logits = features @ WEIGHT.T + BIAS
    found = {f"classifier.features.{k}": features[:, k] for k in range(FEATURES)}
    found |= {f"classifier.logits.{k}": logits[:, k] for k in range(CLASSES)}
    return found if label is None else {**found, "classifier.label": label.astype(np.float64)}


HEAD = nn.Linear(FEATURES, CLASSES)
with torch.no_grad():
    HEAD.weight.copy_(torch.tensor(WEIGHT))
    HEAD.bias.copy_(torch.tensor(BIAS))


def tensor(values: NDArray[Any]) -> Tensor:
    return torch.tensor(values, dtype=torch.int64 if values.dtype == np.int64 else torch.float32)


def by_logits(peer: Any) -> Tensor:
    if peer.requires_fit:
        peer.fit_logits(tensor(KNOWN @ WEIGHT.T + BIAS), tensor(LABEL))
    scores: Tensor = peer.predict_logits(tensor(IMAGES @ WEIGHT.T + BIAS))
    return scores


def by_features(peer: Any) -> Tensor:
    peer.fit_features(tensor(KNOWN), tensor(LABEL))
    scores: Tensor = peer.predict_features(tensor(IMAGES))
    return scores


def by_maps(peer: Any) -> Tensor:
    """Score features as feature maps of one pixel."""
    if peer.requires_fit:
        peer.fit_feature_maps(tensor(KNOWN)[..., None, None], tensor(LABEL))
    scores: Tensor = peer.predict_feature_maps(tensor(IMAGES)[..., None, None])
    return scores


def of_maps(maps: Tensor) -> Tensor:
    found: Tensor = HEAD(maps.flatten(1))
    return found


Peer = Callable[[Any], Tensor]

PAIRS: dict[str, tuple[Detector, Peer, Callable[[Matrix], Matrix]]] = {
    "entropy": (Entropy(), lambda peers: by_logits(peers.Entropy(None)), lambda own: own),
    "gen": (Gen(), lambda peers: by_logits(peers.GEN(None)), lambda own: own / CLASSES),
    "gen-3": (
        Gen(classes=3),
        lambda peers: by_logits(peers.GEN(None, M=3)),
        lambda own: own / 3,
    ),
    "kl_matching": (KlMatching(), lambda peers: by_logits(peers.KLMatching(None)), lambda own: own),
    "max_logit": (MaxLogit(), lambda peers: by_logits(peers.MaxLogit(None)), lambda own: own),
    "energy": (Energy(), lambda peers: by_logits(peers.EnergyBased(None)), lambda own: own),
    "msp": (
        Msp(),
        lambda peers: by_logits(peers.MaxSoftmax(None)),
        lambda own: -1 / (1 + np.exp(own)),
    ),
    "openmax": (
        OpenMax(),
        lambda peers: by_logits(peers.OpenMax(None, tailsize=20)),
        lambda own: 1 / (1 + np.exp(-own)),
    ),
    "knn": (Knn(k=7), lambda peers: by_features(peers.KNN(None, k=7)), lambda own: own),
    "mahalanobis": (
        Mahalanobis(),
        lambda peers: by_features(peers.Mahalanobis(None)),
        lambda own: own / len(KNOWN) / 2,
    ),
    "rmds": (
        Rmds(),
        lambda peers: by_features(peers.RMD(None)),
        lambda own: own / len(KNOWN),
    ),
    "gmm": (Gmm(), lambda peers: by_features(peers.GMM(None)), lambda own: own),
    "vim": (
        Vim(dims=10),
        lambda peers: by_features(peers.ViM(None, d=10, w=HEAD.weight, b=HEAD.bias)),
        lambda own: own,
    ),
    "she": (She(), lambda peers: by_features(peers.SHE(None, HEAD)), lambda own: own),
    "nnguide": (
        NnGuide(k=7),
        lambda peers: by_features(peers.NNGuide(None, HEAD, k=7)),
        lambda own: own,
    ),
    "fdbd": (Fdbd(), lambda peers: by_features(peers.fDBD(None, HEAD)), lambda own: own),
    "nci": (
        Nci(alpha=0.01),
        lambda peers: by_features(peers.NCI(None, HEAD, alpha=0.01)),
        lambda own: own,
    ),
    "dice": (
        Dice(pruned=0.7),
        lambda peers: by_features(peers.DICE(None, HEAD.weight, HEAD.bias, p=0.7)),
        lambda own: own,
    ),
    "react": (
        React(quantile=0.8),
        lambda peers: by_maps(peers.ReAct(None, of_maps, percentile=0.8)),
        lambda own: own,
    ),
    "scale": (Scale(), lambda peers: by_maps(peers.SCALE(None, of_maps, 0.85)), lambda own: own),
    **{
        f"ash-{variant}": (
            Ash(variant=variant, pruned=0.65),
            lambda peers, variant=variant: by_maps(
                peers.ASH(None, of_maps, f"ash-{variant}", percentile=0.65)
            ),
            lambda own: own,
        )
        for variant in ("s", "b", "p")
    },
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_detector_scores_as_pytorch_ood_does(name: str) -> None:
    """To the seven digits of its float32; a `lambda` undoes what does not change the order."""
    detector, peer, same = PAIRS[name]
    with torch.no_grad():
        theirs = peer(pytorch_ood("detector")).double().numpy()
    ours = detector.fit(columns(KNOWN, LABEL))(columns(IMAGES))
    assert same(ours) == pytest.approx(theirs, rel=2e-3, abs=1e-4 * np.abs(theirs).mean())
    assert spearmanr(ours, theirs).statistic > 0.99999
