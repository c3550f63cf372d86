/*
 * options.h
 *		THE table of training options: name, type, default, limits, which
 *		algorithms, meaning.  Parsing, errors, lepton_options() and the README's
 *		table come from it.
 *
 * A LepOptions holds what was given and what was not.  Values not given are
 * filled in per algorithm by lep_options_resolve(), since defaults differ.
 */
#ifndef LEP_OPTIONS_H
#define LEP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef enum LepAlgorithm
{
	LEP_ALGORITHM_AUTO,
	LEP_ALGORITHM_BASELINE,
	LEP_ALGORITHM_SGD,
	LEP_ALGORITHM_ALS,
	LEP_ALGORITHM_BAYES,
	LEP_ALGORITHM_IALS,
	LEP_ALGORITHM_POPULAR,
	LEP_ALGORITHM_WALK,
	LEP_ALGORITHM_SLIM,
	LEP_ALGORITHM_BLEND,
	LEP_N_ALGORITHMS
} LepAlgorithm;

typedef enum LepFeedback
{
	LEP_FEEDBACK_AUTO,
	LEP_FEEDBACK_EXPLICIT,
	LEP_FEEDBACK_IMPLICIT
} LepFeedback;

typedef enum LepSplit
{
	LEP_SPLIT_RANDOM,
	LEP_SPLIT_TIME,
	LEP_SPLIT_LEAVE_LAST
} LepSplit;

/* How the validation part is held out; the words of LepSplit in their order, after auto. */
typedef enum LepValidation
{
	LEP_VALIDATION_AUTO,
	LEP_VALIDATION_RANDOM,
	LEP_VALIDATION_TIME,
	LEP_VALIDATION_LEAVE_LAST,
	LEP_VALIDATION_POPULAR
} LepValidation;

typedef enum LepDuplicates
{
	LEP_DUPLICATES_AUTO, /* explicit: last with a time, else mean; implicit: sum */
	LEP_DUPLICATES_LAST,
	LEP_DUPLICATES_MEAN,
	LEP_DUPLICATES_SUM,
	LEP_DUPLICATES_MAX,
	LEP_DUPLICATES_ERROR
} LepDuplicates;

typedef enum LepUnknown
{
	LEP_UNKNOWN_BIAS,
	LEP_UNKNOWN_NULL,
	LEP_UNKNOWN_ERROR
} LepUnknown;

typedef enum LepOnSmall
{
	LEP_ON_SMALL_NULL,
	LEP_ON_SMALL_ERROR
} LepOnSmall;

typedef enum LepImplicit
{
	LEP_IMPLICIT_BOTH,
	LEP_IMPLICIT_USERS,
	LEP_IMPLICIT_ITEMS,
	LEP_IMPLICIT_NONE
} LepImplicit;

typedef enum LepConfidence
{
	LEP_CONFIDENCE_LINEAR,
	LEP_CONFIDENCE_LOG,
	LEP_CONFIDENCE_NONE
} LepConfidence;

typedef enum LepPoint
{
	LEP_POINT_MEAN,
	LEP_POINT_MEDIAN
} LepPoint;

typedef enum LepOptionType
{
	LEP_OPTION_INT,	  /* int64_t */
	LEP_OPTION_REAL,  /* double */
	LEP_OPTION_BOOL,  /* bool */
	LEP_OPTION_ENUM,  /* int, one of words */
	LEP_OPTION_TEXT,  /* char [LEP_OPTION_TEXT_LEN] */
	LEP_OPTION_QUERY, /* const char *: a table's name or a query; NULL: none */
	LEP_OPTION_RANGE, /* double [2], ascending */
	LEP_OPTION_PARTS, /* const LepParts * */
	LEP_OPTION_PAIR	  /* double [2] */
} LepOptionType;

#define LEP_OPTION_TEXT_LEN 64 /* a column name, NAMEDATALEN */
#define LEP_MAX_OPTIONS		64

typedef struct LepParts LepParts;

typedef struct LepOptions
{
	uint64_t given; /* bit i: row i of the table was set */

	/* what to learn */
	int algorithm; /* LepAlgorithm */
	int feedback;  /* LepFeedback */

	/* the solver */
	int64_t factors;
	int64_t epochs; /* at most */
	double regularization;
	double bias_regularization;
	double regularization_exponent;
	double unobserved_weight;
	int confidence; /* LepConfidence */
	double alpha;
	double learning_rate;
	double learning_rate_decay; /* per epoch */
	int64_t patience;			/* epochs without improvement before stopping */
	int64_t seed;
	int implicit;	   /* LepImplicit */
	int64_t time_bins; /* at most */
	int64_t neighbors; /* per item */
	double user_exponent;
	double source_exponent;
	double target_exponent;
	double window;			/* days; 0: all time */
	int64_t max_user_items; /* of a user whose items are more a sample is taken */
	const LepParts *parts;	/* somebody else's memory; NULL: walk and ials as they are */
	double weights[2];		/* of the parts, in their order */
	double time_limit;		/* seconds */

	/* the data */
	char user_column[LEP_OPTION_TEXT_LEN];
	char item_column[LEP_OPTION_TEXT_LEN];
	char rating_column[LEP_OPTION_TEXT_LEN];
	char time_column[LEP_OPTION_TEXT_LEN];
	int duplicates; /* LepDuplicates */
	int64_t min_user_ratings;
	int64_t min_item_ratings;
	int on_small; /* LepOnSmall */

	/* measuring */
	int split; /* LepSplit */
	double test_fraction;
	int validation_split; /* LepValidation */
	double validation_fraction;
	bool warm_start;
	bool refit;

	/* serving */
	double rating_scale[2]; /* what predictions are clipped to; if given */
	int unknown;			/* LepUnknown */
	int point;				/* LepPoint */
	bool exclude_seen;
	bool live;			  /* unless given, the source decides */
	const char *eligible; /* somebody else's memory; NULL: all items */

	/* the model table */
	int storage;  /* LepPrecision */
	int64_t keep; /* versions */
	bool publish; /* make it the current version */
	bool guard;	  /* a retraining, only if it is good enough */
	double tolerance;
	bool wait; /* for another training of this model */
} LepOptions;

