"""Predict which data set is likelier from a second-order expansion around the mean image."""

import math
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ood_bench.analyses import Analysis, Finding, Study
from ood_bench.analyses.gap_axis import draw_gap, set_scale, span
from ood_bench.capabilities import ConstantVolume, Differentiable, has, named
from ood_bench.metrics.measure import Measure, percent
from ood_bench.units import bits_per_dim, legible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ood_bench.analyses.expansion import Expansion, Seen

GAPS = {
    "observed_gap": "observed",
    "second_order_gap": "second order",
    "second_difference_gap": "second difference",
    "closed_form_gap": "closed form",
    "jacobian_gap": "closed form, full Jacobian",
}
PRODUCT = (
    "from the Hessian at the mean image, which for a ReLU network is an artefact of the one linear "
    "piece that holds that image (the second difference, over a quarter of the way, spans many)"
)


class SecondOrder(Analysis):
    r"""The likelihood gap of outside and inside predicted from derivatives at the mean image.

    With p the inside, q an outside data set, $x_0$ the mean of the inside's training images
    and H = $∇^2 \log p(x_0)$, the gap E_q[log p(x)] − E_p[log p(x)] is compared with

    - `second_order_gap`, for any differentiable model:
      ∇log p(x_0)ᵀ (E_q[x] − E_p[x]) + ½ (Tr{H Σ_q} − Tr{H Σ_p}), where Tr{H Σ} is the mean
      of (x − μ)ᵀ H (x − μ) over images, one Hessian-vector product each. ReLU networks are
      piecewise linear: H is that of the piece that holds $x_0$, which may be small, so that
      this gap is an artefact of where the pieces end;
    - `second_difference_gap`, the same with (log p(x_0 + s d) − 2 log p(x_0) + log p(x_0 − s d))
      / s² in place of dᵀ H d, d = x − μ and s = 1/4: curvature over a quarter of the way, which
      spans many pieces. If the two differ much, both depend on the step more than on the density;
    - `closed_form_gap`, for constant-volume flows only:
      ½ ∂²/∂z² log p(z) Σ_c α_c² Σ_hw (σ²_q − σ²_p), α_c = Π_k Σ_j u_k,c,j, from the variances
      of the pixels and the weights alone. `constant_volume.paper_weights` says how it carries over
      to squeezed channels, several levels, actnorm and a learned prior, of which the variance
      at $x_0$ counts. It assumes equal means and uncorrelated pixels, and leaves out the
      coupling shifts, how a learned prior depends on the image, and that matrices mix
      channels;
    - `jacobian_gap`, the same with the Jacobian of the flow without coupling shifts in place
      of α: what is left out is then the shifts, the prior's dependence and the covariances.

    E_p, Σ_p and the observed gap are those of the inside's test images. All are in nats (and
    bits per dimension), outside minus inside: positive means that the outside is the likelier.
    For each form, `_sign_agrees` is 1 if its sign is the observed one and 0 otherwise; if the
    interval of either gap includes 0, the interval of this is [0, 1].
    `mean_shift` is ½ (μ − x_0)ᵀ H (μ − x_0), outside minus inside, which the expression leaves
    out since it assumes that the means agree; with it, the Taylor polynomial would be complete.

    The table has one value per row. Means and variances of each channel are on the scale
    [0, 1], variances summed over pixels; those of the inside have no outside.

    Args:
        count: Images of each set, evenly spaced, whose curvature is taken, by one
            Hessian-vector product each; from D on, D products serve all. Means, variances and
            the gradient term take all images.

    Reference:
        Nalisnick et al., Do Deep Generative Models Know What They Don't Know?, 2019,
        arXiv:1810.09136, section 5.
    """

    requires = Differentiable
    uses_model = True
    title = "Second-order prediction of the likelihood gap"
    revision = 3

    def __init__(self, *, count: int = 256) -> None:
        if count < 2:
            raise ValueError(f"count must be at least 2 to tell the spread, got {count}")
        self.count = count

    def tabulate(self, study: Study) -> pd.DataFrame:
        """Return the gaps, the terms of the expansion, and each set's means and variances."""
        from ood_bench.analyses.expansion import Expansion, pixel_moments, see

        model: Differentiable = named(study.trained(), Differentiable)
        centre = pixel_moments(study.images(study.inside, "train")).mean
        expansion = Expansion(model, centre)
        weights = _weights(expansion)
        inside = see(expansion, study.images(study.inside, "test"), self.count)
        table = _Table(study, self.level)
        table.add_moments("", inside)
        table.add_trust("", inside)
        for name in study.outside:
            outside = see(expansion, study.images(name, "test"), self.count)
            table.add_moments(name, outside)
            table.add_trust(name, outside)
            table.add_gaps(name, inside, outside, weights)
        return pd.DataFrame(table.records)

    def draw(self, table: pd.DataFrame) -> "Figure":
        """Draw a panel for each outside data set: each gap as a dot with its interval."""
        from matplotlib.figure import Figure

        from ood_bench.analyses.style import data_colours, look, plain, trained_on

        first, gaps = table.iloc[0], _gaps(table)
        low, high = span(gaps)
        names = list(dict.fromkeys(gaps["outside"]))
        colours = data_colours([first["inside"], *names])
        shown = len(dict.fromkeys(gaps["quantity"]))
        with look():
            size = (6.4, (0.2 * shown + 0.42) * len(names) + 0.7)
            figure = Figure(figsize=size, layout="constrained")
            panels = figure.subplots(len(names), 1, sharex=True, squeeze=False).ravel()
            for axes, name in zip(panels, names, strict=True):
                part = gaps[gaps["outside"] == name]
                axes.axvline(0.0, color="0.6", linewidth=0.8, zorder=0)
                for line, (_, gap) in enumerate(part.iterrows()):
                    draw_gap(axes, line, gap, colours[name], low=low, high=high)
                labels = [GAPS[quantity] for quantity in part["quantity"]]
                axes.set_yticks(range(len(part)), labels)
                axes.set_ylim(len(part) - 0.5, -0.5)
                axes.set_title(plain(name), loc="left")
            set_scale(panels[-1], gaps)
            figure.suptitle(trained_on(first), fontsize=9)
        return figure

    def caption(self, table: pd.DataFrame) -> str:
        """Say what the gaps are, which signs agree, and why a form is absent."""
        first = table.iloc[0]
        parts = [
            f"Mean log-likelihood of each OOD set minus that of the ID test set under "
            f"{first['model']} trained on {first['inside']}, observed and predicted by a "
            "second-order expansion around the mean training image. Right of the line the OOD set "
            "is likelier. The expansion predicts the sign only; sizes need not agree so far from "
            f"the mean. Bars are {percent(self.level)} intervals over images."
        ]
        agrees = table[table["quantity"] == "second_order_sign_agrees"]
        parts.append(f"The predicted sign is the observed one for {_share(agrees)} OOD sets.")
        differences = table[table["quantity"] == "second_difference_sign_agrees"]
        if differences["value"].notna().any():
            parts.append(
                "The Hessian is that at the mean image, which for a ReLU network is an artefact of "
                "the one linear piece that holds it. With second differences over a quarter of the "
                f"way from the mean to each image the sign is right for {_share(differences)}."
            )
        parts.append(_trust(table))
        closed = table[table["quantity"] == "closed_form_sign_agrees"]
        if closed["value"].isna().all():
            parts.append(
                f"There is no closed form for {first['model']}: it exists only for flows of "
                "additive coupling layers, whose volume term is the same for all images."
            )
        else:
            parts.append(
                "The closed form, which assumes uncorrelated pixels, equal means and no coupling "
                f"shifts, has the observed sign for {_share(closed)}; its variant with the full "
                "Jacobian also counts the mixing of channels."
            )
        return " ".join(parts)

    def findings(self, table: pd.DataFrame) -> tuple[Finding, ...]:
        """Return gaps in bits per dimension, sign agreements, how well it holds, and variances."""
        found = []
        for row in table[table["value"].notna()].itertuples():
            quantity, unit = cast(str, row.quantity), row.unit
            if quantity == "variance":
                name = f"variance_channel_{row.channel}"
            elif unit == "bits_per_dim" and (quantity in GAPS or quantity == "remainder"):
                name = f"{quantity}_bpd"
            elif quantity.endswith("_sign_agrees") or quantity == "reach":
                name = quantity
            else:
                continue
            value, low, high = (cast(float, end) for end in (row.value, row.low, row.high))
            note = PRODUCT if name == "second_order_gap_bpd" else ""
            found.append(Finding(name, value, low, high, outside=cast(str, row.outside), note=note))
        return tuple(found)

    def heading(self, name: str) -> str:
        """Return the title of a finding, with its unit."""
        if name == "reach":
            return "Reach of the expansion (share of the way)"
        if name == "remainder_bpd":
            return "log p − expansion (bits/dim)"
        if name.startswith("variance_channel_"):
            channel = name.removeprefix("variance_channel_")
            return f"Variance of channel {channel} (sum over pixels)"
        if name.endswith("_sign_agrees"):
            form = GAPS[name.replace("_sign_agrees", "_gap")]
            return f"Sign agrees, {form}"
        return f"Gap, {GAPS[name.removesuffix('_bpd')]} (bits/dim)"


