"""A Gaussian process over the maskings of one modality, and what it expects when players join independently.

The kernel of masks x, y is Π_j ρ_j^[x_j ≠ y_j] · exp(−c |1/(1+|x|) − 1/(1+|y|)|): one ρ for each player (how much its
masking changes what the encoder gives), and a term for sizes, because the first players that join matter most. All
expectations over independent players are products or, with sizes, polynomials of degree n: closed forms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEW = 20
"""Up to so many masks all players have one ρ; so they do below `MANY` masks where there are many players."""

MANY = 100
MANY_PLAYERS = 10

COMPONENTS = 48
"""Principal components of the features that the kernel is fitted to."""

STEPS = 40
RATE = 0.15
"""Of Adam, on the marginal likelihood."""

NUGGET = 1e-6


@dataclass(frozen=True)
class MaskGP:
    """The fitted kernel of one modality.

    Args:
        rho: `(n,)`, in (0, 1).
        size: c ≥ 0.
    """

    rho: np.ndarray
    size: float

    def gram(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Kernel values `(m, m')` of masks `(m, n)` and `(m', n)`."""
        logs = np.log(self.rho)
        x, y = one.astype(np.float64), other.astype(np.float64)
        differing = (x * logs) @ (1 - y).T + ((1 - x) * logs) @ y.T
        a, b = 1 / (1 + x.sum(axis=1)), 1 / (1 + y.sum(axis=1))
        return np.asarray(np.exp(differing - self.size * np.abs(a[:, None] - b[None, :])))

    def solve(self, masks: np.ndarray, right: np.ndarray) -> np.ndarray:
        """K⁻¹ `right`, for the masks' own kernel matrix."""
        from scipy.linalg import cho_factor, cho_solve

        return np.asarray(cho_solve(cho_factor(self.gram(masks, masks) + NUGGET * np.eye(len(masks))), right))

    def mean(self, masks: np.ndarray, features: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """The posterior mean `(m', d)` at masks `wanted`, given `features (m, d)`."""
        middle = features.mean(axis=0)
        return np.asarray(middle + self.gram(wanted, masks) @ self.solve(masks, features - middle))

    def left_out(self, masks: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each row would miss if its mask were left out: residuals `(m, d)`, variances `(m,)`."""
        inverse = self.solve(masks, np.eye(len(masks)))
        diagonal = np.diag(inverse)
        return inverse @ (rows - rows.mean(axis=0)) / diagonal[:, None], 1 / diagonal

    def expected(self, masks: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
        """E k(S, x) `(m,)` for players that join with probability t, and its change when one joins `(n, m)`."""
        present = t * np.where(masks, 1.0, self.rho)  # (m, n): the coefficient of y¹ of each player's factor
        absent = (1 - t) * np.where(masks, self.rho, 1.0)
        joins = np.where(masks, 1.0, self.rho), np.where(masks, self.rho, 1.0)
        if self.size == 0:
            return _products(present + absent, joins[0] - joins[1])
        return _with_sizes(present, absent, joins, masks.sum(axis=1), self.size)


def bernoulli(masks: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """The chance of each of all masks `(m,)` for players that join with probability t, and its change `(n, m)`."""
    return _products(np.where(masks, t, 1 - t), np.where(masks, 1.0, -1.0))


def _products(factors: np.ndarray, change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Products over players of `factors (m, n)`, and with one player's factor replaced by its `change`."""
    before = np.cumprod(np.hstack([np.ones((len(factors), 1)), factors]), axis=1)
    after = np.cumprod(np.hstack([np.ones((len(factors), 1)), factors[:, ::-1]]), axis=1)[:, ::-1]
    without = before[:, :-1] * after[:, 1:]
    return before[:, -1], (without * change).T


def _with_sizes(
    present: np.ndarray, absent: np.ndarray, joins: tuple[np.ndarray, np.ndarray], sizes: np.ndarray, c: float
) -> tuple[np.ndarray, np.ndarray]:
    """As `_products`, with the polynomial of the coalition's size weighted by the kernel's term for sizes."""
    m, n = present.shape
    weight = np.exp(-c * np.abs(1 / (1 + np.arange(n + 1))[None, :] - 1 / (1 + sizes)[:, None]))  # (m, n + 1)
    before = [np.ones((m, 1))]
    after = [np.ones((m, 1))]
    for player in range(n):
        before.append(_times(before[-1], absent[:, player], present[:, player]))
        last = n - 1 - player
        after.append(_times(after[-1], absent[:, last], present[:, last]))
    changes = np.empty((n, m))
    for player in range(n):
        without = _convolved(before[player], after[n - 1 - player])  # degrees 0 … n − 1
        there = (without * weight[:, 1:]).sum(axis=1) * joins[0][:, player]
        gone = (without * weight[:, :-1]).sum(axis=1) * joins[1][:, player]
        changes[player] = there - gone
    return (before[-1] * weight).sum(axis=1), changes


def _times(polynomial: np.ndarray, constant: np.ndarray, linear: np.ndarray) -> np.ndarray:
    wider = np.zeros((polynomial.shape[0], polynomial.shape[1] + 1))
    wider[:, :-1] += polynomial * constant[:, None]
    wider[:, 1:] += polynomial * linear[:, None]
    return wider


def _convolved(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    found = np.zeros((one.shape[0], one.shape[1] + other.shape[1] - 1))
    for degree in range(one.shape[1]):
        found[:, degree : degree + other.shape[1]] += one[:, degree, None] * other
    return found


def fit_mask_gp(masks: np.ndarray, features: np.ndarray, *, sizes: bool = True) -> MaskGP:
    """The kernel with the largest marginal likelihood of features `(m, d)`; deterministic.

    Args:
        sizes: whether the term for sizes is fitted as well; without, c is 0.
    """
    import torch

    m, n = masks.shape
    centred = features - features.mean(axis=0)
    if n == 0 or m < 3 or not np.abs(centred).max() > 0:
        return MaskGP(np.full(n, 0.5), 0.0)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    rows = torch.from_numpy(left[:, :COMPONENTS] * scale[:COMPONENTS] / scale[0])
    x = torch.from_numpy(masks.astype(np.float64))
    differ = (x[:, None, :] != x[None, :, :]).double()
    inverse_size = 1 / (1 + x.sum(1))
    apart = (inverse_size[:, None] - inverse_size[None, :]).abs()
    own = m > FEW and (n <= MANY_PLAYERS or m >= MANY)
    # w = −log ρ; about the start of 1/n all players together change the kernel by a factor of e
    raw = torch.full((n if own else 1,), float(np.log(np.expm1(1.0 / n))), dtype=torch.float64, requires_grad=True)
    size = torch.full((), -1.0, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([raw, size] if sizes else [raw], lr=RATE)
    eye = torch.eye(m, dtype=torch.float64)
    with torch.enable_grad():
        for _ in range(STEPS):
            optimiser.zero_grad()
            softened = torch.nn.functional.softplus
            exponent = -(differ * softened(raw)).sum(-1)
            if sizes:
                exponent = exponent - softened(size) * apart
            factor = torch.linalg.cholesky(exponent.exp() + NUGGET * eye)
            whitened = torch.linalg.solve_triangular(factor, rows, upper=False)
            fit = m * rows.shape[1] / 2 * torch.log(whitened.square().sum())
            loss = fit + rows.shape[1] * factor.diagonal().log().sum()
            loss.backward()
            optimiser.step()
    w = np.log1p(np.exp(raw.detach().numpy())) * np.ones(n)
    c = float(np.log1p(np.exp(size.item()))) if sizes else 0.0
    return MaskGP(np.exp(-w), c)
