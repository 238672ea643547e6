"""`ood-bench card`, `push` and `leaderboard`: share runs."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ood_bench.cli.console import say
from ood_bench.cli.options import RUN, ResultsRoot, SkipFigures, TrustCode, output_file_option
from ood_bench.cli.progress import Display
from ood_bench.files import write_whole


def card(
    run: Annotated[str, typer.Argument(metavar="RUN", help=RUN)],
    results: ResultsRoot = Path("results"),
    output: Annotated[
        Path | None,
        output_file_option("The card; default: card.md in the run's folder."),
    ] = None,
) -> None:
    """Write a card of a run: Markdown with the YAML head of the Hugging Face hub.

    The head lists AUROC, FPR@95TPR and bits per dimension as the hub's model-index.
    """
    from ood_bench import api

    found = api.load_run(run, results=results)
    say(write_whole(output or found.folder / "card.md", found.card_text()))


def push(
    run: Annotated[str, typer.Argument(metavar="RUN", help=RUN)],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="hf://owner/name, a model repository of the Hugging Face hub, or a new folder.",
        ),
    ],
    results: ResultsRoot = Path("results"),
    weights: Annotated[
        bool, typer.Option("--weights/--no-weights", help="Include the trained models.")
    ] = True,
    private: Annotated[bool, typer.Option(help="Make a new repository private.")] = False,
    skip: SkipFigures = None,
    trust_code: TrustCode = False,
) -> None:
    """Write a run's card, archive and weights to a folder or to the Hugging Face hub.

    Log in to the hub by `hf auth login` or HF_TOKEN. Prints where it lies.
    """
    from ood_bench import api

    _quiet_in_a_log()
    found = api.load_run(run, results=results, trust_code=trust_code)
    with Display("reading the run") as display:
        where = found.push(
            target, weights=weights, private=private, skip=skip or (), progress=display
        )
    say(where)


def leaderboard(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Folders with archives in them, and repositories of the hub, hf://owner/name.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, output_file_option("The page; default: leaderboard.html.")] = Path(
        "leaderboard.html"
    ),
) -> int:
    """Write one page that ranks the detectors of many archives.

    Every number is computed again from the scores in the archive. An archive that states another
    number is refused with a line, the others are shown; the exit status is then 1.
    """
    from ood_bench import api

    _quiet_in_a_log()
    found = api.leaderboard(sources, output)
    for line in found.refused:
        say(f"refused: {line}", err=True)
    say(found.page)
    return 1 if found.refused else 0


def _quiet_in_a_log() -> None:
    """Let the hub's client draw no progress bars where there is no terminal."""
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
