"""Write the index of the reference models anew, from what lies in `results/zoo`."""

import json
from pathlib import Path

from ood_bench.zoo.index import summary

ROOT = Path(__file__).parents[1]
INDEX = ROOT / "benchmark" / "ood_bench" / "zoo" / "index.json"


def main() -> None:
    """Write the index: one entry a model, by name."""
    folders = sorted(path.parent for path in (ROOT / "results" / "zoo").glob("*/model.json"))
    content = {folder.name: summary(folder).model_dump() for folder in folders}
    INDEX.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
