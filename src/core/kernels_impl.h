/*
 * kernels_impl.h
 *		The one body of all kernels, included once by the file of each level,
 *		which defines beforehand:
 *
 * LEP_LEVEL, LEP_KERNEL(op)	the level, and op with the level's suffix
 * LEP_SYRK_ROWS	rows of a syrk tile, a divisor of 16: as many accumulators of
 *					16 lanes as fit the registers beside one more
 * LEP_GRAM_ROWS	rows and columns of a Gram tile, 2 or 4: their square, each 16
 *					lanes, fits the registers
 * LEP_SGD_CHUNKS	rows of up to that many times 16 factors get an SGD loop of
 *					their own, unrolled, which holds both rows in registers; up to 8
 * LEP_PREFETCH(p)	fetch the cache line of p for writing
 *
 * the type Lanes, 16 floats, and the functions lanes_load, lanes_store (any
 * alignment), lanes_load_n, lanes_store_n (0 < n < 16 of them, the others
 * loaded as 0 and left alone), lanes_set1, lanes_mul, lanes_fma (a * b + c,
 * fused), lanes_sum (the tree of kernels.h), lanes_sum4 (of four, into
 * out[0..3]); the type Lanes64, 16 doubles, and lanes64_zero, lanes64_fma
 * (c + a * b of two Lanes), lanes64_sum; scalar_fma; and codes_above of
 * kernels.h, under its name with the level's suffix.
 *
 * There is no product that is added to something but by a fused operation, so
 * even -ffp-contract=fast finds nothing to contract.
 */

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Rows of x that a syrk tile sums before it goes back to memory. */
#define SYRK_BLOCK 64

/*
 * How far ahead the SGD loop fetches rows.  A block's rows are in the L2 cache
 * at best, some 15 cycles away, and one rating takes 30 to 100.
 */
#define SGD_AHEAD 16

static float
LEP_KERNEL(dot_f32)(const float *a, const float *b, int n)
{
	Lanes sum = lanes_set1(0);
	int i = 0;

	for (; i + LEP_LANES <= n; i += LEP_LANES)
		sum = lanes_fma(lanes_load(a + i), lanes_load(b + i), sum);
	if (i < n)
		sum = lanes_fma(lanes_load_n(a + i, n - i), lanes_load_n(b + i, n - i), sum);
	return lanes_sum(sum);
}

static double
LEP_KERNEL(dot_f64)(const float *a, const float *b, int n)
{
	Lanes64 sum = lanes64_zero();
	int i = 0;

	for (; i + LEP_LANES <= n; i += LEP_LANES)
		sum = lanes64_fma(lanes_load(a + i), lanes_load(b + i), sum);
	if (i < n)
		sum = lanes64_fma(lanes_load_n(a + i, n - i), lanes_load_n(b + i, n - i), sum);
	return lanes64_sum(sum);
}

static void
LEP_KERNEL(axpy_f32)(float w, const float *restrict x, float *restrict y, int n)
{
	Lanes weight = lanes_set1(w);
	int i = 0;

	for (; i + LEP_LANES <= n; i += LEP_LANES)
		lanes_store(y + i, lanes_fma(weight, lanes_load(x + i), lanes_load(y + i)));
	if (i < n)
	{
		Lanes sum = lanes_fma(weight, lanes_load_n(x + i, n - i), lanes_load_n(y + i, n - i));

		lanes_store_n(y + i, sum, n - i);
	}
}

/* Four rows at a time: four independent chains of additions. */
static void
LEP_KERNEL(dot_rows_f32)(const float *restrict rows, int64_t n_rows, int stride, const float *restrict b,
						 float *restrict out)
{
	int64_t j = 0;

	for (; j + 4 <= n_rows; j += 4, rows += 4 * (size_t) stride)
	{
		Lanes sum[4] = { lanes_set1(0), lanes_set1(0), lanes_set1(0), lanes_set1(0) };

		for (int f = 0; f < stride; f += LEP_LANES)
		{
			Lanes other = lanes_load(b + f);

			UNROLL for (int r = 0; r < 4; r++)
			{
				sum[r] = lanes_fma(lanes_load(rows + (size_t) r * stride + f), other, sum[r]);
			}
		}
		lanes_sum4(sum, out + j);
	}
	for (; j < n_rows; j++, rows += stride)
		out[j] = LEP_KERNEL(dot_f32)(rows, b, stride);
}

static void
LEP_KERNEL(mul_f32)(const float *restrict a, const float *restrict b, float *restrict out, int n)
{
	int i = 0;

	for (; i + LEP_LANES <= n; i += LEP_LANES)
		lanes_store(out + i, lanes_mul(lanes_load(a + i), lanes_load(b + i)));
	if (i < n)
		lanes_store_n(out + i, lanes_mul(lanes_load_n(a + i, n - i), lanes_load_n(b + i, n - i)), n - i);
}

