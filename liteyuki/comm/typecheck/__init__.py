"""The types of typed channels: an annotation becomes a `Checker`, once, which tells what is wrong with a value.

It imports nothing else of `liteyuki.comm`.
"""

from liteyuki.comm.typecheck.checks import Checker
from liteyuki.comm.typecheck.compiler import check_for

__all__ = ["Checker", "check_for"]
