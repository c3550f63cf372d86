/*
 * plot.c
 *		Axes, lines and bars; see plot.h.
 */
#include "postgres.h"

#include <math.h>

#include "pg/html.h"
#include "pg/plot.h"

/* The drawing's size, in its own units, and what is left free around the plot. */
#define WIDTH  640
#define HEIGHT 316
#define LEFT   64
#define RIGHT  12
#define TOP	   12
#define BOTTOM 56

/* About so many lines across. */
#define TICKS 5

/* One direction: values from low to high are drawn from `from` to `to`. */
typedef struct Axis
{
	double low;
	double high;
	double step; /* between ticks */
	double from;
	double to;
} Axis;

static double
place(const Axis *axis, double value)
{
	return axis->from + (axis->to - axis->from) * (value - axis->low) / (axis->high - axis->low);
}

/* 1, 2 or 5 times a power of ten, so that about TICKS of them make the range. */
static double
nice_step(double range)
{
	double power = pow(10, floor(log10(range / TICKS)));
	double factor = range / TICKS / power;

	return power * (factor < 1.5 ? 1 : factor < 3.5 ? 2 : factor < 7.5 ? 5 : 10);
}

/* From the ticks around the values. */
static Axis
make_axis(double low, double high, double from, double to)
{
	Axis axis;

	if (!(high > low))
	{
		low -= fabs(low) > 0 ? fabs(low) / 2 : 1;
		high += fabs(high) > 0 ? fabs(high) / 2 : 1;
	}
	axis.step = nice_step(high - low);
	axis.low = floor(low / axis.step + 1e-9) * axis.step;
	axis.high = ceil(high / axis.step - 1e-9) * axis.step;
	axis.from = from;
	axis.to = to;
	return axis;
}

static bool
find_range(const LpgPlot *plot, double *low, double *high)
{
	*low = INFINITY;
	*high = -INFINITY;
	for (int s = 0; s < plot->n_series; s++)
	{
		for (int i = 0; i < plot->n; i++)
		{
			if (!isfinite(plot->y[s][i]))
				continue;
			*low = Min(*low, plot->y[s][i]);
			*high = Max(*high, plot->y[s][i]);
		}
	}
	if (plot->from_zero)
		*low = Min(*low, 0);
	return *low <= *high;
}

/* A number at a tick, with as many digits as the step needs. */
static void
add_number(StringInfo page, double value, double step)
{
	int digits = step >= 1 ? 0 : (int) Min(6, ceil(-log10(step) - 1e-9));

	appendStringInfo(page, "%.*f", digits, fabs(value) < step / 2 ? 0.0 : value);
}

