"""The suites that come with the package, by name."""

from pathlib import Path

from ood_bench.errors import SuiteError, did_you_mean

_PACKAGE = Path(__file__).parents[1]


def shipped_suites() -> dict[str, Path]:
    """Return the files of the suites that come with the package, by their names without suffix.

    They lie within an installed package, and in a source tree beside it.
    """
    return {path.stem: path for path in sorted(_folder().glob("*.yaml"))}


def published_values() -> Path:
    """Return the file of published values that comes with the package."""
    return _folder() / "published" / "values.yaml"


def _folder() -> Path:
    installed = _PACKAGE / "suites"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "suites"


def suite_named(path: Path) -> Path:
    """Return the file of a suite: a path, or the name of one that comes with the package.

    Args:
        path: What the user wrote. It is a name where it has no folder and no suffix, and no such
            file is there.

    Raises:
        SuiteError: If it is a name that no such suite has.
    """
    if path.suffix or len(path.parts) != 1 or path.is_file() or str(path) == "-":
        return path
    known = shipped_suites()
    if path.name not in known:
        near = did_you_mean(path.name, known)
        raise SuiteError(f"'{path}' is neither a file nor a bundled suite{near}")
    return known[path.name]
