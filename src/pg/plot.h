/*
 * plot.h
 *		Small plots as inline SVG, in the colours that the page's style sheet gives.
 */
#ifndef LPG_PLOT_H
#define LPG_PLOT_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* Most lines in a plot: the style sheet has a colour for each. */
#define LPG_PLOT_SERIES 3

typedef struct LpgPlot
{
	const char *title; /* for who cannot see it */
	const char *x_label;
	const char *y_label;
	int n;			 /* points, or bars */
	const double *x; /* [n] of lines; NULL: bars */
	char **bar;		 /* [n] what is written under them */
	int n_series;
	const char *name[LPG_PLOT_SERIES]; /* in the legend; our own words */
	const double *y[LPG_PLOT_SERIES];  /* [n], NaN: a gap; none below 0 */
	bool from_zero;					   /* the axis of y begins at 0 */
} LpgPlot;

/* Append the plot, or a sentence where there is nothing to be drawn. */
extern void lpg_plot(StringInfo page, const LpgPlot *plot);

#endif /* LPG_PLOT_H */
