"""Checks of explainers."""

from __future__ import annotations

from mmcore.testing.bench import Bench


class ExplainerBench(Bench):
    """tmp"""
