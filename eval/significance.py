"""How sure a mean over queries is: intervals, paired tests, and what "no worse" can mean.

Everything resamples queries, nothing assumes a distribution, and a seed makes it repeatable. Where a
family of settings is compared with one other, p-values are corrected for their number.
"""

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from embedder.errors import InputError

Values: TypeAlias = npt.NDArray[np.float64]
Key = TypeVar("Key", bound=Hashable)

RESAMPLES = 10_000
CONFIDENCE = 0.95
MARGIN = 0.01
"""One point of nDCG."""

_BLOCK = 2**22  # resampled numbers held at a time: 32 MB
_ROUNDING = 1e-12  # two sums of the same numbers in another order count as equal


@dataclass(frozen=True)
class Interval:
    """A mean and the range in which it would lie for other queries of the same kind.

    Attributes:
        mean: over the queries.
        low: lower end.
        high: upper end.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A paired comparison.

    Attributes:
        interval: of the mean difference, the setting less the one it is compared with.
        p_value: two-sided, that so large a mean difference comes from chance alone.
        adjusted_p: the same, corrected for the number of settings compared.
        detectable: smallest true difference that a test of these queries finds four times in five.
    """

    interval: Interval
    p_value: float
    adjusted_p: float
    detectable: float


@dataclass(frozen=True)
class NonInferiority:
    """Whether a setting is shown to lose less than a margin.

    Attributes:
        difference: mean difference, the setting less the full one: negative is a loss.
        lower: one-sided lower bound of it, at the confidence asked for, not corrected.
        margin: the loss that would matter, above 0.
        p_value: one-sided, that the loss is the margin or more.
        adjusted_p: the same, corrected for the number of settings compared.
        is_shown: whether `adjusted_p` is small enough. If not, a larger loss is not shown either:
            `is_refuted` says whether that is.
        detectable: the smallest margin that these queries could show four times in five if nothing
            were lost at all; if it is above `margin`, more queries are needed.
        adjusted_loss_p: one-sided, that the loss is the margin or less, corrected in the same way.
        is_refuted: whether a loss above the margin is shown. Neither this nor `is_shown`: the queries
            cannot tell.
    """

    difference: float
    lower: float
    margin: float
    p_value: float
    adjusted_p: float
    is_shown: bool
    detectable: float
    adjusted_loss_p: float
    is_refuted: bool


