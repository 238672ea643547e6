"""A law, and its verdict: passed, failed, or skipped with the reason."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from unittest import SkipTest

from ood_bench.errors import raised

Subject = TypeVar("Subject")


class NotApplicable(SkipTest):
    """A law does not apply to a subject; pytest shows this as a skip, with the reason."""


@dataclass(frozen=True)
class Law(Generic[Subject]):
    """Something that is true of every model, or of every detector.

    Attributes:
        check: Raises AssertionError if the law is broken and NotApplicable if it does not apply;
            may return a remark. Its name and the first line of its docstring state the law.
        advice: What a failure usually means, and what to do.
    """

    check: Callable[[Subject], str | None]
    advice: str

    @property
    def name(self) -> str:
        """The law's name: a sentence without spaces."""
        return self.check.__name__

    def judge(self, subject: Subject) -> "Verdict":
        """Return the verdict for a subject; an exception that the subject raises is a failure."""
        try:
            with warnings.catch_warnings(action="ignore"):
                remark = self.check(subject)
        except NotApplicable as reason:
            return Verdict(self.name, "skipped", str(reason))
        except AssertionError as error:
            return Verdict(self.name, "failed", str(error), self.advice)
        except (Exception, SystemExit) as error:  # noqa: BLE001  a model may run anybody's code
            return Verdict(self.name, "failed", raised(error), self.advice)
        return Verdict(self.name, "passed", remark or "")

    def hold(self, subject: Subject) -> None:
        """Raise AssertionError, with the advice, unless the law holds.

        Raises:
            NotApplicable: If it does not apply to this subject.
        """
        try:
            self.check(subject)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.advice}") from error


@dataclass(frozen=True)
class Verdict:
    """The outcome of one law.

    Attributes:
        law: Its name.
        outcome: `measured` for a figure that nothing depends on.
        says: A remark, what was found to be wrong, or why it was skipped.
        advice: For a failure, what it usually means and what to do.
    """

    law: str
    outcome: Literal["passed", "failed", "skipped", "measured"]
    says: str = ""
    advice: str = ""


def add_tests(contract: type[Any], laws: Iterable[Law[Any]]) -> None:
    """Add to a contract a test method for each law, which checks the contract's `subject()`."""
    for law in laws:
        setattr(contract, f"test_{law.name}", _test_of(law))


def _test_of(law: Law[Any]) -> Callable[[Any], None]:
    def test(self: Any) -> None:
        law.hold(self.subject())

    test.__name__ = f"test_{law.name}"
    test.__doc__ = law.check.__doc__
    return test


def require(truth: object, message: str) -> None:
    """Raise AssertionError with a message unless something is true."""
    if not truth:
        raise AssertionError(message)
