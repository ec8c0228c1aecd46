/* Elementary functions that the C library has too, at a quarter of its size: its pow() and cos()
 * are exact to the last bit of a double, by tables and digits of pi of which no float has any use.
 */
#ifndef GCAM_BASE_ELEMENTARY_H
#define GCAM_BASE_ELEMENTARY_H

#include <stdbool.h>

/* x to the power of y, in every special case as C has it (0, infinity, NaN, negative x). The
 * relative error is below 1e-13 where the result is a normal float; small whole powers of whole
 * numbers are exact up to 2^53. */
double gcam_power(double x, double y);

/* The sine of x, in radians; the error is below 1e-11 up to |x| = 1e5 and below 1e-6 up to 1e9,
 * where neighbouring floats are 64 apart. NaN for an infinite x. */
double gcam_sine(double x);
double gcam_cosine(double x);

#endif
