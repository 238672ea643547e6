"""Detection metrics in a training loop: what torchmetrics gives is what ours are, to the bit."""

from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import MetricCollection

from ood_bench import metrics
from ood_bench.metrics import STANDARD, StandardMetric
from ood_bench.metrics.fpr_at_tpr import FprAtTpr
from ood_bench.metrics.torch import OODMetric

each = pytest.mark.parametrize("name", STANDARD)
LOGGED: tuple[StandardMetric, ...] = ("auroc", "aupr_out", "fpr95")


def batches(dtype: torch.dtype = torch.float32) -> list[tuple[Tensor, Tensor]]:
    """Return likelihoods of images near -7000 nats, with ties, and which are outside."""
    random = torch.Generator().manual_seed(0)
    labels = (torch.rand(300, generator=random) < 0.3).long()
    scores = (7000 + 2 * labels + torch.randn(300, generator=random)).round(decimals=1).to(dtype)
    return list(zip(scores.split(64), labels.split(64), strict=True))


def ours(name: StandardMetric, told: list[tuple[Tensor, Tensor]]) -> float:
    scores, labels = (np.concatenate([part.double().numpy() for part in x]) for x in zip(*told))  # noqa: B905
    found: float = getattr(metrics, name)(scores[labels == 0], scores[labels == 1])
    return found


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_all_batches_together_have_the_value_of_ours(
    name: StandardMetric, dtype: torch.dtype
) -> None:
    metric = OODMetric(name)
    told = batches(dtype)
    for scores, labels in told:
        metric.update(scores, labels)
    assert metric.compute().item() == pytest.approx(ours(name, told), abs=1e-15)
    assert metric.higher_is_better is STANDARD[name].higher_is_better
    metric.reset()
    for side in (0, 1):  # one alone, as after the first batches of a sanity check
        metric.update(torch.tensor([1.0, 2.0]), torch.tensor([side, side]))
        assert bool(metric.compute().isnan()) is (side == 0)


def test_processes_are_joined_by_their_scores_and_not_by_their_values() -> None:
    first, second = OODMetric("auroc"), OODMetric("auroc")
    told = batches()
    for i, batch in enumerate(told):
        (first, second)[i % 2].update(*batch)
    assert {name: fx.__name__ for name, fx in first._reductions.items()} == {  # type: ignore[union-attr]
        "scores": "dim_zero_cat",
        "labels": "dim_zero_cat",
    }
    first.merge_state(second)
    assert first.compute().item() == pytest.approx(ours("auroc", told), abs=1e-15)


def test_any_other_metric_is_logged_as_well() -> None:
    ours, theirs = FprAtTpr(tpr=0.5), OODMetric(FprAtTpr(tpr=0.5))
    told = batches()
    for batch in told:
        theirs.update(*batch)
    scores, labels = (torch.cat(part).double().numpy() for part in zip(*told, strict=True))
    assert theirs.compute().item() == ours(scores[labels == 0], scores[labels == 1]).value
    assert not theirs.higher_is_better


def test_a_collection_keeps_the_scores_once() -> None:
    both = MetricCollection({name: OODMetric(name) for name in LOGGED})
    for scores, labels in batches():
        both.update(scores, labels)
    assert len(both.compute_groups) == 1
    assert set(both.compute()) == set(LOGGED)


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([1.0, 2.0], [0, 2], "labels are 1 for an OOD image"),
        ([1.0, 2.0], [0.0, 0.5], "labels are 1 for an OOD image"),
        ([1.0, 2.0], [0], r"got \(2,\) and \(1,\)"),
        ([[1.0]], [[0]], r"shape \(B,\)"),
    ],
)
def test_a_batch_of_another_form_is_refused(scores: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OODMetric("auroc").update(torch.tensor(scores), torch.tensor(labels))


def test_a_score_that_is_not_finite_is_an_error_and_no_number() -> None:
    metric = OODMetric("fpr95")
    metric.update(torch.tensor([0.0, torch.nan]), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="outside scores: row 0 is nan"):
        metric.compute()


def test_an_unknown_metric_is_answered_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no metric 'fpr99'; known: auroc, aupr_out"):
        OODMetric("fpr99")  # type: ignore[arg-type]


class Normal(pl.LightningModule):
    """Independent normal pixels; logs how well its likelihood tells the second loader."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(4))
        self.detection = MetricCollection({name: OODMetric(name) for name in LOGGED})

    def log_prob(self, x: Tensor) -> Tensor:
        return torch.distributions.Normal(self.mean, 1.0).log_prob(x).sum(dim=1)

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        return -self.log_prob(batch[0]).mean()

    def validation_step(self, batch: list[Tensor], index: int, dataloader_idx: int = 0) -> None:
        scores = -self.log_prob(batch[0])
        self.detection.update(scores, torch.full_like(scores, dataloader_idx))

    def on_validation_epoch_end(self) -> None:
        self.log_dict(self.detection.compute())
        self.detection.reset()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.filterwarnings("ignore:.*LeafSpec", "ignore:.*many workers")  # Lightning's own
def test_a_lightning_loop_logs_auroc_aupr_and_fpr_of_a_validation_ood_set() -> None:
    random = torch.Generator().manual_seed(0)
    inside, outside = (torch.randn(n, 4, generator=random) + s for n, s in ((90, 0.0), (50, 1.5)))
    model = Normal()
    trainer = pl.Trainer(
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
    )
    loaders = [DataLoader(TensorDataset(x), batch_size=32) for x in (inside, outside)]
    trainer.fit(model, loaders[0], loaders)
    with torch.no_grad():
        scores = [-model.log_prob(x) for x in (inside, outside)]
    assert set(trainer.logged_metrics) == set(LOGGED)
    for name in LOGGED:
        expected = getattr(metrics, name)(*scores)
        assert trainer.logged_metrics[name].item() == pytest.approx(expected, abs=1e-6)
    assert 0.7 < trainer.logged_metrics["auroc"].item() < 1.0
