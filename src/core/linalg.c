/*
 * linalg.c
 *		Cholesky factorisation by panels of 16 columns, and triangular solves.
 *
 * Right-looking (G. H. Golub, C. F. Van Loan, Matrix Computations, 4th ed.,
 * section 4.2.6): the panel's columns are copied as rows of a scratch matrix T,
 * where they are contiguous, and factored there one after the other, each less
 * its products with those before it; then T is a sum of 16 outer products that
 * leaves the trailing matrix: one syrk with weights -1.  All long loops are
 * kernels, whose bits are the same at every level; what else is computed here
 * is one operation per element, which no compiler may reorder.
 *
 * Any thread may call; 65 KB of stack.
 */
#include "core/linalg.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/kernels.h"

#define PANEL LEP_LANES

typedef float Four __attribute__((vector_size(16)));

/* to[j][r] = from[r][j] for four rows and columns: shuffles, which need no kernel. */
static inline void
transpose4(const float *from, size_t from_ld, float *to, size_t to_ld)
{
	Four r[4];
	Four low[2];
	Four high[2];
	Four c[4];

	for (int i = 0; i < 4; i++)
		memcpy(&r[i], from + (size_t) i * from_ld, sizeof(Four));
	low[0] = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
	low[1] = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
	high[0] = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
	high[1] = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
	c[0] = __builtin_shufflevector(low[0], low[1], 0, 1, 4, 5);
	c[1] = __builtin_shufflevector(low[0], low[1], 2, 3, 6, 7);
	c[2] = __builtin_shufflevector(high[0], high[1], 0, 1, 4, 5);
	c[3] = __builtin_shufflevector(high[0], high[1], 2, 3, 6, 7);
	for (int i = 0; i < 4; i++)
		memcpy(to + (size_t) i * to_ld, &c[i], sizeof(Four));
}

/* T[j][r] = a[r][j] for the panel's columns j; zero for rows r from n to stride. */
static void
panel_load(float *t, int stride, const float *a, int ld, int n)
{
	int r = 0;

	for (; r + 4 <= n; r += 4)
	{
		for (int j = 0; j < PANEL; j += 4)
			transpose4(a + (size_t) r * (size_t) ld + j, (size_t) ld, t + j * stride + r, (size_t) stride);
	}
	for (; r < stride; r++)
	{
		for (int j = 0; j < PANEL; j++)
			t[j * stride + r] = r < n ? a[(size_t) r * (size_t) ld + j] : 0;
	}
}

/* The inverse, for the lower triangle. */
static void
panel_store(const float *t, int stride, float *a, int ld, int n)
{
	int r = 0;

	for (; r < n && r < PANEL; r++)
	{
		for (int j = 0; j <= r; j++)
			a[(size_t) r * (size_t) ld + j] = t[j * stride + r];
	}
	for (; r + 4 <= n; r += 4)
	{
		for (int j = 0; j < PANEL; j += 4)
			transpose4(t + j * stride + r, (size_t) stride, a + (size_t) r * (size_t) ld + j, (size_t) ld);
	}
	for (; r < n; r++)
	{
		for (int j = 0; j < PANEL; j++)
			a[(size_t) r * (size_t) ld + j] = t[j * stride + r];
	}
}

/* Make the first `width` rows of T columns of L; false for a bad pivot. */
static bool
panel_factor(float *t, int stride, int width)
{
	for (int j = 0; j < width; j++)
	{
		float *column = t + j * stride;
		float minus[PANEL];
		float pivot;
		float inverse;

		for (int i = 0; i < j; i++)
			minus[i] = -t[i * stride + j];
		lep_kernels->axpy_rows_f32(minus, t, j, stride, column);

		pivot = column[j];
		if (!(pivot > 0 && pivot <= FLT_MAX))
			return false;
		pivot = sqrtf(pivot);
		inverse = 1 / pivot;
		for (int r = j + 1; r < stride; r++)
			column[r] *= inverse;
		column[j] = pivot;
	}
	return true;
}

bool
lep_cholesky(float *a, int ld, int n)
{
	static const float minus_one[PANEL] = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
	_Alignas(64) float t[PANEL * LEP_LINALG_MAX];

	if (n > LEP_LINALG_MAX)
		return false;
	for (int done = 0; done < n; done += PANEL)
	{
		int rest = n - done;
		int width = rest < PANEL ? rest : PANEL;
		int stride = lep_row_stride(rest);
		float *corner = a + (size_t) done * (size_t) ld + done;

		panel_load(t, stride, corner, ld, rest);
		if (!panel_factor(t, stride, width))
			return false;
		panel_store(t, stride, corner, ld, rest);
		if (rest > PANEL)
		{
			/* Column `done` + 16 of the rest begins at T's element 16 of each row. */
			for (int j = 0; j < PANEL; j++)
			{
				for (int r = 0; r < stride - PANEL; r++)
					t[j * (stride - PANEL) + r] = t[j * stride + PANEL + r];
			}
			lep_kernels->syrk_f32(corner + (size_t) PANEL * (size_t) ld + PANEL, ld, t, stride - PANEL,
								  minus_one, PANEL);
		}
	}
	return true;
}

void
lep_cholesky_forward(const float *l, int ld, int n, float *b)
{
	for (int i = 0; i < n; i++)
	{
		const float *row = l + (size_t) i * (size_t) ld;

		b[i] = (b[i] - lep_kernels->dot_f32(row, b, i)) / row[i];
	}
}

void
lep_cholesky_backward(const float *l, int ld, int n, float *b)
{
	for (int i = n - 1; i >= 0; i--)
	{
		const float *row = l + (size_t) i * (size_t) ld;

		b[i] /= row[i];
		lep_kernels->axpy_f32(-b[i], row, b, i);
	}
}

void
lep_cholesky_solve(const float *l, int ld, int n, float *b)
{
	lep_cholesky_forward(l, ld, n, b);
	lep_cholesky_backward(l, ld, n, b);
}
