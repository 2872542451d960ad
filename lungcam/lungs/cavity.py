"""The thoracic cavity around both lungs: what grows at a wall or between the lungs lies in it."""

import numpy as np

DIRECTIONS = 128


def cavity(
    lungs: np.ndarray,
    spacing_mm: tuple[float, float, float],
    margin_mm: float = 4.0,
    slab_mm: float = 10.0,
) -> np.ndarray:
    """Span the convex hull of both lungs, slice by slice, and widen it.

    In each axial slice the hull is that of the lungs in this slice and in those within `slab_mm`
    above and below, so that a tumour which fills a lung's cross-section does not cut the hull
    short. A hull is kept as its support function, its extent in each of `DIRECTIONS` directions:
    to widen it is to add, to unite is to take the larger (Rockafellar, Convex Analysis, 1970, §13).
    Between two directions it may be wider than the hull, by 1.2 % of the length of a flat side.

    Args:
        lungs: `(W, H, D)` bool in RAS+ order, not empty.
        spacing_mm: Voxel spacing in mm.
        margin_mm: Distance by which the hull is widened, in all directions.
        slab_mm: How far above and below a slice lungs count.

    Returns:
        `(W, H, D)` bool; it holds `lungs`.
    """
    width = lungs.shape[0]
    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    ways = np.column_stack([np.cos(angles), np.sin(angles)])
    ways[np.abs(ways) < 1e-9] = 0
    extents = _slabs(_extents(lungs, ways, spacing_mm), spacing_mm[2], margin_mm, slab_mm)
    first, last = _rows(extents, ways, lungs.shape, spacing_mm)
    # row n begins with n voxels: a stretch is the difference of two
    stretches = np.tri(width + 1, width, -1, dtype=bool)
    mask = np.zeros_like(lungs)
    for k in np.flatnonzero((last >= first).any(axis=0)):
        rows = np.flatnonzero(last[:, k] >= first[:, k])
        rows = slice(rows[0], rows[-1] + 1)
        mask[:, rows, k] = (stretches[last[rows, k] + 1] ^ stretches[first[rows, k]]).T
    return mask


def _extents(
    lungs: np.ndarray, ways: np.ndarray, spacing_mm: tuple[float, float, float]
) -> np.ndarray:
    """How far each slice reaches in each direction: `(n, D)` in mm, -inf where it is empty."""
    width = lungs.shape[0]
    rows = np.flatnonzero(lungs.any(axis=(0, 2)))
    inner = lungs[:, rows[0] : rows[-1] + 1]
    left = inner.argmax(axis=0) * spacing_mm[0]
    right = (width - 1 - inner[::-1].argmax(axis=0)) * spacing_mm[0]
    y = np.arange(rows[0], rows[-1] + 1)[:, None] * spacing_mm[1]
    y = np.where(inner.any(axis=0), y, np.nan)
    extents = np.full((len(ways), lungs.shape[2]), -np.inf)
    for i, (across, along) in enumerate(ways):
        np.fmax.reduce((right if across > 0 else left) * across + y * along, out=extents[i])
    return np.where(np.isnan(extents), -np.inf, extents)


def _slabs(extents: np.ndarray, spacing_mm: float, margin_mm: float, slab_mm: float) -> np.ndarray:
    """Unite each slice with its neighbours, and widen it as a ball of `margin_mm` would."""
    united = extents + margin_mm
    for steps in range(1, int(max(margin_mm, slab_mm) / spacing_mm + 1e-6) + 1):
        reach = np.sqrt(max(margin_mm**2 - (steps * spacing_mm) ** 2, 0.0))
        np.maximum(united[:, steps:], extents[:, :-steps] + reach, out=united[:, steps:])
        np.maximum(united[:, :-steps], extents[:, steps:] + reach, out=united[:, :-steps])
    return united


def _rows(
    extents: np.ndarray,
    ways: np.ndarray,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """First and last voxel of each row, `(H, D)` each; an empty row ends before it begins."""
    y = np.arange(shape[1])[:, None] * spacing_mm[1]
    low = np.full(shape[1:], -np.inf)
    high = np.full(shape[1:], np.inf)
    for (across, along), extent in zip(ways, extents, strict=True):
        if across > 0:
            np.minimum(high, (extent - y * along) / across, out=high)
        elif across < 0:
            np.maximum(low, (extent - y * along) / across, out=low)
        else:
            high[y[:, 0, None] * along > extent + 1e-6] = -np.inf
    first = np.ceil(np.clip(low / spacing_mm[0] - 1e-6, 0, shape[0]))
    last = np.floor(np.clip(high / spacing_mm[0] + 1e-6, -1, shape[0] - 1))
    return np.minimum(first, last + 1).astype(int), last.astype(int)