/* LEP_GRAM_ROWS rows, and as many columns, of the products of rows a with rows b. */
ALWAYS_INLINE void
gram_tile(const float *a, const float *b, size_t stride, float *out, size_t ld)
{
	Lanes sum[LEP_GRAM_ROWS * LEP_GRAM_ROWS];
	float total[LEP_GRAM_ROWS * LEP_GRAM_ROWS];

	UNROLL for (int e = 0; e < LEP_GRAM_ROWS * LEP_GRAM_ROWS; e++)
	{
		sum[e] = lanes_set1(0);
	}
	for (size_t f = 0; f < stride; f += LEP_LANES)
	{
		Lanes other[LEP_GRAM_ROWS];

		UNROLL for (int c = 0; c < LEP_GRAM_ROWS; c++)
		{
			other[c] = lanes_load(b + (size_t) c * stride + f);
		}
		UNROLL for (int r = 0; r < LEP_GRAM_ROWS; r++)
		{
			Lanes one = lanes_load(a + (size_t) r * stride + f);

			UNROLL for (int c = 0; c < LEP_GRAM_ROWS; c++)
			{
				sum[r * LEP_GRAM_ROWS + c] = lanes_fma(other[c], one, sum[r * LEP_GRAM_ROWS + c]);
			}
		}
	}
	UNROLL for (int e = 0; e < LEP_GRAM_ROWS * LEP_GRAM_ROWS; e += 4)
	{
		lanes_sum4(sum + e, total + e);
	}
	UNROLL for (int r = 0; r < LEP_GRAM_ROWS; r++)
	{
		UNROLL for (int c = 0; c < LEP_GRAM_ROWS; c++)
		{
			out[(size_t) r * ld + (size_t) c] = total[r * LEP_GRAM_ROWS + c];
		}
	}
}

static void
LEP_KERNEL(gram_f32)(const float *restrict rows, int n, int stride, float *restrict out, int ld)
{
	size_t width = (size_t) stride;
	int a = 0;

	for (; a + LEP_GRAM_ROWS <= n; a += LEP_GRAM_ROWS)
	{
		for (int b = 0; b <= a; b += LEP_GRAM_ROWS)
			gram_tile(rows + (size_t) a * width, rows + (size_t) b * width, width,
					  out + (size_t) a * (size_t) ld + b, (size_t) ld);
	}
	for (; a < n; a++)
		LEP_KERNEL(dot_rows_f32)
	(rows, a + 1, stride, rows + (size_t) a * width, out + (size_t) a * (size_t) ld);
}

/* Four chunks of y at a time stay in registers over all rows. */
static void
LEP_KERNEL(axpy_rows_f32)(const float *restrict w, const float *restrict rows, int n_rows, int stride,
						  float *restrict y)
{
	int f = 0;

	for (; f + 4 * LEP_LANES <= stride; f += 4 * LEP_LANES)
	{
		Lanes sum[4];

		UNROLL for (int c = 0; c < 4; c++)
		{
			sum[c] = lanes_load(y + f + c * LEP_LANES);
		}
		for (int j = 0; j < n_rows; j++)
		{
			const float *row = rows + (size_t) j * stride + f;
			Lanes weight = lanes_set1(w[j]);

			UNROLL for (int c = 0; c < 4; c++)
			{
				sum[c] = lanes_fma(weight, lanes_load(row + c * LEP_LANES), sum[c]);
			}
		}
		UNROLL for (int c = 0; c < 4; c++)
		{
			lanes_store(y + f + c * LEP_LANES, sum[c]);
		}
	}
	for (; f < stride; f += LEP_LANES)
	{
		Lanes sum = lanes_load(y + f);

		for (int j = 0; j < n_rows; j++)
			sum = lanes_fma(lanes_set1(w[j]), lanes_load(rows + (size_t) j * stride + f), sum);
		lanes_store(y + f, sum);
	}
}

/*
 * LEP_SYRK_ROWS rows, 16 columns of C += sum over j < n of the rows' elements,
 * a + 16 j, times the columns', b + ldb j.
 */
ALWAYS_INLINE void
syrk_tile(float *c, size_t ld, const float *a, const float *b, size_t ldb, int n)
{
	Lanes sum[LEP_SYRK_ROWS];

	UNROLL for (int r = 0; r < LEP_SYRK_ROWS; r++)
	{
		sum[r] = lanes_load(c + r * ld);
	}
	for (int j = 0; j < n; j++, a += LEP_LANES, b += ldb)
	{
		Lanes other = lanes_load(b);

		UNROLL for (int r = 0; r < LEP_SYRK_ROWS; r++)
		{
			sum[r] = lanes_fma(lanes_set1(a[r]), other, sum[r]);
		}
	}
	UNROLL for (int r = 0; r < LEP_SYRK_ROWS; r++)
	{
		lanes_store(c + r * ld, sum[r]);
	}
}

