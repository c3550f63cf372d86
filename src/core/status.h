/*
 * status.h
 *		What a function of the engine answers, and the values behind a failure.
 *
 * Every function that can fail returns a LepStatus.  The values that explain
 * the failure (which option, which number, what limit) are put into the
 * LepError of the environment by lep_fail(); the engine holds no message
 * texts: the host turns status and values into words.
 */
#ifndef LEP_STATUS_H
#define LEP_STATUS_H

#include <stdint.h>

typedef enum LepStatus
{
	LEP_OK = 0,

	/* resources and control */
	LEP_ERR_MEMORY,		  /* the host has none left; value: bytes asked */
	LEP_ERR_MEMORY_LIMIT, /* value: bytes needed, max: bytes allowed; what: for what, or NULL */
	LEP_ERR_STOPPED,	  /* should_stop() said so */

	/* data */
	LEP_ERR_NOT_FINITE,	  /* what: "rating" or the column of times, value */
	LEP_ERR_RATING_RANGE, /* value is beyond what is taken; max */
	LEP_ERR_TOO_MANY,	  /* what: "users", "items", "ratings"; max */
	LEP_ERR_ID_TOO_LONG,  /* what: "user", "item"; value: bytes, max */
	LEP_ERR_NO_RATINGS,	  /* no usable row was left */
	LEP_ERR_TOO_FEW,	  /* what: "users" or "items"; value, min */
	LEP_ERR_DUPLICATE,	  /* duplicates = error; row: dense user, value: dense item */
	LEP_ERR_EMPTY_TRAIN,  /* all ratings are held out; value: how many there are */
	LEP_ERR_NEEDS_TIME,	  /* what: the option, text: its value */

	/* options */
	LEP_ERR_OPTION_UNKNOWN,	  /* text: the name given, what: the nearest */
	LEP_ERR_OPTION_TYPE,	  /* what: the option, text: type expected */
	LEP_ERR_OPTION_RANGE,	  /* what: the option, value, min, max */
	LEP_ERR_OPTION_VALUE,	  /* what: the option, text: the word given */
	LEP_ERR_OPTION_ALGORITHM, /* what: the option, text: the algorithm */
	LEP_ERR_OPTION_FEEDBACK,  /* what: the feedback, text: the algorithm */
	LEP_ERR_OPTION_PARTS,	  /* what: the option, text: what is wrong; value: of which part, 0 of both */

	/* training */
	LEP_ERR_DIVERGED, /* what: the algorithm, row: epoch, value: step */

	/* stored bytes */
	LEP_ERR_BYTES_MAGIC,	/* what: the kind of bytes expected */
	LEP_ERR_BYTES_VERSION,	/* value: found, max: newest known */
	LEP_ERR_BYTES_LENGTH,	/* value: found, min: needed */
	LEP_ERR_BYTES_VALUE,	/* row: position, value: not finite or too large; max */
	LEP_ERR_BYTES_CHECKSUM, /* what: of which bytes */
	LEP_ERR_BYTES_ORDER,	/* row: position: not ascending or out of range */

	LEP_N_STATUS /* how many; no status itself */
} LepStatus;

#define LEP_ERROR_TEXT_LEN 64

typedef struct LepError
{
	LepStatus status;
	const char *what; /* a name; static storage, may be NULL */
	int64_t row;	  /* position, epoch or row, as the status says */
	double value;
	double min;
	double max;
	char text[LEP_ERROR_TEXT_LEN]; /* a copy, truncated, of given text */
} LepError;

/* The status as a lower-case word, "memory_limit"; for tests and logs. */
extern const char *lep_status_name(LepStatus status);

/* Fill *error; the other fields are cleared.  what may be NULL. */
extern void
lep_error_set(LepError *error, LepStatus status, const char *what, double value, double min, double max);

/*
 * The same, and return status, so that a caller can write
 * "return lep_fail(&env->error, LEP_ERR_..., ...)", and who analyzes it sees that
 * the answer is not LEP_OK.
 */
static inline LepStatus
lep_fail(LepError *error, LepStatus status, const char *what, double value, double min, double max)
{
	lep_error_set(error, status, what, value, min, max);
	return status;
}

/* Copy text into error->text, truncated at a UTF-8 character's boundary. */
extern void lep_error_set_text(LepError *error, const char *text);

#endif /* LEP_STATUS_H */
