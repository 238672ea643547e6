"""Reads the project's docstrings for the site: `Example:` as the section of that kind."""

from typing import Any

from griffe import Extension, Object


class Sections(Extension):
    """Names a docstring's sections as griffe's parser does."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rename the section of examples."""
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
