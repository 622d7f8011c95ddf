"""Clusters of items that are resampled together, and their sums.

A cluster is an article, a document or a premise with all its items, in all languages that have them: the questions of
an article are alike hard, and a hard question is hard in each of its translations (facts: jointly over the parallel
languages). Where nothing groups them, an item with its translations is a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stilts.analysis.items import Items
from stilts.errors import InputError


@dataclass(frozen=True)
class Block:
    """Languages that share clusters, directly or by others; different blocks share none.

    Attributes:
        languages: int64 (L,) places in `Sums.languages`.
        numerator, denominator: float64 (clusters, L, runs), 0 where a cluster has no item of a language.
    """

    languages: np.ndarray
    numerator: np.ndarray
    denominator: np.ndarray


@dataclass(frozen=True)
class Sums:
    """Sufficient statistics of one task: any number of runs scored on the same items.

    Attributes:
        languages: all languages, the order of every result's language axis.
        runs: number of runs.
        blocks: their clusters.
    """

    languages: tuple[str, ...]
    runs: int
    blocks: tuple[Block, ...]

    @property
    def scores(self) -> np.ndarray:
        """The metric in points, float64 (languages, runs)."""
        out = np.zeros((len(self.languages), self.runs))
        for block in self.blocks:
            out[block.languages] = ratio(block.numerator.sum(axis=0), block.denominator.sum(axis=0))
        return out

    def subset(self, chosen: Sequence[np.ndarray], runs: Sequence[int]) -> Sums:
        """Only these runs, and of each block the clusters that `chosen` (a boolean array a block) names."""
        blocks = tuple(
            Block(b.languages, b.numerator[rows][:, :, list(runs)], b.denominator[rows][:, :, list(runs)])
            for b, rows in zip(self.blocks, chosen, strict=True)
        )
        return Sums(self.languages, len(runs), blocks)


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """100 x above / below, 0 where below is 0; the shapes are equal."""
    return 100.0 * np.divide(above, below, out=np.zeros(np.shape(above)), where=below > 0)


def joint_clusters(sets: Mapping[str, Items], parallel: bool) -> dict[str, np.ndarray]:
    """Language -> int64 (items,), the number of each item's cluster; equal numbers across languages are one cluster.

    Items are joined that have a group of their language in common and, where the task is `parallel`, an id: articles
    have other titles in other languages (MLQA), so translations tell which are the same.
    """
    names: dict[tuple[str, str, str], int] = {}
    own: list[int] = []
    grouped: list[int] = []
    for language, items in sets.items():
        for place, (name, group) in enumerate(zip(items.ids, items.groups, strict=True)):
            item = ("id", "", name) if parallel else ("place", language, str(place))
            own.append(names.setdefault(item, len(names)))
            grouped.append(names.setdefault(("group", language, group), len(names)) if group else own[-1])
    labels = _components(np.array(own, dtype=np.int64), np.array(grouped, dtype=np.int64), len(names))
    ends = np.cumsum([len(items.ids) for items in sets.values()])[:-1]
    return dict(zip(sets, np.split(labels[own], ends), strict=True))


def cluster_sums(runs: Sequence[Mapping[str, Items]], parallel: bool) -> Sums:
    """Sums over clusters of runs that were scored on the same sets: language -> items, one mapping a run.

    Args:
        parallel: the task's items are the same in every language (`Task.parallel`): equal ids are translations.

    Raises InputError where two runs have not the same languages or ids in the same order.
    """
    sets = runs[0]
    for place, run in enumerate(runs[1:], 2):
        for language in {*sets, *run}:
            if language not in run or language not in sets or run[language].ids != sets[language].ids:
                raise InputError(
                    f"runs 1 and {place} are not scored on the same items in {language!r}",
                    "the same examples in the same order in every run that is compared",
                    "score them again with the same data",
                )
    languages = tuple(sets)
    clusters = joint_clusters(sets, parallel)
    column = np.repeat(np.arange(len(languages)), [len(clusters[language]) for language in languages])
    cluster = np.concatenate([clusters[language] for language in languages])
    block_of = _components(column, len(languages) + cluster, len(languages) + int(cluster.max()) + 1)
    values = [_values(runs, languages, what) for what in ("numerator", "denominator")]
    blocks = []
    for label in dict.fromkeys(block_of[: len(languages)].tolist()):
        own = np.flatnonzero(block_of[: len(languages)] == label)
        rows = np.isin(column, own)
        names, row = np.unique(cluster[rows], return_inverse=True)
        flat, shape = row * len(own) + np.searchsorted(own, column[rows]), (len(names), len(own))
        blocks.append(Block(own, *(_summed(part[:, rows], flat, shape) for part in values)))
    return Sums(languages, len(runs), tuple(blocks))


def _values(runs: Sequence[Mapping[str, Items]], languages: Sequence[str], what: str) -> np.ndarray:
    """Numerators or denominators of all languages, one after the other: float64 (runs, items)."""
    return np.stack([np.concatenate([getattr(run[language], what) for language in languages]) for run in runs])


def _summed(values: np.ndarray, place: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Values (runs, items) summed at each item's place of a flattened table: float64 (*shape, runs)."""
    tables = [np.bincount(place, weights=own, minlength=shape[0] * shape[1]).reshape(shape) for own in values]
    return np.stack(tables, axis=-1)


def _components(one: np.ndarray, other: np.ndarray, nodes: int) -> np.ndarray:
    """The connected component of each node, int64 (nodes,), of edges one[i] - other[i]."""
    edges = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(nodes, nodes))
    return connected_components(edges, directed=False)[1].astype(np.int64)
