/* options.h: numbers that methods can be given: one table, one enum. */
#ifndef GCAM_CAM_OPTIONS_H
#define GCAM_CAM_OPTIONS_H

/* In the order of the table in options.c. */
typedef enum gcam_option {
  GCAM_OPTION_EIGEN,
  GCAM_OPTION_CENTRE,
  GCAM_OPTION_SMOOTH,
  GCAM_OPTION_NOISE,
  GCAM_OPTION_AUGMENT,
  GCAM_OPTION_REFERENCES,
  GCAM_OPTION_GAMMA,
  GCAM_OPTION_STEPS,
  GCAM_OPTION_SAMPLES,
  GCAM_OPTION_GRID,
  GCAM_OPTION_KEEP,
  GCAM_OPTION_WINDOW,
  GCAM_OPTION_STRIDE,
  GCAM_OPTION_BASELINE,
  GCAM_OPTION_SEED,
  GCAM_OPTION_COUNT
} gcam_option;

typedef struct gcam_options {
  double value[GCAM_OPTION_COUNT];
} gcam_options;

typedef struct gcam_option_row {
  const char *name;
  double standard, least, most;
  int whole; /* whole numbers only */
  const char *text;
} gcam_option_row;

const gcam_option_row *gcam_option_at(int index); /* NULL: out of range */
int gcam_option_find(const char *name);           /* -1: unknown */
gcam_options gcam_options_standard(void);

#endif
