"""`ood-bench score` and `ood-bench models export`: a trained model on any images."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ood_bench.cli.console import say
from ood_bench.cli.options import (
    RUN,
    DataRoot,
    ResultsRoot,
    TrustCode,
    output_file_option,
    output_option,
)
from ood_bench.errors import SuiteError
from ood_bench.files import unfinished, write_whole
from ood_bench.spreadsheet import guarded

if TYPE_CHECKING:
    import pandas as pd

    from ood_bench.data import Transform

Run = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="RUN",
        help=f"The run that MODEL belongs to. {RUN} Default: the newest of a whole suite.",
        show_default=False,
    ),
]

MODEL = (
    "zoo:NAME, the folder of an exported model or of a training in a store, or the name of a model "
    "of a run."
)


def score(
    model: Annotated[str, typer.Option("--model", metavar="MODEL", help=MODEL)],
    context: typer.Context,
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IMAGES]...", help="Images as of --images.", show_default=False),
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(
            "--images",
            metavar="IMAGES",
            help="A folder of images, an image, a pattern such as 'photos/*.png', an .npz archive, "
            "or a data set of the catalogue; can be given several times.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "--root",
            envvar="OOD_BENCH_DATA",
            metavar="DIR",
            help="Data root of the catalogue's data sets. Up to version 0.2 it was --root, and "
            "--data named the images; without --images it still does.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, output_file_option("A .csv or .parquet file; default: CSV on standard output.")
    ] = None,
    detector: Annotated[
        str, typer.Option(metavar="NAME", help="The detector, with its default options.")
    ] = "likelihood",
    accept: Annotated[
        float, typer.Option(help="Share of held-out ID images that the threshold accepts.")
    ] = 0.95,
    transform: Annotated[
        str | None,
        typer.Option(
            metavar="YAML",
            help="How to bring images to the model's shape, as in a suite; default: that of the "
            "training data.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split of an archive or a data set; default: test.", show_default=False),
    ] = None,
    on_bad: Annotated[
        str, typer.Option(metavar="error|skip", help="What to do with files that are not images.")
    ] = "error",
    run: Run = None,
    results: ResultsRoot = Path("results"),
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, cuda:N, mps or xpu.")
    ] = "auto",
    trust_code: TrustCode = False,
) -> None:
    """Score images with a trained model, and decide for each whether it is ID or OOD.

    Writes one row per image: file, log_prob in nats, bits per dimension, the detector's score
    (larger is more OOD), and a verdict. The threshold comes from ID images held out from training,
    never from the scored images.
    """
    named, root = _images([*(images or ()), *(more or ())], data, context)
    suffix = ".csv" if output is None else output.suffix
    if suffix not in (".csv", ".parquet"):
        raise SuiteError(f"--output {output}: write to a file that ends in .csv or .parquet")
    if on_bad not in ("error", "skip"):
        raise SuiteError(f"--on-bad {on_bad}: write error or skip")
    chosen = None if transform is None else _transform(transform)

    from ood_bench.execute.devices import device_named
    from ood_bench.registry import Registry, construct
    from ood_bench.scoring import find_model, gather, judge

    registry = Registry()
    built = construct(registry.load("detectors", detector), detector, {})
    trained = find_model(model, results=results, run=run, trust_code=trust_code)
    gathered = gather(
        named,
        trained.shape,
        usual=trained.transform,
        transform=chosen,
        split=split,
        root=root,
        on_bad="skip" if on_bad == "skip" else "error",
    )
    judged = judge(
        trained.load(device_named(device)),
        gathered.names,
        gathered.pixels,
        detector=built,
        held_out=trained.columns(registry),
        accept=accept,
        registry=registry,
    )
    _write(judged.table, output)
    done = "; ".join(filter(None, (gathered.transform, gathered.note)))
    odd = int((judged.table["verdict"] == "OOD").sum())
    say(
        f"{odd:,} of {len(judged.table):,} images are OOD for {trained.name}: {detector} above "
        f"{judged.threshold:.6g}, as are {100 * (1 - accept):.3g} % of {judged.held_out:,} "
        f"held-out ID images; transform: {done}",
        err=True,
    )


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model of a run: MODEL, or MODEL@INSIDE/SEED.")
    ],
    output: Annotated[
        Path,
        output_option("Where the files go."),
    ],
    run: Run = None,
    data: DataRoot = None,
    results: ResultsRoot = Path("results"),
    float16: Annotated[
        str | None,
        typer.Option(
            "--float16",
            metavar="IMAGES",
            help="Write large tensors as float16, half the size. IMAGES, as in `ood-bench score`, "
            "are scored with both, and none may change by more than 0.001 bits per dimension.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a trained model to one folder, for `ood-bench score`.

    The folder holds its weights, its options, and the statistics of held-out ID images.
    """
    from ood_bench.scoring import export, find_model, gather

    found = find_model(model, results=results, run=run)
    half_on = None
    if float16 is not None:
        half_on = gather(float16, found.shape, usual=found.transform, root=data).pixels
    say(export(found, output, half_on=half_on))


def _images(
    named: list[str], data: Path | None, context: typer.Context
) -> tuple[list[str], Path | None]:
    """Return the images to score and the data root.

    Up to version 0.2 the images were `--data`; they still are where nothing else names any.
    """
    source = context.get_parameter_source("data")
    if not named and data is not None and source is not None and source.name == "COMMANDLINE":
        say("--data names the data root now; name the images with --images", err=True)
        root = os.environ.get("OOD_BENCH_DATA")
        return [str(data)], Path(root) if root else None
    if not named:
        raise SuiteError("name the images to score: --images IMAGES")
    if data is not None and data.exists() and not data.is_dir():
        raise SuiteError(f"--data {data}: {data} is a file; name a folder")
    return named, data


def _transform(text: str) -> "Transform":
    """Read a transform as a suite would have it."""
    from pydantic import ValidationError

    from ood_bench.core_yaml import YamlError, read_text, spell
    from ood_bench.data import Transform
    from ood_bench.scalars import changes, refusal

    try:
        given = read_text(text).data
        found = Transform.model_validate(given)
    except YamlError as error:
        raise SuiteError(f"--transform {text}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SuiteError(f"--transform {text}: {where}: {refusal(first)}") from error
    for change in changes(given, found):
        raise SuiteError(f"--transform {text}: {spell(change.place)}: {change.say()}")
    return found


def _write(table: "pd.DataFrame", output: Path | None) -> None:
    """Write a table whole, or to standard output; in CSV no name is a formula."""
    guarding = table.assign(file=table["file"].map(guarded))
    if output is None:
        say(guarding.to_csv(index=False, lineterminator="\n").rstrip("\n"))
        return
    if output.suffix == ".csv":
        write_whole(output, guarding.to_csv(index=False, lineterminator="\n"))
    else:
        with unfinished(output) as temporary:
            table.to_parquet(temporary, index=False)
    say(output)
