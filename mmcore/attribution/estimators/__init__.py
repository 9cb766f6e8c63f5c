"""Estimators of Shapley values: functions of a game, which know nothing of models."""

from mmcore.attribution.estimators.budget import Budget as Budget
from mmcore.attribution.estimators.choosing import EstimatorName as EstimatorName
from mmcore.attribution.estimators.choosing import estimate as estimate
from mmcore.attribution.estimators.cubature import product_gp as product_gp
from mmcore.attribution.estimators.enumeration import exact as exact
from mmcore.attribution.estimators.estimate import Estimate as Estimate
from mmcore.attribution.estimators.orders import lattice as lattice
from mmcore.attribution.estimators.orders import permutation as permutation
from mmcore.attribution.estimators.regression import kernel as kernel
