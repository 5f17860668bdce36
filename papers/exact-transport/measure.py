#!/usr/bin/env python3
"""Exact transport against POT's network simplex (ot.emd), one thread, both finishes; writes times.csv beside itself.

    python3 -m venv .peers && .peers/bin/pip install numpy pot
    cargo build --release --features cli
    .peers/bin/python papers/exact-transport/measure.py --sizes 500,1000,2000,5000
    cargo run --release --features plot --example exact_transport -- papers/exact-transport

Points in the square, points in 10 dimensions, smooth images; random masses; squared Euclidean cost scaled to maximum 1. Ours is timed as
`seconds.setup + seconds.solve` of `dyncvx transport` on .npy files, `emd` as the call alone; --cpu takes CPU seconds of whole processes
and of the call instead, for a machine that is not idle. --clouds adds points in the square whose cost is computed on the fly, without `emd`.
"""
import argparse, csv, json, os, pathlib, resource, subprocess, tempfile, time
for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"): os.environ.setdefault(v, "1")
import numpy as np, ot

FIELDS = ["kind", "n", "solver", "seconds", "rounds", "arcs", "pivots", "iterations", "relative_difference"]

def mass(rng, n):
    a = rng.random(n) + .05
    return a / a.sum()

def square(rng, n): return rng.random((n, 2)), rng.random((n, 2)) ** 1.5

def problems(n, seed):
    rng = np.random.default_rng(seed)
    cost = lambda x, y: (lambda c: c / c.max())(((x[:, None] - y[None]) ** 2).sum(-1))
    yield "square", cost(*square(rng, n)), mass(rng, n), mass(rng, n)
    yield "10-d", cost(rng.standard_normal((n, 10)), rng.standard_normal((n, 10)) + .3), mass(rng, n), mass(rng, n)
    k = int(np.sqrt(n)); g = np.stack(np.meshgrid(np.arange(k), np.arange(k)), -1).reshape(-1, 2) / k
    def image():
        a = np.full(k * k, .02)
        for _ in range(6): a += np.exp(-((g - rng.random(2)) ** 2).sum(1) / (2 * (.03 + .15 * rng.random()) ** 2))
        return a ** 2 / (a ** 2).sum()
    yield "images", cost(g, g), image(), image()

def ours(a, finish, folder, arrays, arguments):
    for k, v in arrays.items(): np.save(f"{folder}/{k}.npy", np.ascontiguousarray(v))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run([a.binary, "transport", *arguments(folder), "--mu", f"{folder}/mu.npy", "--nu", f"{folder}/nu.npy",
                          "--finish", finish, "--json", "-", "--quiet"], capture_output=True, text=True, env=dict(os.environ, RAYON_NUM_THREADS="1"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    j = json.loads(out.stdout); assert j["status"] == "solved", j
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    j["time"] = cpu if a.cpu else j["seconds"]["setup"] + j["seconds"]["solve"]
    j["interior_iterations"] = j["iterations"] if j["iterations"] != j["pivots"] else 0
    return j

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--sizes", default="500,1000,2000,5000"); p.add_argument("--clouds", default=""); p.add_argument("--seed", type=int, default=1)
    p.add_argument("--binary", default="target/release/dyncvx"); p.add_argument("--cpu", action="store_true")
    p.add_argument("--finish", default="simplex,interior-point"); p.add_argument("--interior-limit", type=int, default=5000)
    a = p.parse_args(); here = pathlib.Path(__file__).parent; rows = []
    def add(*row): rows.append(row); print(*row, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for n in filter(None, a.sizes.split(",")):
            for kind, C, mu, nu in problems(int(n), a.seed):
                clock = time.process_time if a.cpu else time.perf_counter
                t = clock(); log = ot.emd(mu, nu, C, numItermax=10**9, log=True)[1]; t = clock() - t
                add(kind, len(mu), "emd", f"{t:.4f}", "", "", "", "", "")
                for finish in a.finish.split(","):
                    if finish == "interior-point" and int(n) > a.interior_limit: continue
                    j = ours(a, finish, folder, dict(C=C, mu=mu, nu=nu), lambda f: ["--cost", f"{f}/C.npy"])
                    off = abs(j["objective"] - log["cost"]) / log["cost"]
                    add(kind, len(mu), finish, f"{j['time']:.4f}", j["rounds"], j["arcs"], j["pivots"], j["interior_iterations"], f"{off:.1e}")
        for n in filter(None, a.clouds.split(",")):
            rng = np.random.default_rng(a.seed); x, y = square(rng, int(n)); arrays = dict(x=x, y=y, mu=mass(rng, int(n)), nu=mass(rng, int(n)))
            for finish in a.finish.split(","):
                if finish == "interior-point" and int(n) > a.interior_limit: continue
                j = ours(a, finish, folder, arrays, lambda f: ["--points", f"{f}/x.npy", f"{f}/y.npy"])
                add("cloud", n, finish, f"{j['time']:.4f}", j["rounds"], j["arcs"], j["pivots"], j["interior_iterations"], "")
    with open(here / "times.csv", "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n"); w.writerow(FIELDS); w.writerows(rows)

main()
