"""Bitext mining: margins, candidates and threshold, against a slow reference in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stilts.evaluation.mining import best_pairs, mined, neighbours
from stilts.evaluation.search import unit
from stilts.formats.mining import MiningFormat, gold_pairs
from stilts.metrics.accuracy import f1
from stilts.metrics.bitext import best_threshold
from stilts.tasks import get_task
from stilts.tasks.examples import BitextExample

TASK = get_task("bucc2018")


def corpora(
    pairs: int, alone: int, noise: float, seed: int = 0, hidden: int = 48, repeats: int = 0
) -> tuple[list[BitextExample], np.ndarray, np.ndarray]:
    """Sentences with `pairs` known translations, `alone` others on each side, and some that come again."""
    draw = np.random.default_rng(seed)
    base = draw.normal(size=(pairs, hidden))
    vectors = [np.concatenate([base + noise * draw.normal(size=base.shape), draw.normal(size=(alone, hidden))])
               for _ in range(2)]  # fmt: skip
    examples = []
    for side, code in enumerate(("qa", "en")):
        for i in range(pairs + alone):
            match = (f"{('en', 'qa')[side]}-{i}",) if i < pairs else ()
            examples.append(BitextExample(f"{code}-{i}", f"{code} {i}", side, match))
        for i in range(repeats):
            examples.append(BitextExample(f"{code}-again-{i}", f"{code} {i}", side, ()))
        vectors[side] = np.concatenate([vectors[side], vectors[side][:repeats]])
    return examples, vectors[0], vectors[1]


def reference(examples: list[BitextExample], x: np.ndarray, y: np.ndarray, k: int = 4) -> dict[tuple[str, str], float]:
    """Candidate pairs of ids with their margins, one at a time and in float64: XTREME's mine_bitext in plain Python."""
    sides: list[list[tuple[str, str]]] = [[], []]
    for example in examples:
        sides[example.side].append((example.id, example.text))
    kept = []
    for rows, vectors in zip(sides, (x, y), strict=True):
        texts = [text for _, text in rows]
        first = [i for i, text in enumerate(texts) if text not in texts[:i]]
        kept.append([(rows[i][0], texts.count(texts[i]) > 1, vectors[i] / np.linalg.norm(vectors[i])) for i in first])
    cosines = np.array([[float(one[2] @ other[2]) for other in kept[1]] for one in kept[0]])
    near = [np.argsort(-cosines, axis=1)[:, :k], np.argsort(-cosines.T, axis=1)[:, :k]]
    means = [
        np.take_along_axis(table, found, 1).mean(1) for table, found in zip((cosines, cosines.T), near, strict=True)
    ]
    proposals = []
    for i in range(len(kept[0])):
        proposals.append(max((cosines[i, j] / ((means[0][i] + means[1][j]) / 2), i, j) for j in near[0][i]))
    for j in range(len(kept[1])):
        proposals.append(max((cosines[i, j] / ((means[0][i] + means[1][j]) / 2), i, j) for i in near[1][j]))
    used: tuple[set[int], set[int]] = (set(), set())
    found = {}
    for margin, i, j in sorted(proposals, reverse=True):
        if i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            if not kept[0][i][1] and not kept[1][j][1] and margin > 0:
                found[kept[0][i][0], kept[1][j][0]] = margin
    return found


def reference_threshold(found: dict[tuple[str, str], float], gold: set[tuple[str, str]]) -> tuple[float, float]:
    """The best F1 over every cut, and the threshold in the middle of that cut."""
    ranked = sorted(found.items(), key=lambda item: -item[1])
    best = (0.0, 0.0)
    for n in range(1, len(ranked) + 1):
        right = sum(pair in gold for pair, _ in ranked[:n])
        f1 = 200.0 * right / (n + len(gold))
        if f1 > best[0] + 1e-12:
            below = ranked[n][1] if n < len(ranked) else ranked[n - 1][1]
            best = (f1, (ranked[n - 1][1] + below) / 2)
    return best


