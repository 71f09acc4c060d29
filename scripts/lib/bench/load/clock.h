/* The clock that load source and sink share: seconds since the machine started. */
#ifndef CLOCK_H
#define CLOCK_H
#include <time.h>

static inline double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

#endif
