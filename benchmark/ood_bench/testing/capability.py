"""Check that a model declares a capability; skip the law otherwise."""

from typing import Any

from ood_bench.capabilities import has
from ood_bench.testing.law import NotApplicable


def capable(model: object, capability: type[Any]) -> Any:
    """Return a model, or its class, typed as a capability that it declares.

    Raises:
        NotApplicable: If it does not declare it; the message says so if it has the methods only.
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
