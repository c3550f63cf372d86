/*
 * tune.h
 *		Which options are best, by successive halving: all trials run on a share
 *		of the users, the best third of them on a share three times as large, and
 *		so on to all users.  A trial that is alone goes on to all users at once.
 *
 * Jamieson and Talwalkar, Non-stochastic best arm identification and
 * hyperparameter optimization, AISTATS 2016, with eta = 3 and the users as the
 * resource: who is in is in with all of her ratings, so that a small rung is
 * like the whole in all but its size.  Epochs are none, since every trial stops
 * early by itself and a learning rate that falls looks bad when cut short.
 *
 * What is judged.  The test part that a training with the same options would hold
 * out is not looked at, so that what that training says of itself stays true.
 * Trials are judged on what it would validate on, and stop by a validation part
 * of their own from the rest.  The best of many figures is still a little too
 * good: lepton_train's own metrics, or a cross-validation, are to be believed.
 *
 * A function of data, options and seed: time is planned by cost formulas.
 */
#ifndef LEP_TUNE_H
#define LEP_TUNE_H

#include "core/contest.h"

#define LEP_TUNE_ETA		3
#define LEP_TUNE_MAX_RUNGS	3
#define LEP_TUNE_MAX_TRIALS 1000

/*
 * The smallest rung has at least so many ratings, and of so many users, in the
 * mean of draws; with fewer it would be noise.
 */
#define LEP_TUNE_MIN_RATINGS 10000
#define LEP_TUNE_MIN_USERS	 100

/* One option and what it may be. */
typedef struct LepTuneAxis
{
	int option;				  /* row of the table of options */
	int n_values;			  /* listed values; 0: a range */
	const LepOptions *values; /* [n_values], each with that option given */
	double min;				  /* a range, both ends included */
	double max;
	bool logarithmic; /* evenly by ratio; min > 0 */
} LepTuneAxis;

typedef struct LepTuneSpace
{
	LepOptions base; /* given in every trial */
	const LepTuneAxis *axes;
	int n_axes;
} LepTuneSpace;

typedef struct LepTuneLimits
{
	int max_trials;
	uint64_t seed;
	double seconds; /* of one core, by cost formulas */
} LepTuneLimits;

/*
 * The trials of a space: all combinations of listed values, the last axis
 * changing first, if there is no range and they are no more than max_trials, else
 * max_trials drawn at random, no two the same (fewer if there are no more).  Where
 * the algorithm is an axis, a trial leaves out what its algorithm does not take.
 * trials[max_trials] with *n set.  Drawn numbers have four digits.
 */
extern LepStatus lep_tune_trials(LepEnv *env, const LepTuneSpace *space, const LepTuneLimits *limits,
								 LepOptions *trials, int *n);

typedef enum LepTuneNote
{
	LEP_TUNE_RAN,
	LEP_TUNE_DIVERGED,
	LEP_TUNE_MEMORY, /* it would take more than is allowed */
	LEP_TUNE_TIME	 /* left out: it did not fit into the time */
} LepTuneNote;

/* A trial on a rung. */
typedef struct LepTuneRow
{
	int trial;	 /* from 0 */
	int rung;	 /* from 1; 0: left out */
	double cost; /* seconds of one core, estimated; left out: for all rungs */
	LepFigure figure;
	double baseline; /* the same metric of the biases and of popularity, on that rung */
	double popular;
	LepTuneNote note;
	bool best;
} LepTuneRow;

typedef struct LepTuneResult
{
	LepTuneRow *rows; /* best first: last rung first, then by figure, then by trial */
	int n_rows;
} LepTuneResult;

/* What to tune by; metric decides (rules.wanted must have it). */
typedef struct LepTuneWork
{
	LepRatings *ratings;
	const LepOptions *trials;
	int n_trials;
	int metric;
	LepContestRules rules;
	LepTuneLimits limits;
} LepTuneWork;

/* What will run; in the arena. */
typedef struct LepTunePlan
{
	int n_rungs;   /* 1 where no trial is left out on the way */
	double *costs; /* [n_rungs][n_trials] seconds of one core, the smallest rung first */
	int *chosen;   /* [n_trials] trials that run, ascending; then nothing */
	int n_chosen;
	double seconds; /* all of it, the costliest trials always going on, and the biases on each rung */
} LepTunePlan;

/*
 * Choose what fits into limits.seconds, in the order of the trials; one always
 * runs, the cheapest if none fits.  There are as many rungs as there can be, so
 * that most trials fit, but not where the one before the last would have one
 * trial only.  Splits work->ratings.
 */
extern LepStatus lep_tune_plan(LepArena *arena, const LepTuneWork *work, LepTunePlan *plan);

/*
 * Run what was planned; the rows are in the arena.  A trial that fails (a note
 * says why) goes no further.  Fails if no trial ran to its end, with the reason of
 * the last.  Starts and shuts down the pool itself.
 */
extern LepStatus
lep_tune(LepArena *arena, const LepTuneWork *work, const LepTunePlan *plan, LepTuneResult *result);

#endif /* LEP_TUNE_H */
