#!/usr/bin/env python3
"""How often the gate's noised vote accepts a candidate, computed exactly: no sampling, no home.

    benchmarks/gate_power.py [--delta 1e-5]

A row is an epsilon of the run and a number of held-out groups; a column is the share of texts that
a candidate makes better. Its votes are binomial, the noise of a job's first answer is normal
(sdk/judges.h), the threshold is that of trainer/job/gate_vote.h. "exact": the same vote without
noise.
"""

import argparse
from math import comb, erf, exp, sqrt

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
GROUPS = (8, 20, 50, 100)
EPSILONS = (8, 4, 2, 1)
SURE_ERRORS = 1.645
FIRST_SHARE = 0.8


def phi(x):
    return 0.5 * (1 + erf(x / sqrt(2)))


def noise_multiplier(epsilon, delta):
    """Of one Gaussian release (Balle and Wang 2018, Theorem 8), by bisection."""
    low, high = 0.05, 1e3
    for _ in range(100):
        middle = sqrt(low * high)
        mu = 1 / middle
        cost = phi(-epsilon / mu + mu / 2) - exp(epsilon) * phi(-epsilon / mu - mu / 2)
        low, high = (low, middle) if cost <= delta else (middle, high)
    return high


def accepted(groups, share, noise):
    needed = SURE_ERRORS * sqrt(groups + noise * noise)
    total = 0.0
    for k in range(groups + 1):
        votes = 2 * k - groups
        above = (votes > needed) if noise == 0 else 1 - phi((needed - votes) / noise)
        total += comb(groups, k) * share**k * (1 - share) ** (groups - k) * above
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--delta", type=float, default=1e-5)
    delta = parser.parse_args().delta
    print("epsilon groups noise " + " ".join(f"{share:5.1f}" for share in SHARES))
    for groups in GROUPS:
        for epsilon in ("exact",) + EPSILONS:
            noise = 0 if epsilon == "exact" else noise_multiplier(epsilon, delta) / sqrt(FIRST_SHARE)
            row = " ".join(f"{accepted(groups, share, noise):5.2f}" for share in SHARES)
            print(f"{epsilon!s:7} {groups:6} {noise:5.2f} {row}")


if __name__ == "__main__":
    main()
