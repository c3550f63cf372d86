/*
 * dense.c
 *		Small dense matrices in double precision; see dense.h.
 *
 * Eigenvectors: Householder's reduction to tridiagonal form, then the QL
 * method with implicit shifts (G. H. Golub, C. F. Van Loan, Matrix
 * Computations, 4th ed., sections 8.3.1 and 8.3.3; J. H. Wilkinson, C. Reinsch,
 * Handbook for Automatic Computation II, contributions II/2 and II/4).  The
 * rotations work on rows of the transposed eigenvector matrix, where they are
 * contiguous.
 */
#include "core/dense.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

/* Sums that run side by side, so that one addition need not wait for the other. */
#define LANES 8

/* QL sweeps for one eigenvalue, at most: 2 are usual. */
#define MAX_SWEEPS 60

/* Without an environment nobody asks. */
static bool
is_stopped(LepEnv *env)
{
	return env != NULL && lep_env_stopped(env);
}

/* The last products come last: in a triangular solve they wait for what was found just before. */
static inline double
dot(const double *a, const double *b, int n)
{
	double lane[LANES] = { 0 };
	double sum;
	int c = 0;

	for (; c + LANES <= n; c += LANES)
	{
		for (int l = 0; l < LANES; l++)
			lane[l] += a[c + l] * b[c + l];
	}
	sum = ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7]));
	for (; c < n; c++)
		sum += a[c] * b[c];
	return sum;
}

LepStatus
lep_dense_cholesky_stoppable(LepEnv *env, double *a, int n)
{
	for (int i = 0; i < n; i++)
	{
		double *row = a + (size_t) i * (size_t) n;

		if (is_stopped(env))
			return LEP_ERR_STOPPED;
		for (int j = 0; j <= i; j++)
		{
			const double *other = a + (size_t) j * (size_t) n;
			double sum = row[j] - dot(row, other, j);

			if (j < i)
				row[j] = sum / other[j];
			else if (sum > 0 && sum <= DBL_MAX)
				row[i] = sqrt(sum);
			else
				return LEP_ERR_DIVERGED;
		}
	}
	return LEP_OK;
}

bool
lep_dense_cholesky(double *a, int n)
{
	return lep_dense_cholesky_stoppable(NULL, a, n) == LEP_OK;
}

void
lep_dense_solve_lower(const double *l, int n, double *b)
{
	for (int i = 0; i < n; i++)
	{
		const double *row = l + (size_t) i * (size_t) n;

		b[i] = (b[i] - dot(row, b, i)) / row[i];
	}
}

void
lep_dense_solve_upper(const double *l, int n, double *b)
{
	for (int i = n - 1; i >= 0; i--)
	{
		const double *row = l + (size_t) i * (size_t) n;

		b[i] /= row[i];
		for (int c = 0; c < i; c++)
			b[c] -= row[c] * b[i];
	}
}

/*
 * Reflect away column `last` of the leading (last + 1) x (last + 1) block: all
 * but its last two elements.  v: the reflector, scaled so that H = I - v v'
 * with |v|^2 = 2, or 0 where there is nothing to do.  The block before it
 * becomes H A H.  Returns the new off-diagonal element.
 */
static double
reflect(double *a, int n, int last, double *v)
{
	double *row = a + (size_t) last * (size_t) n;
	double norm = 0;
	double off;
	double scale;
	double vp = 0;

	for (int c = 0; c < last; c++)
		norm += row[c] * row[c];
	norm = sqrt(norm);
	for (int c = 0; c < last; c++)
		v[c] = 0;
	if (!(norm > 0))
		return 0;
	off = row[last - 1] > 0 ? -norm : norm;
	for (int c = 0; c < last; c++)
		v[c] = row[c];
	v[last - 1] -= off;
	/* |v|^2 = 2 norm (norm + |row[last - 1]|) */
	scale = 1 / sqrt(norm * (norm + fabs(row[last - 1])));
	for (int c = 0; c < last; c++)
		v[c] *= scale;

	/* p = A v into row, then A -= v q' + q v', q = p - (v . p / 2) v */
	for (int r = 0; r < last; r++)
	{
		double sum = 0;

		for (int c = 0; c < last; c++)
			sum += a[(size_t) r * (size_t) n + (size_t) c] * v[c];
		row[r] = sum;
		vp += sum * v[r];
	}
	for (int r = 0; r < last; r++)
		row[r] -= vp / 2 * v[r];
	for (int r = 0; r < last; r++)
	{
		double *to = a + (size_t) r * (size_t) n;

		for (int c = 0; c < last; c++)
			to[c] -= v[r] * row[c] + row[r] * v[c];
	}
	return off;
}

/*
 * a = Q T Q', T tridiagonal with diagonal d and off[i] between i - 1 and i; on
 * return row j of a is column j of Q.
 */
