"""All processes below the main process, however they were started, and ending them with it.

It imports the platform alone, and the supervisor and generations import it. Its modules are imported when they are
asked for: `after_main` is a program of its own, which has to be there in time and needs no guard.
"""

from typing import TYPE_CHECKING

from liteyuki._faces import late_face

if TYPE_CHECKING:
    from liteyuki.supervise.tree.guard import Guard, Tree
    from liteyuki.supervise.tree.marks import words_in

__all__ = [
    "Guard",
    "Tree",
    "words_in",
]

__getattr__ = late_face(
    __name__,
    {
        "liteyuki.supervise.tree.guard": "Guard Tree",
        "liteyuki.supervise.tree.marks": "words_in",
    },
)
