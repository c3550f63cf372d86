/*
 * unit.h
 *		A tiny TAP harness for the engine's unit tests: one program per module.
 *
 *		static void
 *		test_sum_of_nothing(void)
 *		{
 *			LepEnv env;
 *
 *			unit_env_init(&env);
 *			CHECK_INT_EQ(sum(NULL, 0), 0);
 *			CHECK_STATUS(sum_checked(&env, NULL, -1), LEP_ERR_TOO_FEW);
 *			unit_env_done(&env);
 *		}
 *
 *		int
 *		main(void)
 *		{
 *			TEST(test_sum_of_nothing);
 *			return unit_done();
 *		}
 *
 * Each TEST prints one line, "ok N - name" or "not ok N - name", after lines
 * with "#" that say which check failed and with what values.  A check that
 * fails does not end its test, but every check answers whether it held, so
 * that a test can write "if (!CHECK(ptr != NULL)) return;".  A test without a
 * single check fails.  Checks are for the main thread only.
 */
#ifndef LEP_UNIT_H
#define LEP_UNIT_H

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/env.h"
#include "core/status.h"

/* After so many failed checks of one test the rest is counted, not printed. */
#define UNIT_MAX_DIAGNOSTICS 20

/* What the running program has seen; one program is one file that includes this. */
static struct
{
	int n_tests;
	int n_failed;
	int n_checks;	  /* of the test at work */
	int n_bad;		  /* of the test at work */
	const char *skip; /* why the test at work skips, or NULL */
} unit_state;

/* Run one test: a function without arguments. */
#define TEST(fn) unit_run(#fn, fn)

/* CHECK(cond) or CHECK(cond, "format", ...), the format a literal. */
#define CHECK(cond, ...)	 unit_check((cond), __FILE__, __LINE__, #cond, " " __VA_ARGS__)
#define CHECK_MSG(cond, ...) unit_check((cond), __FILE__, __LINE__, #cond, " " __VA_ARGS__)

