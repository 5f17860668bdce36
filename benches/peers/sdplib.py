#!/usr/bin/env python3
"""`dyncvx sdp` against CSDP, SDPA and DSDP on SDPA sparse files: CPU seconds of whole processes, one thread, one run.

    apt-get install -y coinor-csdp sdpa dsdp
    cargo build --release --features cli
    export DYNCVX_DATA=FOLDER                                   # holds sdplib/*.dat-s.xz and the tables of objectives
    python3 benches/peers/sdplib.py                             # a selection of SDPLIB
    python3 benches/peers/sdplib.py --all --csv out.csv
    python3 benches/peers/sdplib.py --problems theta4,control9 --solvers ours,csdp
    python3 benches/peers/sdplib.py --files a.dat-s b.dat-s     # any SDPA file

Prints a row per problem and the geometric mean of the ratios of (CPU + 0.1 s), and counts wrong answers. An answer is wrong if it
is not `solved`, if its objective is further than 1e-6 (relative) from the reference, or if it is a wrong verdict. `hinf*` are ill
posed: 1e-2, or an honest status other than `solved`. Every solver sees the same file in the same run, so that ratios hold when the
speed of the machine drifts.
"""
import argparse
import csv
import json
import lzma
import math
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

SELECTION = (
    "truss5,truss8,arch0,arch8,control3,control5,control7,theta1,theta2,theta4,gpp100,gpp250-1,mcp100,mcp250-1,"
    "mcp500-1,qap7,qap10,maxG11,equalG11,qpG11,hinf2,infd1,infp1"
)
SDPA_PARAMETERS = "/usr/share/sdpa/param.sdpa"
HONEST = ("almost_solved", "insufficient_progress", "max_iterations", "numerical_error")
# Objectives count as equal to this relative difference.
TOLERANCE = 1e-6
# Several solvers agree on these; the table of SDPLIB has misprints there.
CORRECTED = {"maxG51": 4006.2555, "qpG51": 11818.0}
# Values of the table that are good to fewer digits.
COARSE = {"thetaG51": 1e-5}


def number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def references(folder):
    """Objectives by problem, in the convention of the files: from the table, then from runs in high precision."""
    values = {}
    with open(folder / "optimal_values.csv") as table:
        for row in csv.DictReader(table):
            value = number(row["optval_sdpa_convention"])
            if value is not None:
                values[row["problem"]] = value
    values.update(CORRECTED)
    with open(folder / "gmp_reference.csv") as table:
        for row in csv.DictReader(table):
            gap = number(row["relgap"])
            value = number(row["objValPrimal_sdpa_primal_min"])
            if gap is not None and gap < 1e-15 and value is not None:
                values[row["problem"]] = value
    return values


def command(solver, path, folder, arguments):
    if solver == "ours":
        return [arguments.binary, "sdp", path, "--json", "-", *arguments.extra]
    if solver == "csdp":
        return ["csdp", path]
    if solver == "sdpa":
        threads = str(arguments.threads)
        return ["sdpa", "-ds", path, "-o", f"{folder}/out", "-p", SDPA_PARAMETERS, "-numThreads", threads]
    if solver == "dsdp":
        return ["dsdp5", path]
    raise SystemExit(f"expected ours, csdp, sdpa or dsdp as solver, found {solver}")


def answer(solver, output):
    """The status and the objective that a solver printed."""

    def find(pattern):
        hit = re.search(pattern, output)
        return hit[1].strip() if hit else None

    if solver == "ours":
        try:
            found = json.loads(output[output.index("{") :])
        except ValueError:
            return "no JSON", None
        return found.get("status"), found.get("primal_objective")
    if solver == "csdp":
        status = find(r"(Success.*|Failure.*|Partial.*|Stuck.*|Declaring.*)")
        return status, number(find(r"Dual objective value:\s*(\S+)"))
    if solver == "sdpa":
        return find(r"phase.value\s*=\s*(\S+)"), number(find(r"objValPrimal\s*=\s*(\S+)"))
    status = find(r"(DSDP Converged[^\n]*|DSDP[^\n]*nfeasible[^\n]*|DSDP[^\n]*erminat[^\n]*)")
    return status, number(find(r"DSDP Solution:\s*(\S+)"))


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(solver, path, arguments):
    threads = str(arguments.threads)
    environment = dict(
        os.environ,
        OPENBLAS_NUM_THREADS=threads,
        OMP_NUM_THREADS=threads,
        RAYON_NUM_THREADS=threads,
    )
    limited = f'ulimit -t {arguments.limit}; ulimit -v 20000000; exec "$@"'
    with tempfile.TemporaryDirectory() as folder:
        before = cpu_of_children()
        start = time.time()
        process = subprocess.run(
            ["bash", "-c", limited, "x", *command(solver, path, folder, arguments)],
            capture_output=True,
            text=True,
            errors="replace",
            cwd=folder,
            env=environment,
        )
        wall = time.time() - start
        cpu = cpu_of_children() - before
    status, value = answer(solver, process.stdout)
    if process.returncode in (-9, -24, 137, 152):
        status = f"over {arguments.limit} s"
    return {"cpu": cpu, "wall": wall, "status": status, "value": value, "rc": process.returncode}


