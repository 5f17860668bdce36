#!/usr/bin/env python3
"""Mirror Sinkhorn against POT: interleaved, one thread, medians.

    python3 -m venv .peers
    .peers/bin/pip install numpy pot scipy
    cargo bench --bench mirror_sinkhorn --no-run
    .peers/bin/python benches/peers/mirror_sinkhorn.py BINARY     (the path that cargo printed)

half-steps: POT's sinkhorn_log iteration (two half-steps) halved, n = 2048, against ours.
quadratics: 1/2 n |g - M|^2 and 1/2 |K g - M|^2 with dense K, n = 500, to (f - f*) / (f(mu nu^T) - f*) <= 1e-3. f* is the value of a
long run of ours, whose certified lower bound bounds its error; the plans of both solvers are measured by the same yardstick. POT's
ot.optim.cg is stopped at the first iterate within the goal (times are taken inside its objective), so that neither its own stopping
rule nor its last iterations count against it.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
import warnings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import ot


class Reached(Exception):
    """Raised by the objective at the first feasible iterate within the goal."""


def ours(binary, *arguments):
    """The key=value lines that our benchmark prints, by their first word."""
    output = subprocess.run(
        [binary, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ, RAYON_NUM_THREADS="1"),
    ).stdout
    found = {}
    for line in output.splitlines():
        words = line.split()
        found[words[0]] = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    return found


def half_steps(binary, rounds):
    n = 2048
    rng = np.random.default_rng(0)
    cost = rng.random((n, n))
    uniform = np.full(n, 1 / n)
    warnings.simplefilter("ignore")

    def seconds(iterations):
        start = time.perf_counter()
        ot.bregman.sinkhorn_log(uniform, uniform, cost, 0.05, numItermax=iterations, stopThr=0, warn=False)
        return time.perf_counter() - start

    mine, peer = [], []
    for _ in range(rounds):
        # Five iterations of two half-steps, in milliseconds per half-step.
        peer.append((seconds(6) - seconds(1)) / 10 * 1e3)
        mine.append(float(ours(binary, "half-steps")["half_step_ms"]["double_1"]))
    m, p = statistics.median(mine), statistics.median(peer)
    print(f"half-step n = {n}: POT sinkhorn_log {p:.2f} ms, ours {m:.2f} ms, {p / m:.1f} times as fast", flush=True)


def instance(name, rng, n):
    """`K` (or None), `M`, the objective and its gradient."""
    if name == "projection":
        target = 2 * rng.random((n, n)) / n**2

        def value(g):
            return 0.5 * n * ((g - target) ** 2).sum()

        def gradient(g):
            return n * (g - target)

        return None, target, value, gradient
    left = rng.random((n, n))
    plan = rng.random((n, n)) ** 8
    plan /= plan.sum()
    target = left @ plan

    def value(g):
        return 0.5 * ((left @ g - target) ** 2).sum()

    def gradient(g):
        return left.T @ (left @ g - target)

    return left, target, value, gradient


def run_ours(binary, arrays, n, rounds):
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, values in arrays.items():
            path = f"{folder}/{name}"
            np.ascontiguousarray(values, "<f8").tofile(path)
            files.append(path)
        return [ours(binary, "quadratic", n, *files)["quadratic"] for _ in range(rounds)]


def quadratic(binary, name, limit, rounds):
    n = 500
    rng = np.random.default_rng(3)

    def mass():
        v = rng.random(n) + 0.1
        return v / v.sum()

    mu, nu = mass(), mass()
    left, target, value, gradient = instance(name, rng, n)
    arrays = {"mu": mu, "nu": nu, "M": target}
    if left is not None:
        arrays["K"] = left
    mine = run_ours(binary, arrays, n, rounds)
    goal, best, lower, start = (float(mine[0][key]) for key in ("goal", "best", "lower_bound", "start"))
    assert abs(start - value(np.outer(mu, nu))) <= 1e-9 * start

    def run_peer():
        """Seconds, how the run ended, and how many values it took."""
        begin = time.perf_counter()
        calls = 0

        def watched(g):
            nonlocal calls
            calls += 1
            found = value(g)
            violation = abs(g.sum(1) - mu).sum() + abs(g.sum(0) - nu).sum()
            if violation < 1e-9 and found <= goal:
                raise Reached
            if time.perf_counter() - begin > limit:
                raise TimeoutError
            return found

        zero = np.zeros((n, n))
        options = {"G0": np.outer(mu, nu), "numItermax": 10**6, "stopThr": 0, "stopThr2": 0}
        try:
            ot.optim.cg(mu, nu, zero, 1.0, watched, gradient, **options)
            end = "ended"
        except Reached:
            end = "reached"
        except TimeoutError:
            end = f"not reached in {limit} s"
        return time.perf_counter() - begin, end, calls

    peer = [run_peer() for _ in range(rounds)]
    _, end, calls = peer[-1]
    m = statistics.median(float(run["seconds"]) for run in mine)
    p = statistics.median(seconds for seconds, _, _ in peer)
    print(
        f"{name}: f* in [{lower:.9e}, {best:.9e}], start {start:.6e}, goal {goal:.9e}; POT cg {p:.3f} s ({end}, {calls} values), "
        f"ours {m:.4f} s ({mine[0]['steps']} steps), {p / m:.1f} times as fast",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the benchmark mirror_sinkhorn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=120, help="seconds per run of POT")
    arguments = parser.parse_args()
    binary = str(pathlib.Path(arguments.binary).resolve())
    half_steps(binary, arguments.rounds)
    for name in ("projection", "left"):
        quadratic(binary, name, arguments.limit, arguments.rounds)


if __name__ == "__main__":
    main()
