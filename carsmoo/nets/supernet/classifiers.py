"""Classifiers of their own for networks that are scored, fitted to what each makes of some training images.

The classifier of a supernet is shared by all architectures, whatever features they give it, and lags behind each of
them. A linear probe (Alain and Bengio 2016, arXiv:1610.01644), as batch norm is calibrated, does not; how much truer
networks are ordered by it is measured by ``benchmarks/bench_fidelity.py``.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRENGTH = 0.01
"""Inverse strength of the fit's penalty, of features that have a standard deviation of 1 (``LogisticRegression.C``)."""

ITERATIONS, TOLERANCE = 100, 1e-3
"""Where the fit ends, short of the last digits (``LogisticRegression.max_iter``, ``tol``)."""

UNSEEN = -1e4
"""Logit of a class of which there is no image, as where a plan is measured that is refused afterwards."""


class OwnClassifier(NamedTuple):
    """A linear classifier.

    Attributes:
        weight: (classes, features).
        bias: (classes,).
    """

    weight: Tensor
    bias: Tensor

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits (n, classes) of what a network's last cell gives, (n, c, h, w)."""
        return F.linear(pooled(x), self.weight, self.bias)

    def put_into(self, layer: nn.Linear) -> None:
        """Write it over a layer of its size."""
        with torch.no_grad():
            layer.weight.copy_(self.weight)
            layer.bias.copy_(self.bias)


def pooled(x: Tensor) -> Tensor:
    """Return what a linear layer reads, (n, c): the means over pixels of (n, c, h, w), or (n, c) as it is."""
    return x if x.ndim == 2 else x.mean(dim=(2, 3))


def fitted(features: Tensor, labels: Tensor, classes: int) -> OwnClassifier:
    """Return the logistic regression of labels on standardised features, with an L2 penalty.

    Args:
        features: (n, d), of the images that it is fitted to. Where one is no number, all logits are none.
        labels: (n,), of two classes or more.
        classes: how many the classifier tells apart.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    X = features.cpu().double().numpy()
    weight, bias = np.zeros((classes, X.shape[1])), np.full(classes, UNSEEN)
    if not np.isfinite(X).all():
        bias[:] = np.nan
    else:
        scaler = StandardScaler().fit(X)
        model = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS, tol=TOLERANCE)
        with threadpool_limits(1), warnings.catch_warnings():  # the bits of a fit depend on the number of threads
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)  # there may be many
            model.fit(scaler.transform(X), labels.cpu().numpy())
        coefficients, intercepts = model.coef_, model.intercept_
        if len(model.classes_) == 2:  # told by the odds of the second one alone
            coefficients, intercepts = np.pad(coefficients, [(1, 0), (0, 0)]), np.pad(intercepts, (1, 0))
        weight[model.classes_] = coefficients / scaler.scale_
        bias[model.classes_] = intercepts - weight[model.classes_] @ scaler.mean_
    return OwnClassifier(*(torch.from_numpy(part).to(features) for part in (weight, bias)))


def require_each_class(labels: Tensor, known: Tensor) -> None:
    """Check that images to fit to have all classes.

    Args:
        labels: of the images, (n,).
        known: of all images that they are drawn from.

    Raises:
        ValueError: if they have not.
    """
    got, classes = len(torch.unique(labels)), len(torch.unique(known))
    if got < classes:
        raise ValueError(
            f"classifier_images: expected an image of each of {classes} classes, got {len(labels)} images of {got}; "
            "give more, each class has its share"
        )
