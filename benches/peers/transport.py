#!/usr/bin/env python3
"""`dyncvx transport` against POT's network simplex (ot.emd) on exact transport: one thread, one run, both finishes.

    python3 -m venv .peers
    .peers/bin/pip install numpy pot
    cargo build --release --features cli
    .peers/bin/python benches/peers/transport.py --sizes 500,1000,2000,5000 --csv papers/exact-transport/times.csv
    cargo run --release --features plot --example exact_transport -- papers/exact-transport

Points in the square, points in 10 dimensions, smooth images; random masses; squared Euclidean cost scaled to maximum 1. Our time is
`seconds.setup + seconds.solve` of the command on .npy files, that of `emd` the call alone. --cpu takes CPU seconds of whole
processes and of the call instead, for a machine that is not idle. --clouds adds points in the square whose cost is computed on the
fly, without `emd`.
"""
import argparse
import csv
import json
import math
import os
import pathlib
import resource
import subprocess
import tempfile
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import ot

FIELDS = ["kind", "n", "solver", "seconds", "rounds", "arcs", "pivots", "iterations", "relative_difference"]


def mass(rng, n):
    a = rng.random(n) + 0.05
    return a / a.sum()


def square(rng, n):
    return rng.random((n, 2)), rng.random((n, 2)) ** 1.5


def squared_distances(x, y):
    cost = ((x[:, None] - y[None]) ** 2).sum(-1)
    return cost / cost.max()


def image(rng, pixels):
    """Six smooth spots on a dim ground."""
    a = np.full(len(pixels), 0.02)
    for _ in range(6):
        distance = ((pixels - rng.random(2)) ** 2).sum(1)
        a += np.exp(-distance / (2 * (0.03 + 0.15 * rng.random()) ** 2))
    return a**2 / (a**2).sum()


def problems(n, seed):
    """Kind, cost and the two masses."""
    rng = np.random.default_rng(seed)
    yield "square", squared_distances(*square(rng, n)), mass(rng, n), mass(rng, n)
    x, y = rng.standard_normal((n, 10)), rng.standard_normal((n, 10)) + 0.3
    yield "10-d", squared_distances(x, y), mass(rng, n), mass(rng, n)
    side = int(np.sqrt(n))
    pixels = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) / side
    yield "images", squared_distances(pixels, pixels), image(rng, pixels), image(rng, pixels)


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ours(arguments, finish, arrays, cost_options):
    """What our command answers; `cost_options` makes its arguments for the cost from the folder of the arrays."""
    with tempfile.TemporaryDirectory() as folder:
        for name, values in arrays.items():
            np.save(f"{folder}/{name}.npy", np.ascontiguousarray(values))
        masses = ["--mu", f"{folder}/mu.npy", "--nu", f"{folder}/nu.npy"]
        options = ["--method", "exact", "--finish", finish, "--json", "-", "--quiet"]
        before = cpu_of_children()
        process = subprocess.run(
            [arguments.binary, "transport", *cost_options(folder), *masses, *options],
            capture_output=True,
            text=True,
            env=dict(os.environ, RAYON_NUM_THREADS="1"),
        )
        cpu = cpu_of_children() - before
    if not process.stdout:
        raise SystemExit(f"the command failed: {process.stderr[-400:]}")
    found = json.loads(process.stdout)
    if found["status"] != "solved":
        raise SystemExit(f"expected solved, found {found}")
    found["time"] = cpu if arguments.cpu else found["seconds"]["setup"] + found["seconds"]["solve"]
    found["interior_iterations"] = 0 if found["iterations"] == found["pivots"] else found["iterations"]
    return found


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="500,1000,2000,5000", help="numbers of points, with commas between them")
    parser.add_argument("--clouds", default="", help="numbers of points of the clouds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--finish", default="simplex,interior-point")
    parser.add_argument("--interior-limit", type=int, default=5000, help="points beyond which only the simplex is run")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds instead of wall seconds")
    parser.add_argument("--binary", default="target/release/dyncvx", help="our command line")
    parser.add_argument("--csv", help="a file for all numbers")
    arguments = parser.parse_args()
    arguments.binary = str(pathlib.Path(arguments.binary).resolve())
    return arguments


def sizes(text):
    return [int(size) for size in text.split(",") if size]


def finishes(arguments, n):
    for finish in arguments.finish.split(","):
        if finish != "interior-point" or n <= arguments.interior_limit:
            yield finish


def main():
    arguments = parse()
    clock = time.process_time if arguments.cpu else time.perf_counter
    rows = []
    logs = {}

    def add(*row):
        rows.append(row)
        print(*row, flush=True)

    def add_ours(kind, n, finish, found, difference):
        counts = (found["rounds"], found["arcs"], found["pivots"], found["interior_iterations"])
        add(kind, n, finish, f"{found['time']:.4f}", *counts, difference)

    for n in sizes(arguments.sizes):
        for kind, cost, mu, nu in problems(n, arguments.seed):
            start = clock()
            log = ot.emd(mu, nu, cost, numItermax=10**9, log=True)[1]
            seconds = clock() - start
            add(kind, len(mu), "emd", f"{seconds:.4f}", "", "", "", "", "")
            arrays = {"cost": cost, "mu": mu, "nu": nu}
            for finish in finishes(arguments, n):
                found = ours(arguments, finish, arrays, lambda folder: ["--cost", f"{folder}/cost.npy"])
                off = abs(found["objective"] - log["cost"]) / log["cost"]
                add_ours(kind, len(mu), finish, found, f"{off:.1e}")
                logs.setdefault(finish, []).append(math.log(seconds / found["time"]))
    for n in sizes(arguments.clouds):
        rng = np.random.default_rng(arguments.seed)
        x, y = square(rng, n)
        arrays = {"x": x, "y": y, "mu": mass(rng, n), "nu": mass(rng, n)}
        for finish in finishes(arguments, n):
            found = ours(arguments, finish, arrays, lambda folder: ["--points", f"{folder}/x.npy", f"{folder}/y.npy"])
            add_ours("cloud", n, finish, found, "")

    for finish, values in logs.items():
        mean = math.exp(sum(values) / len(values))
        print(f"{finish}: {mean:.2f} times as fast as emd, geometric mean of {len(values)}")
    if arguments.csv:
        with open(arguments.csv, "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(FIELDS)
            writer.writerows(rows)


if __name__ == "__main__":
    main()