static LepStatus
tridiagonalise(LepEnv *env, double *a, int n, double *d, double *off)
{
	off[0] = 0;
	for (int last = n - 1; last > 0; last--)
	{
		double *row = a + (size_t) last * (size_t) n;
		double *v = off; /* its first `last` elements are not yet in use */
		double element;

		if (is_stopped(env))
			return LEP_ERR_STOPPED;
		element = reflect(a, n, last, v);
		d[last] = row[last];
		/* the reflector stays where its column was, until Q is made */
		for (int c = 0; c < last; c++)
			row[c] = v[c];
		row[last] = 0;
		off[last] = element;
	}
	if (n > 0)
		d[0] = a[0];

	/* Q' = ... H2 H1, grown from the top left: rows are its columns' transposes */
	for (int last = 0; last < n; last++)
	{
		double *v = a + (size_t) last * (size_t) n;

		if (is_stopped(env))
			return LEP_ERR_STOPPED;
		for (int r = 0; r < last; r++)
		{
			double *to = a + (size_t) r * (size_t) n;
			double sum = 0;

			for (int c = 0; c < last; c++)
				sum += to[c] * v[c];
			for (int c = 0; c < last; c++)
				to[c] -= sum * v[c];
		}
		for (int r = 0; r < last; r++)
		{
			v[r] = 0;
			a[(size_t) r * (size_t) n + (size_t) last] = 0;
		}
		v[last] = 1;
	}
	return LEP_OK;
}

/* Rotate rows i and i + 1 of z by (c, s). */
static void
rotate(double *z, int n, int i, double c, double s)
{
	double *low = z + (size_t) i * (size_t) n;
	double *high = low + n;

	for (int e = 0; e < n; e++)
	{
		double h = high[e];

		high[e] = s * low[e] + c * h;
		low[e] = c * low[e] - s * h;
	}
}

/* One implicit QL sweep on the unreduced block [from, to]; off[i] is between i and i + 1. */
static void
ql_sweep(double *d, double *off, double *z, int n, int from, int to)
{
	double g = (d[from + 1] - d[from]) / (2 * off[from]);
	double r = sqrt(g * g + 1);
	double s = 1;
	double c = 1;
	double p = 0;

	g = d[to] - d[from] + off[from] / (g + (g < 0 ? -r : r));
	for (int i = to - 1; i >= from; i--)
	{
		double f = s * off[i];
		double b = c * off[i];

		r = sqrt(f * f + g * g);
		off[i + 1] = r;
		if (!(r > 0))
		{
			/* the block splits here */
			d[i + 1] -= p;
			off[to] = 0;
			return;
		}
		s = f / r;
		c = g / r;
		g = d[i + 1] - p;
		r = (d[i] - g) * s + 2 * c * b;
		p = s * r;
		d[i + 1] = g + p;
		g = c * r - b;
		rotate(z, n, i, c, s);
	}
	d[from] -= p;
	off[from] = g;
	off[to] = 0;
}

/*
 * Is the element between i and i + 1 nothing beside its neighbours, or beside
 * the matrix, whose largest element is 1?  Where there are many zero eigenvalues
 * its neighbours are rounding themselves, and never larger than it.
 */
static bool
is_negligible(const double *d, const double *off, int i)
{
	return fabs(off[i]) <= DBL_EPSILON * (fabs(d[i]) + fabs(d[i + 1])) || fabs(off[i]) <= DBL_EPSILON / 16;
}

static LepStatus
diagonalise(LepEnv *env, double *d, double *off, double *z, int n)
{
	for (int i = 1; i < n; i++)
		off[i - 1] = off[i];
	if (n > 0)
		off[n - 1] = 0;
	for (int from = 0; from < n; from++)
	{
		for (int sweep = 0;; sweep++)
		{
			int to = from;

			while (to < n - 1 && !is_negligible(d, off, to))
				to++;
			if (to == from)
				break;
			if (sweep == MAX_SWEEPS)
				return LEP_ERR_DIVERGED;
			if (is_stopped(env))
				return LEP_ERR_STOPPED;
			ql_sweep(d, off, z, n, from, to);
		}
	}
	return LEP_OK;
}

/* Descending, by selection: n swaps of rows. */
static void
sort_descending(double *value, double *z, int n)
{
	for (int i = 0; i < n; i++)
	{
		int largest = i;

		for (int j = i + 1; j < n; j++)
			largest = value[j] > value[largest] ? j : largest;
		if (largest == i)
			continue;
		for (int e = 0; e < n; e++)
		{
			double kept = z[(size_t) i * (size_t) n + (size_t) e];

			z[(size_t) i * (size_t) n + (size_t) e] = z[(size_t) largest * (size_t) n + (size_t) e];
			z[(size_t) largest * (size_t) n + (size_t) e] = kept;
		}
		{
			double kept = value[i];

			value[i] = value[largest];
			value[largest] = kept;
		}
	}
}

LepStatus
lep_dense_eigen_stoppable(LepEnv *env, double *a, int n, double *value, double *scratch)
{
	size_t size = (size_t) n * (size_t) n;
	double largest = 0;
	LepStatus status;

	for (size_t e = 0; e < size; e++)
	{
		if (!isfinite(a[e]))
			return LEP_ERR_DIVERGED;
		largest = fabs(a[e]) > largest ? fabs(a[e]) : largest;
	}
	/* so that squares neither overflow nor vanish */
	for (size_t e = 0; largest > 0 && e < size; e++)
		a[e] /= largest;
	status = tridiagonalise(env, a, n, value, scratch);
	if (status == LEP_OK)
		status = diagonalise(env, value, scratch, a, n);
	if (status != LEP_OK)
		return status;
	for (int i = 0; i < n; i++)
		value[i] *= largest;
	sort_descending(value, a, n);
	return LEP_OK;
}

bool
lep_dense_eigen(double *a, int n, double *value, double *scratch)
{
	return lep_dense_eigen_stoppable(NULL, a, n, value, scratch) == LEP_OK;
}