def interval(
    values: npt.ArrayLike, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Percentile bootstrap interval of the mean over queries.

    Efron 1979 (doi 10.1214/aos/1176344552); the percentile method as in Efron and Tibshirani, An
    Introduction to the Bootstrap (1993), chapter 13.

    Args:
        values: one number per query, (n,), n 1 or more.
        confidence: share of such intervals that hold the true mean, between 0 and 1.
        resamples: draws of n queries with replacement.
        seed: of the draws.

    Raises:
        InputError: no value, another shape, a value that is not finite, or an option out of range.
    """
    numbers = _numbers(values, "values")
    _check_share("confidence", confidence)
    return _intervals(numbers[:, None], confidence, resamples, seed)[0]


def randomisation_p(differences: npt.ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Two-sided p-value of a paired randomisation test: under chance each difference may have either sign.

    Fisher 1935, recommended for retrieval by Smucker, Allan and Carterette 2007
    (doi 10.1145/1321440.1321528). All signs are tried where there are no more than `resamples` ways to
    set them; else signs are drawn and the observed ones are counted in, so that p is never 0
    (Phipson and Smyth 2010, doi 10.2202/1544-6115.1585).

    Args:
        differences: of two settings per query, (n,), n 1 or more.
        resamples: draws of signs.
        seed: of the draws.

    Raises:
        InputError: as for `interval`.
    """
    numbers = _numbers(differences, "differences")
    _check_resamples(resamples)
    return float(_randomisation(numbers[:, None], resamples, seed)[0])


def _randomisation(table: Values, resamples: int, seed: int) -> Values:
    """p-values of the columns of a table, float64 (queries, columns): all see the same signs."""
    count = len(table)
    observed = np.abs(table.sum(axis=0))
    reached = observed - _ROUNDING * np.abs(table).sum(axis=0)
    if 2 ** min(count, 62) <= resamples:
        ways = np.arange(2**count)[:, None] >> np.arange(count) & 1
        found: Values = np.mean(np.abs((2.0 * ways - 1) @ table) >= reached, axis=0)
        return found
    rng, hits = np.random.default_rng(seed), np.ones(table.shape[1])
    for size in _blocks(resamples, count):
        # As float64 the product is the library's, which is many times faster than that of whole numbers.
        signs = rng.integers(0, 2, (size, count), dtype=np.int8) * 2.0 - 1
        hits += (np.abs(signs @ table) >= reached).sum(axis=0)
    return hits / (resamples + 1)


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """p-values corrected so that the chance of even one false finding stays what it is for one test.

    Holm 1979 (jstor 4615733): the smallest is multiplied by their number, the next by one less, and
    so on; none is made smaller than the one before, and none larger than 1.
    """
    adjusted: dict[Key, float] = {}
    least = 0.0
    for place, key in enumerate(sorted(p_values, key=p_values.__getitem__)):
        least = max(least, min(1.0, p_values[key] * (len(p_values) - place)))
        adjusted[key] = least
    return {key: adjusted[key] for key in p_values}


def detectable_difference(
    differences: npt.ArrayLike, alpha: float = 0.05, power: float = 0.8, sides: int = 2
) -> float:
    """Smallest true mean difference that a paired test of these queries finds with a given power.

    (z(1 - alpha / sides) + z(power)) * s / sqrt(n), with the sample's standard deviation s: the
    approximation for a mean of many, as in Sakai, Topic set size design (2016,
    doi 10.1007/s10791-015-9273-z).

    Args:
        differences: of two settings per query, (n,).
        alpha: chance of a false finding.
        power: chance to find what is there.
        sides: 2 for a difference in either direction, 1 for non-inferiority.

    Returns:
        A difference in the values' own unit; infinity for a single query.

    Raises:
        InputError: as for `interval`, or sides is neither 1 nor 2.
    """
    numbers = _numbers(differences, "differences")
    _check_share("alpha", alpha)
    _check_share("power", power)
    if sides not in (1, 2):
        raise InputError(f"sides is {sides}, expected 1 or 2")
    if len(numbers) < 2:
        return math.inf
    normal = NormalDist()
    sigmas = normal.inv_cdf(1 - alpha / sides) + normal.inv_cdf(power)
    return float(sigmas * numbers.std(ddof=1) / math.sqrt(len(numbers)))


def compare(
    reference: npt.ArrayLike,
    others: Mapping[Key, npt.ArrayLike],
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[Key, Difference]:
    """Compare settings with one other, query by query; Holm's correction over all of them.

    Args:
        reference: its value per query, (n,).
        others: the settings' values for the same queries in the same order.
        confidence: of the intervals.
        resamples: draws.
        seed: of the draws.

    Raises:
        InputError: as for `interval`, or the numbers of queries differ.
    """
    _check_share("confidence", confidence)
    differences = {key: _paired(values, reference) for key, values in others.items()}
    table = _table(differences)
    _check_resamples(resamples)
    p_values = dict(zip(differences, map(float, _randomisation(table, resamples, seed)), strict=True))
    adjusted = holm(p_values)
    means = _intervals(table, confidence, resamples, seed)
    return {
        key: Difference(mean, p_values[key], adjusted[key], detectable_difference(d, alpha=1 - confidence))
        for mean, (key, d) in zip(means, differences.items(), strict=True)
    }


def non_inferiority(
    full: npt.ArrayLike,
    others: Mapping[Key, npt.ArrayLike],
    margin: float = MARGIN,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[Key, NonInferiority]:
    """Whether settings lose less than `margin` against the full one; Holm's correction over all of them.

    A difference that is not significant is no proof of equality: here the burden is turned round
    (Piaggio et al. 2012, doi 10.1001/jama.2012.87802). Shown is what keeps the lower end of the
    bootstrapped mean difference above the margin.

    Args:
        full: its value per query, (n,).
        others: the settings' values for the same queries in the same order.
        margin: the loss that would matter, above 0, in the values' own unit.
        confidence: one less the chance to call a setting non-inferior that is not.
        resamples: draws.
        seed: of the draws.

    Raises:
        InputError: as for `interval`, the numbers of queries differ, or the margin is not above 0.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise InputError(f"margin is {margin}, expected a number above 0")
    _check_share("confidence", confidence)
    differences = {key: _paired(values, full) for key, values in others.items()}
    means = dict(zip(differences, resampled_means(_table(differences), resamples, seed).T, strict=True))
    p_values = {key: (1 + int((m <= -margin).sum())) / (resamples + 1) for key, m in means.items()}
    loss_p_values = {key: (1 + int((m >= -margin).sum())) / (resamples + 1) for key, m in means.items()}
    adjusted, adjusted_loss = holm(p_values), holm(loss_p_values)
    return {
        key: NonInferiority(
            difference=float(d.mean()),
            lower=float(np.quantile(means[key], 1 - confidence)),
            margin=margin,
            p_value=p_values[key],
            adjusted_p=adjusted[key],
            is_shown=len(d) > 1 and adjusted[key] < 1 - confidence,  # one query shows nothing
            detectable=detectable_difference(d, alpha=1 - confidence, sides=1),
            adjusted_loss_p=adjusted_loss[key],
            is_refuted=len(d) > 1 and adjusted_loss[key] < 1 - confidence,
        )
        for key, d in differences.items()
    }


def resampled_means(table: Values, resamples: int = RESAMPLES, seed: int = 0) -> Values:
    """Means of as many queries, drawn with replacement; every column sees the same draws.

    Args:
        table: float64 (queries, columns), a query or more.
        resamples: draws, 1 or more.
        seed: of the draws.

    Returns:
        float64 (resamples, columns).

    Raises:
        InputError: resamples is below 1.
    """
    _check_resamples(resamples)
    rng, count = np.random.default_rng(seed), len(table)
    means = []
    for size in _blocks(resamples, count):
        drawn = rng.integers(0, count, (size, count)) + count * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        means.append(times.astype(np.float64) @ table / count)
    return np.concatenate(means)


def _intervals(table: Values, confidence: float, resamples: int, seed: int) -> list[Interval]:
    shares = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(resampled_means(table, resamples, seed), shares, axis=0)
    return [Interval(*map(float, ends)) for ends in zip(table.mean(axis=0), low, high, strict=True)]


def _table(columns: Mapping[Key, Values]) -> Values:
    return np.stack(list(columns.values()), axis=1) if columns else np.zeros((1, 0))


def _blocks(resamples: int, count: int) -> Iterator[int]:
    size = max(1, _BLOCK // count)
    for start in range(0, resamples, size):
        yield min(size, resamples - start)


def _paired(values: npt.ArrayLike, reference: npt.ArrayLike) -> Values:
    left, right = _numbers(values, "values"), _numbers(reference, "reference values")
    if len(left) != len(right):
        raise InputError(f"{len(left)} values and {len(right)} reference values cannot be paired")
    return left - right


def _numbers(values: npt.ArrayLike, name: str) -> Values:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers):
        raise InputError(f"{name} have shape {numbers.shape}, expected (n,) with a query or more")
    if not np.isfinite(numbers).all():
        raise InputError(f"{name} hold NaN or infinity, first at {int(np.argmin(np.isfinite(numbers)))}")
    return numbers


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise InputError(f"{name} is {value}, expected a number between 0 and 1")


def _check_resamples(resamples: int) -> None:
    if resamples < 1:
        raise InputError(f"resamples is {resamples}, expected 1 or more")
