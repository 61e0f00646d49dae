"""An annotation becomes a `Checker`, which tells what is wrong with a value.

It imports nothing else of `liteyuki.comm`.
"""

from liteyuki.comm.typecheck.checker import Checker
from liteyuki.comm.typecheck.compiler import check_for

__all__ = ["Checker", "check_for"]
