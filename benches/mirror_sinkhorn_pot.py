#!/usr/bin/env python3
"""Mirror Sinkhorn against POT, interleaved, one thread, medians.

    python3 -m venv .peers && .peers/bin/pip install numpy pot scipy
    cargo bench --bench mirror_sinkhorn --no-run
    .peers/bin/python benches/mirror_sinkhorn_pot.py BINARY     (the path cargo printed)

half-steps: POT's sinkhorn_log iteration (two half-steps) halved, n = 2048, against ours.
quadratics: 1/2 n |g - M|^2 and 1/2 |K g - M|^2 with dense K, n = 500, to (f - f*) / (f(mu nu^T) - f*) <= 1e-3.  f* is the
value of a long run of ours, whose certified lower bound bounds its error; both solvers' plans are measured by that same yardstick.
POT's ot.optim.cg is stopped at the first iterate within the goal (times are taken inside its objective), so that neither
its own stopping rule nor its last iterations count against it.
"""
import argparse, os, pathlib, statistics, subprocess, sys, tempfile, time
for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"): os.environ.setdefault(v, "1")
import numpy as np, ot

class Reached(Exception): pass

def ours(binary, *arguments):
    out = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, check=True,
                         env=dict(os.environ, RAYON_NUM_THREADS="1")).stdout
    return {line.split()[0]: dict(p.split("=", 1) for p in line.split()[1:] if "=" in p) for line in out.splitlines()}

def half_steps(binary, rounds):
    n = 2048; rng = np.random.default_rng(0); C = rng.random((n, n)); a = np.full(n, 1 / n); mine, peer = [], []
    import warnings; warnings.simplefilter("ignore")
    def run(iterations):
        t = time.perf_counter(); ot.bregman.sinkhorn_log(a, a, C, 0.05, numItermax=iterations, stopThr=0, warn=False); return time.perf_counter() - t
    for _ in range(rounds):
        peer.append((run(6) - run(1)) / 10 * 1e3)
        mine.append(float(ours(binary, "half-steps")["half_step_ms"]["double_1"]))
    m, p = statistics.median(mine), statistics.median(peer)
    print(f"half-step n = {n}: POT sinkhorn_log {p:.2f} ms, ours {m:.2f} ms, {p / m:.1f} times as fast", flush=True)

def quadratic(binary, name, limit, rounds):
    n = 500; rng = np.random.default_rng(3); mass = lambda: (lambda v: v / v.sum())(rng.random(n) + .1); mu, nu = mass(), mass()
    if name == "projection":
        M = 2 * rng.random((n, n)) / n ** 2; K = None
        f = lambda g: .5 * n * ((g - M) ** 2).sum(); df = lambda g: n * (g - M)
    else:
        K = rng.random((n, n)) ; G = rng.random((n, n)) ** 8; G /= G.sum(); M = K @ G
        f = lambda g: .5 * ((K @ g - M) ** 2).sum(); df = lambda g: K.T @ (K @ g - M)
    with tempfile.TemporaryDirectory() as d:
        save = lambda k, v: (np.ascontiguousarray(v, "<f8").tofile(f"{d}/{k}"), f"{d}/{k}")[1]
        files = [save("mu", mu), save("nu", nu), save("M", M)] + ([save("K", K)] if K is not None else [])
        mine = [ours(binary, "quadratic", n, *files)["quadratic"] for _ in range(rounds)]
    goal, best, lower, start = (float(mine[0][k]) for k in ("goal", "best", "lower_bound", "start"))
    assert abs(start - f(np.outer(mu, nu))) <= 1e-9 * start
    peer = []
    for _ in range(rounds):
        t = time.perf_counter(); calls = 0
        def watched(g):
            nonlocal calls; calls += 1; v = f(g)
            feasible = abs(g.sum(1) - mu).sum() + abs(g.sum(0) - nu).sum() < 1e-9
            if feasible and v <= goal: raise Reached
            if time.perf_counter() - t > limit: raise TimeoutError
            return v
        try: ot.optim.cg(mu, nu, np.zeros((n, n)), 1.0, watched, df, G0=np.outer(mu, nu), numItermax=10**6, stopThr=0, stopThr2=0); end = "ended"
        except Reached: end = "reached"
        except TimeoutError: end = f"not reached in {limit} s"
        peer.append(time.perf_counter() - t)
    m, p = statistics.median(float(x["seconds"]) for x in mine), statistics.median(peer)
    print(f"{name}: f* in [{lower:.9e}, {best:.9e}], start {start:.6e}, goal {goal:.9e}; POT cg {p:.3f} s ({end}, {calls} values), "
          f"ours {m:.4f} s ({mine[0]['steps']} steps), {p / m:.1f} times as fast", flush=True)

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("binary", type=lambda p: str(pathlib.Path(p).resolve())); ap.add_argument("--rounds", type=int, default=3); ap.add_argument("--limit", type=float, default=120)
    a = ap.parse_args()
    half_steps(a.binary, a.rounds); quadratic(a.binary, "projection", a.limit, a.rounds); quadratic(a.binary, "left", a.limit, a.rounds)

main()
