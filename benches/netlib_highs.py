#!/usr/bin/env python3
"""NETLIB: `dyncvx lp` against HiGHS's interior point without crossover, whole processes, one thread, wall seconds.

    python3 -m venv .peers && .peers/bin/pip install highspy
    cargo build --release --features cli
    .peers/bin/python benches/netlib_highs.py FOLDER [--rounds 3] [--only NAME ...] [--limit 120]

FOLDER holds the problems as *.mps.gz, optimal_values.csv and infeasible/.  HiGHS runs in a process of its own, as we do; the time
is that of its readModel and run, without the start of Python, ours that of the whole process.  Best of the rounds, which
alternate.  `error` is relative to the published optimum, which leaves out the constant of the objective: it is taken off both.
A wrong answer is a claim (solved, infeasible) that is not so, to 1e-6.
"""
import argparse, csv, gzip, json, math, pathlib, subprocess, sys, tempfile, time

PEER = r"""
import sys, time, json, highspy
h = highspy.Highs()
for key, value in (("output_flag", False), ("solver", "ipm"), ("run_crossover", "off"), ("threads", 1), ("time_limit", float(sys.argv[2]))):
    h.setOptionValue(key, value)
t = time.perf_counter(); h.readModel(sys.argv[1]); h.run(); t = time.perf_counter() - t
print(json.dumps({"seconds": t, "status": h.modelStatusToString(h.getModelStatus()), "objective": h.getInfo().objective_function_value, "constant": h.getLp().offset_}))
"""

def peer(path, limit):
    out = subprocess.run([sys.executable, "-c", PEER, path, str(limit)], capture_output=True, text=True).stdout.strip().splitlines()
    return json.loads(out[-1]) if out else {"seconds": float("nan"), "status": "died", "objective": None, "constant": 0.0}

def ours(binary, path, limit):
    t = time.perf_counter()
    try:
        run = subprocess.run([binary, "lp", path, "--quiet", "--json", "-", "--threads", "1", "--time-limit", str(limit)],
                             capture_output=True, text=True, timeout=2 * limit)
    except subprocess.TimeoutExpired:
        return {"seconds": time.perf_counter() - t, "status": "killed", "objective": None, "iterations": None, "engine": None}
    t = time.perf_counter() - t
    if not run.stdout:
        return {"seconds": t, "status": "refused: " + run.stderr.strip()[-40:], "objective": None, "iterations": None, "engine": None}
    found = json.loads(run.stdout)
    return {"seconds": t, "status": found["status"], "objective": found["primal_objective"], "iterations": found["iterations"], "engine": found["engine"]}

def main():
    parser = argparse.ArgumentParser(); parser.add_argument("folder", type=pathlib.Path); parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*"); parser.add_argument("--limit", type=float, default=120.0)
    parser.add_argument("--binary", default="target/release/dyncvx"); a = parser.parse_args()
    with open(a.folder / "optimal_values.csv") as f: optima = {r[0]: float(r[1]) for r in csv.reader(f) if r[0] != "problem"}
    files = sorted(a.folder.glob("*.mps.gz")) + sorted((a.folder / "infeasible").glob("*.mps.gz"))
    print(f"{'problem':11}{'ours s':>9}{'HiGHS s':>9}{'ratio':>8}{'error':>10}{'HiGHS':>10}  iterations, status, HiGHS's status")
    ratios, wrong, unanswered = [], [], []
    with tempfile.TemporaryDirectory() as d:
        for file in files:
            name = file.name.removesuffix(".mps.gz"); infeasible = file.parent.name == "infeasible"
            if a.only and name not in a.only: continue
            path = f"{d}/{name}.mps"; pathlib.Path(path).write_bytes(gzip.decompress(file.read_bytes()))
            runs = [(ours(a.binary, path, a.limit), peer(path, a.limit)) for _ in range(a.rounds)]
            mine, his = (min((r[k] for r in runs), key=lambda r: r["seconds"]) for k in (0, 1))
            def error(v): return None if v is None or infeasible or name not in optima else abs(v - his["constant"] - optima[name]) / max(1.0, abs(optima[name]))
            e, f = error(mine["objective"]), error(his["objective"])
            claim = mine["status"] in ("solved", "primal_infeasible", "dual_infeasible")
            right = mine["status"] == "primal_infeasible" if infeasible else mine["status"] == "solved" and e is not None and e <= 1e-6
            if claim and not right: wrong.append(name)
            if not claim: unanswered.append(name)
            ratio = mine["seconds"] / his["seconds"]
            if right and not infeasible: ratios.append(ratio)
            show = lambda v: "-" if v is None else f"{v:.1e}"
            print(f"{name:11}{mine['seconds']:9.3f}{his['seconds']:9.3f}{ratio:8.2f}{show(e):>10}{show(f):>10}  {mine['iterations']}, {mine['status']}, {his['status']}", flush=True)
    if ratios: print(f"geometric mean of the ratios over {len(ratios)} feasible problems answered right: {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}")
    print(f"wrong answers: {len(wrong)} {wrong}; not answered: {len(unanswered)} {unanswered}")

if __name__ == "__main__": main()