/* Equal integers, of whatever width up to 64 bits. */
#define CHECK_INT_EQ(actual, expected)                                                                       \
	unit_check_int((int64_t) (actual), (int64_t) (expected), __FILE__, __LINE__, #actual, #expected)

/* |actual - expected| <= tolerance; NaN and a difference of infinities fail. */
#define CHECK_CLOSE(actual, expected, tolerance)                                                             \
	unit_check_close((double) (actual), (double) (expected), (double) (tolerance), __FILE__, __LINE__,       \
					 #actual)

/* Equal strings; a NULL equals nothing. */
#define CHECK_STR_EQ(actual, expected) unit_check_str((actual), (expected), __FILE__, __LINE__, #actual)

/* Equal bytes: for bit-identical results. */
#define CHECK_BYTES_EQ(actual, expected, size)                                                               \
	unit_check_bytes((actual), (expected), (size), __FILE__, __LINE__, #actual)

/* A call that returns a LepStatus returned this one. */
#define CHECK_STATUS(call, expected) unit_check_status((call), (expected), __FILE__, __LINE__, #call)
#define CHECK_OK(call)				 CHECK_STATUS(call, LEP_OK)

/* Leave the test as skipped, saying why; only before its first check. */
#define SKIP(why)                                                                                            \
	do                                                                                                       \
	{                                                                                                        \
		unit_state.skip = (why);                                                                             \
		return;                                                                                              \
	} while (0)

/* Count a check; print what follows the place if it did not hold. */
__attribute__((format(printf, 4, 5))) static inline bool
unit_check_report(bool held, const char *file, int line, const char *format, ...)
{
	va_list args;

	unit_state.n_checks++;
	if (held)
		return true;
	if (unit_state.n_bad++ < UNIT_MAX_DIAGNOSTICS)
	{
		printf("# %s:%d: ", file, line);
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		printf("\n");
	}
	return false;
}

__attribute__((format(printf, 5, 6))) static inline bool
unit_check(bool held, const char *file, int line, const char *text, const char *format, ...)
{
	char message[512];
	va_list args;

	if (held)
		return unit_check_report(true, file, line, "%s", "");
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return unit_check_report(false, file, line, "does not hold: %s%s%s", text, message[1] ? ":" : "",
							 message);
}

static inline bool
unit_check_int(int64_t actual, int64_t expected, const char *file, int line, const char *actual_text,
			   const char *expected_text)
{
	return unit_check_report(actual == expected, file, line, "%s is %" PRId64 ", expected %s = %" PRId64,
							 actual_text, actual, expected_text, expected);
}

static inline bool
unit_check_close(double actual, double expected, double tolerance, const char *file, int line,
				 const char *text)
{
	bool held = actual == expected || fabs(actual - expected) <= tolerance;

	return unit_check_report(held, file, line, "%s is %.17g, expected %.17g +- %g", text, actual, expected,
							 tolerance);
}

static inline bool
unit_check_str(const char *actual, const char *expected, const char *file, int line, const char *text)
{
	bool held = actual != NULL && expected != NULL && strcmp(actual, expected) == 0;

	return unit_check_report(held, file, line, "%s is \"%s\", expected \"%s\"", text,
							 actual ? actual : "(NULL)", expected ? expected : "(NULL)");
}

static inline bool
unit_check_bytes(const void *actual, const void *expected, size_t size, const char *file, int line,
				 const char *text)
{
	const unsigned char *a = actual;
	const unsigned char *b = expected;
	size_t i = 0;

	while (i < size && a[i] == b[i])
		i++;
	if (i == size)
		return unit_check_report(true, file, line, "%s", "");
	return unit_check_report(false, file, line, "%s differs at byte %zu of %zu: 0x%02x, expected 0x%02x",
							 text, i, size, a[i], b[i]);
}

static inline bool
unit_check_status(LepStatus actual, LepStatus expected, const char *file, int line, const char *text)
{
	return unit_check_report(actual == expected, file, line, "%s gives %s, expected %s", text,
							 lep_status_name(actual), lep_status_name(expected));
}

static inline void
unit_run(const char *name, void (*test)(void))
{
	bool failed;

	if (unit_state.n_tests == 0)
		setvbuf(stdout, NULL, _IOLBF, 0); /* what a crash leaves behind must be whole lines */
	unit_state.n_checks = 0;
	unit_state.n_bad = 0;
	unit_state.skip = NULL;
	test();
	unit_state.n_tests++;
	if (unit_state.skip != NULL && unit_state.n_checks == 0)
	{
		printf("ok %d - %s # SKIP %s\n", unit_state.n_tests, name, unit_state.skip);
		return;
	}
	if (unit_state.n_checks == 0)
		printf("# %s made no check\n", name);
	if (unit_state.n_bad > UNIT_MAX_DIAGNOSTICS)
		printf("# and %d more failed checks\n", unit_state.n_bad - UNIT_MAX_DIAGNOSTICS);
	failed = unit_state.n_bad > 0 || unit_state.n_checks == 0 || unit_state.skip != NULL;
	if (failed)
		unit_state.n_failed++;
	printf("%s %d - %s\n", failed ? "not ok" : "ok", unit_state.n_tests, name);
}

/* Print the plan; what main() returns: 0 only if tests ran and all passed. */
static inline int
unit_done(void)
{
	printf("1..%d\n", unit_state.n_tests);
	return unit_state.n_failed > 0 || unit_state.n_tests == 0;
}

/* A host that counts how often it is asked whether to stop, and says so after `limit` questions. */
typedef struct UnitStopper
{
	int64_t n_asked;
	int64_t limit; /* INT64_MAX: never */
} UnitStopper;

static inline bool
unit_stop_after(void *host)
{
	UnitStopper *stopper = host;

	return ++stopper->n_asked > stopper->limit;
}

/* An environment over malloc, one thread, for one test. */
static inline void
unit_env_init(LepEnv *env)
{
	lep_env_init_malloc(env);
}

/* Check that the test gave everything back: no bytes held, no worker left. */
static inline bool
unit_env_done(LepEnv *env)
{
	bool empty = CHECK_INT_EQ(env->bytes_now, 0);

	return CHECK_MSG(env->pool == NULL, "workers are still running") && empty;
}

#endif /* LEP_UNIT_H */