/*
 * At most SYRK_BLOCK rows.  The 16 columns of x that make the rows of a row of
 * tiles are copied, weighted, to where they are contiguous.
 */
static void
syrk_block(float *c, size_t ld, const float *x, size_t stride, const float *w, int n)
{
	_Alignas(64) float left[SYRK_BLOCK * LEP_LANES];

	for (size_t row = 0; row < stride; row += LEP_LANES)
	{
		for (int j = 0; j < n; j++)
		{
			Lanes v = lanes_load(x + (size_t) j * stride + row);

			if (w != NULL)
				v = lanes_mul(lanes_set1(w[j]), v);
			lanes_store(left + j * LEP_LANES, v);
		}
		for (size_t col = 0; col <= row; col += LEP_LANES)
		{
			for (int r = 0; r < LEP_LANES; r += LEP_SYRK_ROWS)
				syrk_tile(c + (row + (size_t) r) * ld + col, ld, left + r, x + col, stride, n);
		}
	}
}

static void
LEP_KERNEL(syrk_f32)(float *c, int ld, const float *x, int stride, const float *w, int n)
{
	for (int j = 0; j < n; j += SYRK_BLOCK)
	{
		int block = n - j < SYRK_BLOCK ? n - j : SYRK_BLOCK;

		syrk_block(c, (size_t) ld, x + (size_t) j * (size_t) stride, (size_t) stride,
				   w == NULL ? NULL : w + j, block);
	}
}

/* What stays the same over a block. */
typedef struct SgdConstants
{
	float learning_rate;
	float shrink;
	float bias_shrink;
} SgdConstants;

/*
 * Everything of rating j but the factors: takes the dot product of both rows,
 * updates biases and loss, returns the step.
 */
ALWAYS_INLINE float
sgd_error(LepSgdBlock *block, int64_t j, SgdConstants constants, float dot)
{
	float *bu = block->user_bias + block->user[j];
	float *bi = block->item_bias + block->item[j];
	float user_bias = *bu;
	float item_bias = *bi;
	float e = block->rating[j] - ((user_bias + item_bias) + dot);
	float step = constants.learning_rate * e;

	block->loss += (double) e * e;
	*bu = scalar_fma(constants.bias_shrink, user_bias, step);
	*bi = scalar_fma(constants.bias_shrink, item_bias, step);
	return step;
}

/* Rating j of rows of a constant number of chunks: held in registers. */
ALWAYS_INLINE void
sgd_fixed(LepSgdBlock *block, SgdConstants constants, const int chunks)
{
	const size_t stride = (size_t) chunks * LEP_LANES;
	const Lanes shrink = lanes_set1(constants.shrink);

	for (int64_t j = 0; j < block->n; j++)
	{
		int64_t ahead = j + SGD_AHEAD < block->n ? j + SGD_AHEAD : j;
		const float *next_p = block->user_factors + block->user[ahead] * stride;
		const float *next_q = block->item_factors + block->item[ahead] * stride;
		float *p = block->user_factors + block->user[j] * stride;
		float *q = block->item_factors + block->item[j] * stride;
		Lanes pv[8];
		Lanes qv[8];
		Lanes sum = lanes_set1(0);
		Lanes step;

		UNROLL for (int c = 0; c < chunks; c++)
		{
			LEP_PREFETCH(next_p + c * LEP_LANES);
			LEP_PREFETCH(next_q + c * LEP_LANES);
			pv[c] = lanes_load(p + c * LEP_LANES);
			qv[c] = lanes_load(q + c * LEP_LANES);
			sum = lanes_fma(pv[c], qv[c], sum);
		}
		step = lanes_set1(sgd_error(block, j, constants, lanes_sum(sum)));
		UNROLL for (int c = 0; c < chunks; c++)
		{
			lanes_store(p + c * LEP_LANES, lanes_fma(step, qv[c], lanes_mul(shrink, pv[c])));
			lanes_store(q + c * LEP_LANES, lanes_fma(step, pv[c], lanes_mul(shrink, qv[c])));
		}
	}
}