static void
draw_y_axis(StringInfo page, const Axis *y)
{
	for (int tick = 0; tick <= (int) rint((y->high - y->low) / y->step); tick++)
	{
		double value = y->low + tick * y->step;
		double at = place(y, value);

		appendStringInfo(page, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>", LEFT, at, WIDTH - RIGHT);
		appendStringInfo(page, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 8, at + 4);
		add_number(page, value, y->step);
		appendStringInfoString(page, "</text>\n");
	}
}

static void
draw_x_axis(StringInfo page, const Axis *x)
{
	for (int tick = 0; tick <= (int) rint((x->high - x->low) / x->step); tick++)
	{
		double value = x->low + tick * x->step;

		appendStringInfo(page, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", place(x, value),
						 HEIGHT - BOTTOM + 18);
		add_number(page, value, x->step);
		appendStringInfoString(page, "</text>\n");
	}
}

static void
draw_labels(StringInfo page, const LpgPlot *plot)
{
	appendStringInfo(page, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (LEFT + WIDTH - RIGHT) / 2,
					 HEIGHT - 6);
	lpg_html_text(page, plot->x_label);
	appendStringInfo(page,
					 "</text>\n<text transform=\"translate(14 %d) rotate(-90)\" text-anchor=\"middle\">",
					 (TOP + HEIGHT - BOTTOM) / 2);
	lpg_html_text(page, plot->y_label);
	appendStringInfoString(page, "</text>\n");
}

/* A line with gaps where there is nothing to be known. */
static void
draw_line(StringInfo page, const LpgPlot *plot, int s, const Axis *x, const Axis *y)
{
	char command = 'M';

	appendStringInfo(page, "<path class=\"line c%d\" d=\"", s);
	for (int i = 0; i < plot->n; i++)
	{
		if (!isfinite(plot->y[s][i]))
		{
			command = 'M';
			continue;
		}
		appendStringInfo(page, "%c%.1f %.1f", command, place(x, plot->x[i]), place(y, plot->y[s][i]));
		command = 'L';
	}
	appendStringInfoString(page, "\"/>\n");
}

/* Lines go from side to side, with ticks at round numbers between. */
static void
draw_lines(StringInfo page, const LpgPlot *plot, const Axis *y)
{
	double low = plot->x[0];
	double high = plot->x[plot->n - 1];
	Axis x = make_axis(low, high, LEFT, WIDTH - RIGHT);

	if (high > low)
	{
		Axis ticks = x;

		x.low = low;
		x.high = high;
		ticks.low = ceil(low / x.step - 1e-9) * x.step;
		ticks.high = floor(high / x.step + 1e-9) * x.step;
		ticks.from = place(&x, ticks.low);
		ticks.to = place(&x, ticks.high);
		if (ticks.high > ticks.low)
			draw_x_axis(page, &ticks);
	}
	for (int s = 0; s < plot->n_series; s++)
		draw_line(page, plot, s, &x, y);
}

static void
draw_bars(StringInfo page, const LpgPlot *plot, const Axis *y)
{
	double room = (double) (WIDTH - LEFT - RIGHT) / plot->n;
	double width = room * 0.7 / plot->n_series;

	for (int i = 0; i < plot->n; i++)
	{
		double left = LEFT + room * (i + 0.15);

		for (int s = 0; s < plot->n_series; s++)
		{
			double top = isfinite(plot->y[s][i]) ? place(y, plot->y[s][i]) : y->from;

			appendStringInfo(page,
							 "<rect class=\"bar c%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
							 s, left + s * width, top, width, Max(0, y->from - top));
		}
		appendStringInfo(page, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", LEFT + room * (i + 0.5),
						 HEIGHT - BOTTOM + 18);
		lpg_html_text(page, plot->bar[i]);
		appendStringInfoString(page, "</text>\n");
	}
}

static void
add_legend(StringInfo page, const LpgPlot *plot)
{
	appendStringInfoString(page, "<figcaption>");
	for (int s = 0; s < plot->n_series; s++)
	{
		appendStringInfo(page, "<span><i class=\"c%d\"></i>", s);
		lpg_html_text(page, plot->name[s]);
		appendStringInfoString(page, "</span>\n");
	}
	appendStringInfoString(page, "</figcaption>\n");
}

void
lpg_plot(StringInfo page, const LpgPlot *plot)
{
	double low;
	double high;
	Axis y;

	if (plot->n < 1 || !find_range(plot, &low, &high))
	{
		appendStringInfoString(page, "<p class=\"none\">Nothing to be drawn.</p>\n");
		return;
	}
	y = make_axis(low, high, HEIGHT - BOTTOM, TOP);
	appendStringInfo(
		page, "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\"><title>",
		WIDTH, HEIGHT);
	lpg_html_text(page, plot->title);
	appendStringInfoString(page, "</title>\n");
	draw_y_axis(page, &y);
	if (plot->x != NULL)
		draw_lines(page, plot, &y);
	else
		draw_bars(page, plot, &y);
	draw_labels(page, plot);
	appendStringInfoString(page, "</svg>\n");
	add_legend(page, plot);
	appendStringInfoString(page, "</figure>\n");
}
