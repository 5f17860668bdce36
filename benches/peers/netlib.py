#!/usr/bin/env python3
"""`dyncvx lp` against HiGHS's interior point without crossover on NETLIB: one thread, wall seconds, best of the rounds.

    python3 -m venv .peers
    .peers/bin/pip install highspy
    cargo build --release --features cli
    export DYNCVX_DATA=FOLDER                          # holds netlib/*.mps.gz, netlib/infeasible and netlib/optimal_values.csv
    .peers/bin/python benches/peers/netlib.py [--rounds 3] [--only NAME ...] [--limit 120]

HiGHS runs in a process of its own, as our command does. Its time is that of readModel and run, without the start of Python; ours is
that of the whole process. Rounds alternate. `error` is relative to the published optimum, which leaves out the constant of the
objective: the constant is taken off both. A wrong answer is a claim (solved, infeasible) that does not hold to 1e-6.
"""
import argparse
import csv
import gzip
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

PEER = """
import json, sys, time
import highspy
h = highspy.Highs()
h.setOptionValue("output_flag", False)
h.setOptionValue("solver", "ipm")
h.setOptionValue("run_crossover", "off")
h.setOptionValue("threads", 1)
h.setOptionValue("time_limit", float(sys.argv[2]))
start = time.perf_counter()
h.readModel(sys.argv[1])
h.run()
seconds = time.perf_counter() - start
print(json.dumps({
    "seconds": seconds,
    "status": h.modelStatusToString(h.getModelStatus()),
    "objective": h.getInfo().objective_function_value,
    "constant": h.getLp().offset_,
}))
"""


def peer(path, limit):
    process = subprocess.run([sys.executable, "-c", PEER, path, str(limit)], capture_output=True, text=True)
    lines = process.stdout.strip().splitlines()
    if lines:
        return json.loads(lines[-1])
    return {"seconds": float("nan"), "status": "died", "objective": None, "constant": 0.0}


def ours(binary, path, limit):
    options = ["--quiet", "--json", "-", "--threads", "1", "--time-limit", str(limit)]
    start = time.perf_counter()
    nothing = {"objective": None, "iterations": None}
    try:
        process = subprocess.run([binary, "lp", path, *options], capture_output=True, text=True, timeout=2 * limit)
    except subprocess.TimeoutExpired:
        return {"seconds": time.perf_counter() - start, "status": "killed", **nothing}
    seconds = time.perf_counter() - start
    if not process.stdout:
        return {"seconds": seconds, "status": "refused: " + process.stderr.strip()[-40:], **nothing}
    found = json.loads(process.stdout)
    return {
        "seconds": seconds,
        "status": found["status"],
        "objective": found["primal_objective"],
        "iterations": found["iterations"],
    }


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with netlib in it; by default what DYNCVX_DATA names")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="names of problems")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds per run")
    parser.add_argument("--binary", default="target/release/dyncvx", help="our command line")
    arguments = parser.parse_args()
    data = arguments.data or os.environ.get("DYNCVX_DATA")
    if data is None:
        parser.error("expected --data or DYNCVX_DATA")
    arguments.folder = pathlib.Path(data) / "netlib"
    return arguments


def optima(folder):
    with open(folder / "optimal_values.csv") as table:
        return {row[0]: float(row[1]) for row in csv.reader(table) if row[0] != "problem"}


def best(runs):
    return min(runs, key=lambda run: run["seconds"])


def shown(error):
    return "-" if error is None else f"{error:.1e}"


def main():
    arguments = parse()
    known = optima(arguments.folder)
    files = sorted(arguments.folder.glob("*.mps.gz"))
    files += sorted((arguments.folder / "infeasible").glob("*.mps.gz"))
    print(f"{'problem':11}{'ours s':>9}{'HiGHS s':>9}{'ratio':>8}{'error':>10}{'HiGHS':>10}  iterations, status, HiGHS's status")
    logs = []
    wrong = []
    unanswered = []
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            name = file.name.removesuffix(".mps.gz")
            if arguments.only and name not in arguments.only:
                continue
            infeasible = file.parent.name == "infeasible"
            path = f"{folder}/{name}.mps"
            pathlib.Path(path).write_bytes(gzip.decompress(file.read_bytes()))

            mine, theirs = [], []
            for _ in range(arguments.rounds):
                mine.append(ours(arguments.binary, path, arguments.limit))
                theirs.append(peer(path, arguments.limit))
            mine, theirs = best(mine), best(theirs)

            def error(value):
                if value is None or infeasible or name not in known:
                    return None
                return abs(value - theirs["constant"] - known[name]) / max(1.0, abs(known[name]))

            off = error(mine["objective"])
            status = mine["status"]
            claim = status in ("solved", "primal_infeasible", "dual_infeasible")
            if infeasible:
                right = status == "primal_infeasible"
            else:
                right = status == "solved" and off is not None and off <= 1e-6
            if claim and not right:
                wrong.append(name)
            if not claim:
                unanswered.append(name)
            ratio = mine["seconds"] / theirs["seconds"]
            if right and not infeasible:
                logs.append(math.log(ratio))
            print(
                f"{name:11}{mine['seconds']:9.3f}{theirs['seconds']:9.3f}{ratio:8.2f}{shown(off):>10}"
                f"{shown(error(theirs['objective'])):>10}  {mine['iterations']}, {status}, {theirs['status']}",
                flush=True,
            )
    if logs:
        mean = math.exp(sum(logs) / len(logs))
        print(f"geometric mean of the ratios over {len(logs)} feasible problems answered right: {mean:.2f}")
    print(f"wrong answers: {len(wrong)} {wrong}; not answered: {len(unanswered)} {unanswered}")


if __name__ == "__main__":
    main()