/* Rows of any number of chunks, also none. */
static void
sgd_any(LepSgdBlock *block, SgdConstants constants)
{
	const size_t stride = (size_t) block->stride;
	const Lanes shrink = lanes_set1(constants.shrink);

	for (int64_t j = 0; j < block->n; j++)
	{
		int64_t ahead = j + 1 < block->n ? j + 1 : j;
		const float *next_p = block->user_factors + block->user[ahead] * stride;
		const float *next_q = block->item_factors + block->item[ahead] * stride;
		float *p = block->user_factors + block->user[j] * stride;
		float *q = block->item_factors + block->item[j] * stride;
		Lanes sum = lanes_set1(0);
		Lanes step;

		for (size_t f = 0; f < stride; f += LEP_LANES)
		{
			LEP_PREFETCH(next_p + f);
			LEP_PREFETCH(next_q + f);
			sum = lanes_fma(lanes_load(p + f), lanes_load(q + f), sum);
		}
		step = lanes_set1(sgd_error(block, j, constants, lanes_sum(sum)));
		for (size_t f = 0; f < stride; f += LEP_LANES)
		{
			Lanes pv = lanes_load(p + f);
			Lanes qv = lanes_load(q + f);

			lanes_store(p + f, lanes_fma(step, qv, lanes_mul(shrink, pv)));
			lanes_store(q + f, lanes_fma(step, pv, lanes_mul(shrink, qv)));
		}
	}
}

#define SGD_CASE(chunks)                                                                                     \
	case chunks:                                                                                             \
		if (chunks <= LEP_SGD_CHUNKS)                                                                        \
			sgd_fixed(block, constants, chunks);                                                             \
		else                                                                                                 \
			sgd_any(block, constants);                                                                       \
		break

static void
LEP_KERNEL(sgd_block)(LepSgdBlock *block)
{
	SgdConstants constants = {
		.learning_rate = block->learning_rate,
		.shrink = scalar_fma(-block->learning_rate, block->regularization, 1),
		.bias_shrink = scalar_fma(-block->learning_rate, block->bias_regularization, 1),
	};

	block->loss = 0;
	switch (block->stride / LEP_LANES)
	{
		SGD_CASE(1);
		SGD_CASE(2);
		SGD_CASE(3);
		SGD_CASE(4);
		SGD_CASE(5);
		SGD_CASE(6);
		SGD_CASE(7);
		SGD_CASE(8);
		default:
			sgd_any(block, constants);
			break;
	}
}

/* The largest magnitude in a padded row: without the sign, bits are ordered as the floats are. */
static inline float
largest_of(const float *restrict row, int stride)
{
	int32_t largest = 0;
	float all;

	for (int f = 0; f < stride; f++)
	{
		int32_t bits;

		memcpy(&bits, row + f, sizeof(bits));
		bits &= INT32_MAX;
		largest = bits > largest ? bits : largest;
	}
	memcpy(&all, &largest, sizeof(all));
	return all;
}

/* Loops of so few branches that compilers make vectors of them. */
static float
LEP_KERNEL(encode_f32)(const float *restrict row, int stride, int8_t *restrict codes, float *restrict rest)
{
	float scale = largest_of(row, stride) / LEP_MAX_CODE;
	float inverse = scale >= 0x1p-126f ? 1 / scale : scale > 0 ? 0x1p126f : 0;

	for (int f = 0; f < stride; f++)
	{
		float exact = row[f] * inverse;
		/* half away from zero; a scale that was rounded down, being denormal, can ask for up to 254 */
		int32_t code = (int32_t) (exact + copysignf(0.5f, exact));

		code = code < LEP_MAX_CODE ? code : LEP_MAX_CODE;
		code = code > -LEP_MAX_CODE ? code : -LEP_MAX_CODE;
		codes[f] = (int8_t) code;
		rest[f] = (float) code;
	}
	for (int c = 0; c < stride; c += LEP_LANES)
		lanes_store(rest + c, lanes_fma(lanes_set1(-scale), lanes_load(rest + c), lanes_load(row + c)));
	return scale;
}

/* All but codes_above, of which a level may have several. */
#define LEP_KERNEL_TABLE                                                                                     \
	.level = LEP_LEVEL, .dot_f32 = LEP_KERNEL(dot_f32), .dot_f64 = LEP_KERNEL(dot_f64),                      \
	.axpy_f32 = LEP_KERNEL(axpy_f32), .mul_f32 = LEP_KERNEL(mul_f32),                                        \
	.dot_rows_f32 = LEP_KERNEL(dot_rows_f32), .gram_f32 = LEP_KERNEL(gram_f32),                              \
	.axpy_rows_f32 = LEP_KERNEL(axpy_rows_f32), .syrk_f32 = LEP_KERNEL(syrk_f32),                            \
	.encode_f32 = LEP_KERNEL(encode_f32), .sgd_block = LEP_KERNEL(sgd_block)

const LepKernels LEP_KERNEL(lep_kernels) = { LEP_KERNEL_TABLE, .codes_above = LEP_KERNEL(codes_above) };
