#!/usr/bin/env python3
"""Writes a random low-rank matrix completion problem as an SDPA sparse file. Needs the standard library only.

    python3 benches/peers/matrix_completion.py --n1 150 --n2 150 --rank 2 --observed 5000 --seed 1 > mc300.dat-s

Minimise (1/2) tr Y over Y = [[W1, Z], [Z', W2]] positive semidefinite with Z_ij = M_ij on the observed entries (completion of M
by the nuclear norm). In SDPA's terms Y is the dual matrix, F_0 = -I/2 and c_k = 2 M_ij. The optimal Y has low rank.
"""
import argparse
import random


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n1", type=int, default=150, help="rows of M")
    parser.add_argument("--n2", type=int, default=150, help="columns of M")
    parser.add_argument("--rank", type=int, default=2, help="rank of M")
    parser.add_argument("--observed", type=int, default=5000, help="number of observed entries")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def gaussian(generator, rows, columns):
    return [[generator.gauss(0, 1) for _ in range(columns)] for _ in range(rows)]


def main():
    arguments = parse()
    n1, n2, rank = arguments.n1, arguments.n2, arguments.rank
    generator = random.Random(arguments.seed)
    left = gaussian(generator, n1, rank)
    right = gaussian(generator, n2, rank)
    cells = sorted(generator.sample(range(n1 * n2), arguments.observed))

    def value(cell):
        row, column = divmod(cell, n2)
        return sum(x * y for x, y in zip(left[row], right[column])) / rank**0.5

    order = n1 + n2
    print(arguments.observed)
    print(1)
    print(order)
    print(" ".join(repr(2 * value(cell)) for cell in cells))
    for i in range(1, order + 1):
        print(f"0 1 {i} {i} -0.5")
    for k, cell in enumerate(cells, start=1):
        row, column = divmod(cell, n2)
        print(f"{k} 1 {row + 1} {n1 + column + 1} 1.0")


if __name__ == "__main__":
    main()
