"""The colours of gains: every number can be read on its ground, in light and dark."""

from __future__ import annotations

import pytest

from stilts.report.palette import STEPS, class_of, colours, contrast, rules, step_of, variables


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_number_can_be_read(theme):
    found = colours(theme)
    assert len(found) == 2 * STEPS + 1
    assert min(contrast(ink, ground) for ground, ink in found.values()) >= 4.5
    assert all(f"--{name}:" in variables(theme) for name in found)


def test_contrast_is_that_of_wcag():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((255, 255, 255), (118, 118, 118)) == pytest.approx(4.54, abs=0.005)  # the usual example: #767676


def test_steps():
    assert [step_of(gain, 2.0) for gain in (0, 0.01, 0.4, 0.41, 2.0, -2.0, -0.1)] == [0, 1, 1, 2, 5, -5, -1]
    assert step_of(1.0, 0.0) == 0
    assert (class_of(-3), class_of(0), class_of(5)) == ("l3", "g0", "g5")
    assert ".l5{" in rules()
