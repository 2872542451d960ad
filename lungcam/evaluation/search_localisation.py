"""Candidates of searched scans compared with lesions in known places."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lungcam.cohorts import Sample
from lungcam.detection.blobs import soft_tissue
from lungcam.detection.host import hosts_of
from lungcam.detection.pyramid import OUTSIDE_HU
from lungcam.evaluation.candidate_sources import (
    NET,
    CandidateSources,
    SourceCandidates,
    blobs_of,
)
from lungcam.evaluation.localisation import ImageResult, Localiser
from lungcam.explain import HeatMap, lung_centers, peaks
from lungcam.grid import resample
from lungcam.scans import Scan

SEARCH_BASELINES = ("random", "center", "brightest", "blob", "detector")


class SearchLocaliser(Localiser):
    """Compares the candidates of searched scans with all lesions of a table, scan by scan.

    Args:
        sources: The net, for the record of its explanations.
        samples: Rows of the table, one for each lesion.
    """

    baselines = SEARCH_BASELINES

    def __init__(self, sources: CandidateSources, samples: Sequence[Sample]):
        super().__init__(sources, whole_chest=True)
        # a scan has the name of its first row
        self.rows = {rows[0].sample_id: rows for rows in hosts_of(samples)}

    @property
    def scans(self) -> list[Sample]:
        """A sample for each scan, its first row without the lesion's place: it is searched."""
        return [
            replace(rows[0], center_mm=None, diameter_mm=None, lesion_mask=None)
            for rows in self.rows.values()
        ]

    def add_search(
        self,
        sample: Sample,
        places: SourceCandidates,
        *,
        detection: HeatMap,
        scan: Scan,
        lungs: np.ndarray,
        searched: np.ndarray,
    ) -> None:
        """Measure one searched scan.

        Args:
            sample: Sample from `scans`.
            places: Candidates with their suspicion and the heat-map.
            detection: The detector's map.
            scan: The scan.
            lungs: `(W, H, D)` bool on the scan's canonical grid.
            searched: `(W, H, D)` bool on the same grid, where candidates may lie.
        """
        cells = detection.cells
        lungs, searched = (
            resample(mask, scan.grid.canonical, target=cells) > 0.5 for mask in (lungs, searched)
        )
        hu = resample(scan.hu, scan.grid, target=cells, outside=OUTSIDE_HU)
        bright = HeatMap(np.where(searched, np.maximum(hu - np.median(hu[searched]), 0), 0), cells)
        blobs = blobs_of(soft_tissue(hu), cells, lungs=searched)
        centers = lung_centers(lungs, cells)
        candidates = {
            NET: places,
            "center": SourceCandidates(centers, np.ones(len(centers))),
            **{
                name: SourceCandidates(*peaks(heat.values, heat.cells), heat)
                for name, heat in (("brightest", bright), ("blob", blobs), ("detector", detection))
            },
        }
        without_maps = {name: replace(source, heat=None) for name, source in candidates.items()}
        result = ImageResult(sample=sample, candidates=without_maps)
        self.images[sample.sample_id] = result
        for row in self.rows[sample.sample_id]:
            self._compare(
                result,
                row,
                self._lesion(row, None),
                candidates=candidates,
                grid=cells,
                lungs=searched,
            )
