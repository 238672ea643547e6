"""Plugins by entry point, and their options by signature."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ood_bench.errors import PluginError, TooLargeError, did_you_mean, raised
from ood_bench.folders import NamesFolder, folder_sha256
from ood_bench.hashing import digest
from ood_bench.scalars import changes, refusal
from ood_bench.source_files import NamesCode, read_source

__all__ = [
    "ONE",
    "Kind",
    "OptionError",
    "Options",
    "Registry",
    "arguments",
    "code_options",
    "construct",
    "folder_options",
    "option_fields",
    "resolve_options",
]

Kind = Literal["models", "detectors", "metrics", "statistics", "analyses", "formats", "executors"]
ONE: Mapping[Kind, str] = {
    "models": "model",
    "detectors": "detector",
    "metrics": "metric",
    "statistics": "statistic",
    "analyses": "analysis",
    "formats": "format",
    "executors": "executor",
}
"""Word for one plugin of each kind."""

Options: TypeAlias = dict[str, Any]


class OptionError(PluginError):
    """Options that a plugin does not have or that have the wrong type.

    Attributes:
        mistakes: (path below the options, message) of each.
    """

    def __init__(self, mistakes: list[tuple[tuple[str | int, ...], str]]) -> None:
        named = (f"{'.'.join(map(str, path))}: {message}" for path, message in mistakes)
        super().__init__("; ".join(named))
        self.mistakes = mistakes


class Registry:
    """The plugins of installed packages, read once; each is imported on first use.

    A plugin is named as registered by its package, as `package.module:Class`, or as a class of a
    file, `./my_model.py:MyModel`, which may import the files beside it.

    Args:
        base: The folder that files are relative to; default: the working directory.
        trust: Whether to import plugins that no installed package registers; not if their names
            come from an untrusted source.
    """

    def __init__(self, base: Path | None = None, *, trust: bool = True) -> None:
        self.base = base or Path()
        self.trust = trust
        self._files: dict[str, type[Any]] = {}
        self._sha256: dict[str, str] = {}  # of what a file's class was made from
        self._points: dict[str, dict[str, list[EntryPoint]]] = {}
        installed = entry_points()  # each call reads every installed package
        for kind in get_args(Kind):
            named = self._points.setdefault(kind, {})
            for point in installed.select(group=f"ood_bench.{kind}"):
                named.setdefault(point.name, []).append(point)

    def __reduce__(self) -> tuple[Callable[..., "Registry"], tuple[Path]]:
        """Pickle only the folder; another process reads the installed packages itself."""
        return partial(Registry, trust=self.trust), (self.base,)

    def names(self, kind: Kind) -> list[str]:
        """Return the names of all plugins of a kind, in order."""
        return sorted(self._points[kind])

    def bundled(self, kind: Kind, name: str) -> str | None:
        """Return `package.module:Class` of a plugin that comes with ood-bench; otherwise None."""
        points = self._points[kind].get(name, [])
        own = [point.value for point in points if point.dist and point.dist.name == "ood-bench"]
        return own[0] if len(points) == len(own) == 1 else None

    def load(self, kind: Kind, name: str) -> type[Any]:
        """Import one plugin.

        Raises:
            PluginError: If the name is unknown or registered twice, the import fails, or it is not
                trusted.
        """
        if ":" in name:
            return self._direct(kind, name)
        points = self._points[kind].get(name, [])
        if not points and name.endswith(".py"):
            raise PluginError(
                f"{ONE[kind]} '{name}' is a file; name the class in it: '{name}:Class'"
            )
        if not points:
            raise PluginError(f"unknown {ONE[kind]} '{name}'{did_you_mean(name, self.names(kind))}")
        if len(points) > 1:
            where = " and ".join(point.value for point in points)
            raise PluginError(f"two packages offer the {ONE[kind]} '{name}': {where}")
        try:
            plugin = points[0].load()
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{ONE[kind]} '{name}' ({points[0].value}) does not import: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(plugin, type):
            raise PluginError(f"{ONE[kind]} '{name}' ({points[0].value}) is not a class")
        return plugin

    def revision(
        self, name: str, plugin: type[Any], options: Mapping[str, Any] = MappingProxyType({})
    ) -> int | str:
        """Return the revision of a plugin.

        If it is in a file, or its options name one, the revision includes the content of the file,
        and of the files beside it that it imports. It includes that of folders that options name.

        Raises:
            PluginError: If a file or a folder that an option names cannot be read.
        """
        revision: int = plugin.revision
        where, _, _ = name.rpartition(":")
        found = [self._sha256[name]] if where.endswith(".py") else []
        for option, (file, _) in self._files_of(plugin, options).items():
            try:
                found.append(read_source(file).sha256)
            except FileNotFoundError as error:
                raise PluginError(f"{option}: there is no file {error.filename}") from error
            except (OSError, SyntaxError, ValueError) as error:
                raise PluginError(f"{option}: {file} cannot be read: {raised(error)}") from error
        for option, folder in self._folders_of(plugin, options).items():
            try:
                found.append(folder_sha256(folder))
            except NotADirectoryError as error:
                raise PluginError(f"{option}: {error}") from error
            except OSError as error:
                raise PluginError(f"{option}: {error.filename}: {error.strerror}") from error
        if not found:
            return revision
        return f"{revision}-{(found[0] if len(found) == 1 else digest(found))[:12]}"

    def located(self, plugin: type[Any], options: Mapping[str, Any]) -> Options:
        """Return a plugin's options, the code and the folders that they name as paths from here.

        Raises:
            PluginError: If there is one, and code that no package registers is not to be run.
        """
        files = self._files_of(plugin, options)
        if files and not self.trust:
            raise PluginError(_untrusted(f"option {min(files)} {options[min(files)]!a}"))
        paths = {key: f"{file}:{name}" for key, (file, name) in files.items()}
        folders = {key: str(path) for key, path in self._folders_of(plugin, options).items()}
        return {**options, **paths, **folders}

    def _files_of(
        self, plugin: type[Any], options: Mapping[str, Any]
    ) -> dict[str, tuple[Path, str]]:
        """Return the file, and the name in it, of each option that names code of a file."""
        found = {}
        for option in code_options(plugin):
            where, _, name = str(options.get(option, "")).rpartition(":")
            if where.endswith(".py"):
                found[option] = self.base / where, name
        return found

    def _folders_of(self, plugin: type[Any], options: Mapping[str, Any]) -> dict[str, Path]:
        """Return the folder of each option that names one.

        Raises:
            PluginError: If what others name is not to be trusted, and the folder is not below ours.
        """
        named = {key: options[key] for key in folder_options(plugin) if options.get(key)}
        found = {key: self.base / str(value) for key, value in named.items()}
        for key, path in found.items():
            if not self.trust and not path.resolve().is_relative_to(self.base.resolve()):
                raise PluginError(f"option {key} {named[key]!a} is no folder of the model")
        return found

    def _direct(self, kind: Kind, name: str) -> type[Any]:
        """Import a class by its module or its file."""
        where, _, attribute = name.rpartition(":")
        if not self.trust:
            raise PluginError(_untrusted(f"{ONE[kind]} {name!a}"))
        if name in self._files:
            return self._files[name]
        try:
            if where.endswith(".py"):
                source = read_source(self.base / where)
                self._sha256[name] = source.sha256
                module = source.load()
            else:
                module = importlib.import_module(where)
        except FileNotFoundError as error:
            raise PluginError(f"{ONE[kind]} '{name}': there is no file {error.filename}") from error
        except (Exception, SystemExit) as error:  # a script may end the process on import
            file = f"{where.replace('.', '/')}.py"
            beside = not where.endswith(".py") and (self.base / file).is_file()
            hint = f"; for the file write './{file}:{attribute}'" if beside else ""
            raise PluginError(
                f"{ONE[kind]} '{name}' does not import: {raised(error)}{hint}"
            ) from error
        plugin = getattr(module, attribute, None)
        if not isinstance(plugin, type):
            classes = [key for key, value in vars(module).items() if isinstance(value, type)]
            near = did_you_mean(attribute, classes)
            raise PluginError(f"{ONE[kind]} '{name}': {where} has no class '{attribute}'{near}")
        self._files[name] = plugin
        return plugin


def _untrusted(what: str) -> str:
    return (
        f"{what} is code that no installed package registers, and code that others name is not "
        "run; read it first, then allow it with --trust-code (in Python, trust_code=True)"
    )


def code_options(plugin: type[Any]) -> list[str]:
    """Return the options of a plugin that name code, those of type `CodePath`."""
    return _marked(plugin, NamesCode)


def folder_options(plugin: type[Any]) -> list[str]:
    """Return the options of a plugin that name a folder, those of type `FolderPath`."""
    return _marked(plugin, NamesFolder)


def _marked(plugin: type[Any], mark: type[Any]) -> list[str]:
    try:
        hints = get_type_hints(inspect.unwrap(plugin.__init__), include_extras=True)
    except Exception:  # noqa: BLE001  `option_fields` says so
        return []
    return [name for name, hint in hints.items() if mark in getattr(hint, "__metadata__", ())]


def option_fields(plugin: type[Any]) -> dict[str, tuple[Any, Any]]:
    """Return type and default of each option of a plugin; `...` for a required one.

    Raises:
        PluginError: If the constructor takes `**kwargs`, or its types cannot be read.
    """
    try:
        hints = get_type_hints(inspect.unwrap(plugin.__init__))
    except Exception as error:
        raise PluginError(
            f"{plugin.__name__}: the types of its options cannot be read: {raised(error)}"
        ) from error
    fields: dict[str, tuple[Any, Any]] = {}
    for parameter in inspect.signature(plugin).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            raise PluginError(
                f"{plugin.__name__} takes **{parameter.name}; name every option, so that a "
                "typo has nowhere to go"
            )
        if parameter.kind is not parameter.KEYWORD_ONLY:
            if parameter.default is not parameter.empty:
                raise PluginError(
                    f"{plugin.__name__} takes '{parameter.name}' by position, which no suite can "
                    "set; write '*,' before the options in its __init__"
                )
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints.get(parameter.name, Any), default)
    return fields


def _schema(plugin: type[Any]) -> type[BaseModel]:
    fields: dict[str, Any] = option_fields(plugin)
    config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())
    return create_model(f"{plugin.__name__}Options", __config__=config, **fields)


def _validated(plugin: type[Any], name: str, given: Mapping[str, Any]) -> BaseModel:
    schema = _schema(plugin)
    try:
        found = schema.model_validate(dict(given))
    except ValidationError as error:
        mistakes: list[tuple[tuple[str | int, ...], str]] = []
        for problem in error.errors():
            path = problem["loc"]
            if problem["type"] == "extra_forbidden":
                option = str(path[-1])
                near = did_you_mean(option, schema.model_fields) or "; it has no options"
                mistakes.append((path, f"'{name}' has no option '{option}'{near}"))
            elif problem["type"] == "missing":
                mistakes.append((path, f"'{name}' needs the option '{path[-1]}'"))
            else:
                mistakes.append((path, refusal(problem)))
        raise OptionError(mistakes) from error
    if changed := [(change.place, change.say()) for change in changes(given, found)]:
        raise OptionError(changed)
    return found


def resolve_options(plugin: type[Any], name: str, given: Mapping[str, Any]) -> Options:
    """Check options against a plugin's signature and fill in its defaults.

    Returns:
        The options as JSON values, the form that keys are hashed from: all but `added_options` of
        the plugin at their defaults, so that results of before these came are found again.

    Raises:
        OptionError: If an option is unknown, missing or of the wrong type.
        PluginError: If the constructor takes `**kwargs`.
    """
    found = _validated(plugin, name, given)
    fields = type(found).model_fields
    added = {
        option
        for option in getattr(plugin, "added_options", ())
        if getattr(found, option) == fields[option].default
    }
    return found.model_dump(mode="json", exclude=added)


def arguments(plugin: type[Any], name: str, given: Mapping[str, Any]) -> Options:
    """Return a plugin's options, defaults filled in, as values of its annotated types.

    Raises:
        OptionError: If the options do not fit the signature.
    """
    options = _validated(plugin, name, given)
    return {key: getattr(options, key) for key in type(options).model_fields}


def construct(plugin: type[Any], name: str, given: Mapping[str, Any], *args: object) -> Any:
    """Construct a plugin from positional arguments and options.

    Raises:
        OptionError: If the options do not fit the signature.
        PluginError: If the constructor raises an error.
    """
    options = arguments(plugin, name, given)
    lacking = sorted(getattr(plugin, "__abstractmethods__", ()))
    if lacking:
        hint = ""
        if lacking == ["log_prob"] and "forward" in vars(plugin):
            hint = (
                "; it has 'forward' instead: rename it to log_prob(self, x), which takes uint8 "
                "images (B, C, H, W) and returns log P(x) in nats, shape (B,)"
            )
        raise PluginError(
            f"'{name}' is abstract: {plugin.__name__} must define {', '.join(lacking)}{hint}"
        )
    try:
        return plugin(*args, **options)
    except TooLargeError:
        raise
    except (ValueError, PluginError) as error:
        raise PluginError(f"'{name}': {' '.join(str(error).split())}") from error
    except (Exception, SystemExit) as error:
        hint = ""
        if "before Module.__init__() call" in str(error):
            hint = "; begin its __init__ with super().__init__(shape)"
        elif isinstance(error, TypeError) and "positional argument" in str(error):
            takes = "shape, *, option=..." if args else "*, option=..."
            hint = f"; its constructor is __init__(self, {takes})"
        raise PluginError(f"'{name}' cannot be built: {raised(error)}{hint}") from error
