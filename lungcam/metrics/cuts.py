"""Weighted counts of positives and negatives at every cut-off of a score."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Cuts:
    """Rows in the order of their scores, the highest first, equal scores in one group.

    Attributes:
        order: `(N,)` rows, sorted.
        starts: `(G,)` first place of each group in `order`.
        positive: `(N,)` bool in the sorted order.
    """

    order: np.ndarray
    starts: np.ndarray
    positive: np.ndarray

    def groups(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weight of the positives and of the negatives in each group.

        Args:
            weights: `(R, N)`.

        Returns:
            Two arrays `(R, G)`, the group of the highest score first.
        """
        ordered = weights[:, self.order]
        positive = np.add.reduceat(ordered * self.positive, self.starts, axis=1)
        return positive, np.add.reduceat(ordered * ~self.positive, self.starts, axis=1)


def cuts(labels: np.ndarray, scores: np.ndarray) -> Cuts:
    """Sort the rows once.

    Args:
        labels: `(N,)` of 0 and 1.
        scores: `(N,)` of any scale, larger for positive.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    return Cuts(order, starts, labels[order] == 1)