@pytest.mark.parametrize("noise", [0.3, 1.0, 1.6])
@pytest.mark.parametrize("repeats", [0, 7])
def test_candidates_margins_threshold_and_f1_are_those_of_the_reference(noise: float, repeats: int) -> None:
    examples, x, y = corpora(90, 60, noise, repeats=repeats)
    found, wanted = mined(examples, x, y), reference(examples, x, y)
    names = [(examples[i].id, examples[j].id) for i, j in found.pairs]
    assert set(names) == set(wanted)
    np.testing.assert_allclose(found.scores, [wanted[pair] for pair in names], rtol=1e-6)
    assert (np.diff(found.scores) <= 0).all()
    gold = gold_pairs(examples)
    f1, threshold = reference_threshold(wanted, gold)
    assert found.threshold() == pytest.approx(threshold, rel=1e-6)
    predictions = found.predictions(found.threshold())
    assert MiningFormat().grade(TASK, "qa", examples, predictions).metrics["f1"] == pytest.approx(f1, abs=1e-9)
    assert 20 < f1 < 100.1
    if repeats:  # the gold pairs of repeated sentences cannot be found, and count
        assert max(int(one.split("-")[-1]) for one, _ in names) >= repeats
        assert f1 < 100


def test_a_threshold_of_dev_is_applied_to_test() -> None:
    dev, test = (mined(*corpora(80, 50, 1.2, seed=seed)) for seed in (1, 2))
    threshold = dev.threshold()
    given = test.predictions(threshold)
    assert threshold != test.threshold()
    extracted = {p["id"] for p in given if p["prediction"] is not None}
    assert extracted == {p["id"] for p in given if p.get("score", -1.0) >= threshold}
    assert 0 < len(extracted) < len(test.pairs) <= len(given)


@pytest.mark.parametrize("tile", [1, 3, 64])
def test_neighbours_both_ways_in_tiles_are_those_of_the_whole_product(tile: int) -> None:
    draw = np.random.default_rng(3)
    x, y = unit(draw.normal(size=(31, 8))), unit(draw.normal(size=(45, 8)))
    products = x.astype(np.float64) @ y.T.astype(np.float64)
    for (sims, near), table in zip(neighbours(x, y, 4, tile=tile), (products, products.T), strict=True):
        order = np.argsort(-table, axis=1)[:, :4]
        assert (near == order).all()
        np.testing.assert_allclose(sims, np.take_along_axis(table, order, 1), atol=1e-6)


def test_small_and_empty_corpora() -> None:
    pairs, scores = best_pairs(np.eye(3), np.eye(3)[:2])
    assert pairs.tolist() == [[0, 0], [1, 1]]
    assert (scores > 0).all()
    assert best_pairs(np.eye(3), np.zeros((0, 3)))[0].shape == (0, 2)
    assert best_pairs(np.eye(2), -np.eye(2))[0].size == 0  # nothing is alike


def test_a_threshold_cuts_between_scores_that_differ() -> None:
    assert best_threshold([4.0, 3.0, 2.0, 1.0], [True, True, False, False], 2) == 2.5
    assert best_threshold([4.0, 3.0, 3.0, 1.0], [True, True, False, False], 2) == 2.0  # the equal ones go together
    assert best_threshold([4.0, 3.0], [True, True], 2) == 3.0
    assert best_threshold([4.0], [False], 2) == 0.0
    assert best_threshold([], [], 2) == 0.0


def test_f1_of_pairs() -> None:
    assert f1(2, 4, 4) == 50.0
    assert f1(0, 0, 4) == 0.0
    assert f1(3, 3, 3) == 100.0


def test_a_gold_pair_counts_only_where_both_sentences_are_at_hand() -> None:
    examples, *_ = corpora(3, 0, 0.1)
    assert len(gold_pairs(examples)) == 3
    assert len(gold_pairs(examples[:5])) == 2


def test_cuda_finds_the_same() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    examples, x, y = corpora(90, 60, 1.0)
    one, other = mined(examples, x, y), mined(examples, x, y, torch.device("cuda"))
    assert (one.pairs == other.pairs).all()