def _weights(expansion: "Expansion") -> "dict[str, NDArray[np.float64]]":
    """Return the curvature of each pixel by both closed forms; none without constant volume."""
    from ood_bench.analyses.constant_volume import jacobian_weights, paper_weights

    model = expansion.model
    if not has(type(model), ConstantVolume):
        return {}
    levels = cast(ConstantVolume, model).linear_part(expansion.centre)
    if levels is None:
        return {}
    forms = {"closed_form_gap": paper_weights(levels), "jacobian_gap": jacobian_weights(levels)}
    return {name: weights.cpu().numpy() for name, weights in forms.items()}


class _Table:
    """Collects the rows of the table."""

    def __init__(self, study: Study, level: float) -> None:
        self.study = study
        self.level = level
        self.records: list[dict[str, object]] = []

    def add(self, outside: str, quantity: str, unit: str, measure: Measure, channel: int) -> None:
        """Add one value; channel is −1 for a value that is not of one channel."""
        about = {"model": self.study.model, "inside": self.study.inside, "outside": outside}
        what = {"quantity": quantity, "channel": channel, "unit": unit}
        self.records.append({**about, **what, **measure._asdict()})

    def add_moments(self, outside: str, seen: "Seen") -> None:
        """Add the mean of each channel over pixels, and its variance summed over pixels."""
        means = seen.moments.mean.mean(axis=(1, 2))
        variances = seen.moments.variance.sum(axis=(1, 2))
        for quantity, values in (("mean", means), ("variance", variances)):
            for channel, value in enumerate(values.tolist()):
                self.add(outside, quantity, "unit_scale", Measure(value, value, value), channel)

    def add_trust(self, outside: str, seen: "Seen") -> None:
        """Add how far the expansion is off at the images, and where it holds."""
        remainder = seen.remainder(self.level)
        self.add(outside, "remainder", "nats", remainder, -1)
        self.add(outside, "remainder", "bits_per_dim", self._bits(remainder), -1)
        self.add(outside, "reach", "share", Measure(seen.reach, seen.reach, seen.reach), -1)

    def _bits(self, nats: Measure) -> Measure:
        return Measure(*(-bits_per_dim(end, self.study.shape.dims) for end in nats))

    def add_gaps(
        self,
        name: str,
        inside: "Seen",
        outside: "Seen",
        weights: "dict[str, NDArray[np.float64]]",
    ) -> None:
        """Add the gaps of one outside data set."""
        from ood_bench.analyses.expansion import interval

        gradient = outside.slope - inside.slope
        traces = {"outside": outside.trace(self.level), "inside": inside.trace(self.level)}
        trace = (traces["outside"].value - traces["inside"].value) / 2
        shift = (outside.mean_bend - inside.mean_bend) / 2
        observed = self._observed(name)
        gaps = {
            "observed_gap": observed,
            "second_order_gap": interval(
                gradient + trace, inside.error + outside.error, self.level
            ),
            "second_difference_gap": interval(
                gradient + float(outside.differences.mean() - inside.differences.mean()) / 2,
                inside.difference_error + outside.difference_error,
                self.level,
            ),
        }
        change = outside.moments.variance - inside.moments.variance
        for form in ("closed_form_gap", "jacobian_gap"):
            value = float(-0.5 * (weights[form] * change).sum()) if weights else math.nan
            gaps[form] = Measure(value, value, value)
        terms = {
            "gradient_term": interval(
                gradient, inside.slope_error + outside.slope_error, self.level
            ),
            "trace_outside": traces["outside"],
            "trace_inside": traces["inside"],
            "mean_shift": Measure(shift, shift, shift),
        }
        for quantity, measure in {**gaps, **terms}.items():
            self.add(name, quantity, "nats", measure, -1)
        for quantity, measure in gaps.items():
            self.add(name, quantity, "bits_per_dim", self._bits(measure), -1)
            if quantity != "observed_gap":
                what = quantity.replace("_gap", "_sign_agrees")
                self.add(name, what, "truth", _agreement(measure, observed), -1)

    def _observed(self, name: str) -> Measure:
        from ood_bench.analyses.expansion import interval, variance

        outside, inside = (
            self.study.columns[data, "test"]["log_prob"] for data in (name, self.study.inside)
        )
        error = variance(outside) / len(outside) + variance(inside) / len(inside)
        return interval(float(outside.mean() - inside.mean()), error, self.level)