def relative_error(solver, name, value, reference):
    if reference is None or value is None or name.startswith("inf"):
        return None
    scale = max(1.0, abs(reference))
    error = abs(value - reference) / scale
    if solver == "dsdp":
        # DSDP prints the negative objective for files that maximise.
        error = min(error, abs(-value - reference) / scale)
    return error


def is_right(name, status, error, reference):
    """Whether our answer is one that may be given."""
    if name.startswith("infp"):
        return status == "primal_infeasible"
    if name.startswith("infd"):
        return status == "dual_infeasible"
    ill_posed = name.startswith("hinf")
    if ill_posed and status in HONEST:
        return True
    tolerance = 1e-2 if ill_posed else COARSE.get(name, TOLERANCE)
    return status == "solved" and (reference is None or (error is not None and error <= tolerance))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", default=SELECTION, help="names of SDPLIB problems, with commas between them")
    parser.add_argument("--all", action="store_true", help="every problem of the folder")
    parser.add_argument("--files", nargs="*", default=[], help="SDPA files instead of SDPLIB problems")
    parser.add_argument("--solvers", default="ours,csdp,sdpa,dsdp", help="with commas between them")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=int, default=120, help="CPU seconds per problem and solver")
    parser.add_argument("--binary", default="target/release/dyncvx", help="our command line")
    parser.add_argument("--data", help="the folder with sdplib in it; by default what DYNCVX_DATA names")
    parser.add_argument("--csv", help="a file for all numbers")
    parser.add_argument("--extra", nargs=argparse.REMAINDER, default=[], help="arguments of our command line; the last option")
    arguments = parser.parse_args()
    arguments.binary = str(pathlib.Path(arguments.binary).resolve())
    data = arguments.data or os.environ.get("DYNCVX_DATA")
    if data is None and not arguments.files:
        parser.error("expected --data, DYNCVX_DATA or --files")
    arguments.data = pathlib.Path(data) / "sdplib" if data else None
    return arguments


def problem_files(arguments, folder):
    """Names and paths of the problems, unpacked where they are packed."""
    if arguments.files:
        paths = [pathlib.Path(file) for file in arguments.files]
        return [(path.name.removesuffix(".dat-s"), str(path.resolve())) for path in paths]
    if arguments.all:
        names = sorted(path.name.removesuffix(".dat-s.xz") for path in arguments.data.glob("*.dat-s.xz"))
    else:
        names = arguments.problems.split(",")
    files = []
    for name in names:
        path = pathlib.Path(folder) / f"{name}.dat-s"
        with lzma.open(arguments.data / f"{name}.dat-s.xz") as packed:
            path.write_bytes(packed.read())
        files.append((name, str(path)))
    return files


def cell(result, error):
    shown = "-" if error is None else f"{error:.0e}"
    return f"{result['cpu']:8.2f}s {shown:>6s} {str(result['status'])[:9]:>9s}"


def summarise(rows, solvers, wrong):
    for solver in solvers:
        if solver == "ours":
            continue
        logs = [math.log((row["ours_cpu"] + 0.1) / (row[f"{solver}_cpu"] + 0.1)) for row in rows]
        mean = math.exp(sum(logs) / len(logs))
        ours = sum(row["ours_cpu"] for row in rows)
        theirs = sum(row[f"{solver}_cpu"] for row in rows)
        print(f"ours / {solver}: geometric mean of (CPU+0.1 s) {mean:.2f}, total {ours:.1f} s against {theirs:.1f} s")
    print(f"ours: {len(rows) - len(wrong)} right, {len(wrong)} not {' '.join(wrong)}")


def main():
    arguments = parse()
    solvers = arguments.solvers.split(",")
    known = references(arguments.data) if arguments.data else {}
    rows = []
    wrong = []
    print(f"{'problem':12s} " + " ".join(f"{solver:>26s}" for solver in solvers))
    with tempfile.TemporaryDirectory() as folder:
        for name, path in problem_files(arguments, folder):
            row = {"problem": name}
            cells = []
            reference = known.get(name)
            for solver in solvers:
                result = run(solver, path, arguments)
                error = relative_error(solver, name, result["value"], reference)
                row.update({f"{solver}_{key}": value for key, value in result.items()})
                row[f"{solver}_err"] = error
                if solver == "ours" and not is_right(name, result["status"], error, reference):
                    wrong.append(name)
                cells.append(cell(result, error))
            rows.append(row)
            print(f"{name:12s} " + " ".join(f"{text:>26s}" for text in cells), flush=True)
    if "ours" in solvers:
        summarise(rows, solvers, wrong)
    if arguments.csv:
        with open(arguments.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
