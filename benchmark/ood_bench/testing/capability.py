"""A model as what it names among its bases, or the reason why a law does not ask it."""

from typing import Any

from ood_bench.capabilities import has
from ood_bench.testing.law import NotApplicable


def capable(model: object, capability: type[Any]) -> Any:
    """Return a model, or its class, as a capability that it names.

    Raises:
        NotApplicable: If it does not name it; says so where it only has the methods.
    """
    kind: type[Any] = model if isinstance(model, type) else type(model)
    if has(kind, capability):
        return model
    methods = [name for name, value in vars(capability).items() if _public(name, value)]
    if methods and all(callable(getattr(kind, name, None)) for name in methods):
        raise NotApplicable(
            f"{kind.__name__} has {', '.join(methods)} but does not name {capability.__name__} "
            f"among its bases; write class {kind.__name__}(..., {capability.__name__})"
        )
    raise NotApplicable(f"{kind.__name__} does not name {capability.__name__}")


def _public(name: str, value: object) -> bool:
    return callable(value) and not name.startswith("_")
