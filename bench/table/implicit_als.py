"""implicit_als.py TRAIN FACTORS epoch: CPU seconds of an iteration of implicit's
default solver, one thread: the median of five.
implicit_als.py TRAIN FACTORS TEST: the best NDCG@20 on TEST of 15 iterations with
each of the settings below."""
import statistics
import sys
import time

import numpy
import scipy.sparse
from implicit.als import AlternatingLeastSquares

SETTINGS = [(alpha, reg) for alpha in (5, 20, 60) for reg in (0.1, 1, 5)]


def read(name, shape=None):
    rows = numpy.loadtxt(name, dtype=numpy.int64, usecols=(0, 1), delimiter="\t")
    ones = numpy.ones(len(rows), dtype=numpy.float32)
    return scipy.sparse.coo_matrix((ones, (rows[:, 0], rows[:, 1])), shape=shape).tocsr()


def fit(train, factors, alpha, reg, iterations, threads, callback=None):
    model = AlternatingLeastSquares(factors=factors, alpha=alpha, regularization=reg, iterations=iterations,
                                    num_threads=threads, random_state=1)
    model.fit(train, show_progress=False, callback=callback)
    return model


def ndcg(model, train, test, k=20):
    """The mean over the users of test whom train knows, as bench/lists.c has it."""
    users = numpy.flatnonzero((numpy.diff(test.indptr) > 0) & (numpy.diff(train.indptr[: test.shape[0] + 1]) > 0))
    lists, _ = model.recommend(users, train[users], N=k, filter_already_liked_items=True)
    discount = 1 / numpy.log2(numpy.arange(2, k + 2))
    total = 0.0
    for user, found in zip(users, lists):
        relevant = test.indices[test.indptr[user]: test.indptr[user + 1]]
        total += discount[numpy.isin(found, relevant)].sum() / discount[: min(k, len(relevant))].sum()
    return total / len(users)


train_name, factors, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if what == "epoch":
    clock = []
    fit(read(train_name), factors, 1, 0.01, 6, 1, lambda *_: clock.append(time.process_time()))
    print(statistics.median(b - a for a, b in zip(clock, clock[1:])))
else:
    train, test = read(train_name), read(what)
    shape = (max(train.shape[0], test.shape[0]), max(train.shape[1], test.shape[1]))
    train, test = read(train_name, shape), read(what, shape)
    print("%.4f" % max(ndcg(fit(train, factors, alpha, reg, 15, 0), train, test) for alpha, reg in SETTINGS))