/*
 * What a blend is made of: one algorithm of item neighbours and one of factors, in
 * either order, with their options as given.
 */
struct LepParts
{
	LepOptions part[2];
};

/* One row of the table. */
typedef struct LepOption
{
	const char *name;
	LepOptionType type;
	unsigned algorithms; /* 1 << LepAlgorithm that take it; 0: no solver's, always good */
	double min;			 /* limits of a number, both inclusive */
	double max;
	double standard;		   /* default: number, bool, index of word */
	const char *standard_text; /* default as text, where it is no number, word or boolean; else NULL */
	const char *const *words;  /* of an enum, NULL-terminated, index = value */
	const char *meaning;
} LepOption;

/* Who has a use for an option. */
typedef enum LepOptionUse
{
	LEP_USE_MODEL, /* every training */
	LEP_USE_TABLE, /* one that reads a source, or keeps versions in a table */
	LEP_USE_GROUP  /* one of a group's rows: the aggregate */
} LepOptionUse;

/* Row i of the table, NULL after the last. */
extern const LepOption *lep_option(int i);

/* The row of that name, or -1. */
extern int lep_option_find(const char *name);

/* The known name nearest to this one by edit distance; never NULL. */
extern const char *lep_option_nearest(const char *name);

/* The default of row i for an algorithm: defaults of numbers may differ. */
extern double lep_option_standard(int i, LepAlgorithm algorithm);

/* The largest number that row i takes for an algorithm. */
extern double lep_option_max(int i, LepAlgorithm algorithm);

/* Does this algorithm take row i?  Auto takes all. */
extern bool lep_option_applies(int i, LepAlgorithm algorithm);

/* Where the value of option i lives within a LepOptions, in bytes. */
extern size_t lep_option_offset(int i);

/* Who has a use for row i. */
extern LepOptionUse lep_option_use(int i);

/* Everything at its default, nothing given. */
extern void lep_options_init(LepOptions *options);

/* Was row i given? */
extern bool lep_option_given(const LepOptions *options, int i);

/*
 * Set one option.  Errors: OPTION_UNKNOWN (with the nearest), OPTION_TYPE,
 * OPTION_RANGE, OPTION_VALUE.  set_int serves INT and REAL options, set_real
 * INT ones too where the value is whole.
 */
extern LepStatus lep_options_set_int(LepOptions *options, const char *name, int64_t value, LepError *error);
extern LepStatus lep_options_set_real(LepOptions *options, const char *name, double value, LepError *error);
extern LepStatus lep_options_set_bool(LepOptions *options, const char *name, bool value, LepError *error);
/* A query is kept as a pointer: it must live as long as the options and their copies. */
extern LepStatus
lep_options_set_text(LepOptions *options, const char *name, const char *value, LepError *error);
extern LepStatus
lep_options_set_range(LepOptions *options, const char *name, double low, double high, LepError *error);

extern LepStatus
lep_options_set_pair(LepOptions *options, const char *name, double first, double second, LepError *error);

/*
 * Parts are kept as a pointer: they must live as long as the options and their
 * copies.  OPTION_PARTS for what makes no blend.
 */
extern LepStatus
lep_options_set_parts(LepOptions *options, const char *name, const LepParts *parts, LepError *error);

/* OPTION_TYPE for a value of a kind that no option takes; OPTION_UNKNOWN where there is no such option. */
extern LepStatus lep_options_fail_type(const char *name, LepError *error);

/* The value of row i, as a number (bool 0/1, enum its index). */
extern double lep_option_number(const LepOptions *options, int i);

/* Row i's range or pair, or its text or query; NULL for other types. */
extern const double *lep_option_range(const LepOptions *options, int i);
extern const char *lep_option_text(const LepOptions *options, int i);

/* Give row i the value, and make it as given, as it is in `from`. */
extern void lep_option_copy(LepOptions *to, const LepOptions *from, int i);

/*
 * A part of a blend out of options resolved for its algorithm: what only some
 * algorithms take, all of it as given.
 */
extern void lep_options_to_part(const LepOptions *resolved, LepOptions *part);

/* Keep row i's value, but as one that was not given. */
extern void lep_option_forget(LepOptions *options, int i);

/*
 * *resolved = given, with everything not given at its default for the
 * algorithm.  OPTION_ALGORITHM if something was given that the algorithm does
 * not take, OPTION_RANGE if it takes only smaller numbers.
 */
extern LepStatus
lep_options_resolve(const LepOptions *given, LepAlgorithm algorithm, LepOptions *resolved, LepError *error);

extern const char *lep_algorithm_name(LepAlgorithm algorithm);
extern const char *lep_feedback_name(LepFeedback feedback);
extern const char *lep_duplicates_name(LepDuplicates duplicates);
extern const char *lep_split_name(LepSplit split);
extern const char *lep_validation_name(LepValidation validation);
extern const char *lep_implicit_name(LepImplicit implicit);

#endif /* LEP_OPTIONS_H */