def _agreement(predicted: Measure, observed: Measure) -> Measure:
    """Return 1 if two gaps have the same sign, else 0; from 0 to 1 if an interval includes 0."""
    if not math.isfinite(predicted.value):
        return Measure(math.nan, math.nan, math.nan)
    agrees = float(np.sign(predicted.value) == np.sign(observed.value))
    if all(gap.low * gap.high > 0 for gap in (predicted, observed)):
        return Measure(agrees, agrees, agrees)
    return Measure(agrees, 0.0, 1.0)


def _gaps(table: pd.DataFrame) -> pd.DataFrame:
    """Return the gaps that exist, in bits per dimension."""
    is_gap = table["quantity"].isin(list(GAPS)) & (table["unit"] == "bits_per_dim")
    return table[is_gap & table["value"].notna()]


def _trust(table: pd.DataFrame) -> str:
    """Return, in words, the expansion's error at the ID images, and how near the mean it holds."""
    own = table[table["outside"] == ""].set_index(["quantity", "unit"])["value"]
    off, reach = float(own["remainder", "bits_per_dim"]), float(own["reach", "share"])
    holds = (
        f"its mean change is within 10 % of the true one up to {reach:.2g} of the way there"
        if reach
        else "even a 64th of the way there its mean change is off by more than 10 %"
    )
    return (
        f"At the ID images, log p is {legible(abs(off))} bits per dimension "
        f"{'above' if off > 0 else 'below'} the value of the expansion; {holds}."
    )


def _share(agrees: pd.DataFrame) -> str:
    """Return, in words, how many signs agree, and how many intervals include both signs."""
    unclear = int((agrees["low"] < agrees["high"]).sum())
    share = f"{int(agrees['value'].sum())} of {len(agrees)}"
    return f"{share} (for {unclear} of them an interval includes both signs)" if unclear else share
