#define _GNU_SOURCE
#include "count.h"
#include "clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char FIELD[] = "X-Load: ";

struct counts counts;
/* 0: not yet taken. */
static double takenAt[MOST_MESSAGES];

void count_message(const char *head, int length) {
  counts.lastAt = now();
  const char *field = memmem(head, length, FIELD, sizeof FIELD - 1);
  if (!field) {
    counts.unnumbered++;
    return;
  }
  char digits[16] = {0};
  const char *begin = field + sizeof FIELD - 1;
  int left = head + length - begin;
  memcpy(digits, begin, left < 15 ? left : 15);
  long number = strtol(digits, NULL, 10);
  if (number < 0 || number >= MOST_MESSAGES) counts.unnumbered++;
  else if (takenAt[number] > 0) counts.duplicates++;
  else {
    counts.unique++;
    takenAt[number] = counts.lastAt;
  }
}

void forget_counts(void) {
  long open = counts.open;
  memset(&counts, 0, sizeof counts);
  counts.open = open;
  memset(takenAt, 0, sizeof takenAt);
}

void print_counts(void) {
  printf("{\"unique\":%ld,\"duplicates\":%ld,\"unnumbered\":%ld,\"connections\":%ld,\"open\":%ld,"
         "\"handshakes\":%ld,\"failedHandshakes\":%ld,\"lastAt\":%.6f}\n",
         counts.unique, counts.duplicates, counts.unnumbered, counts.connections, counts.open,
         counts.handshakes, counts.failedHandshakes, counts.lastAt);
}

long write_times(const char *path) {
  FILE *file = fopen(path, "w");
  if (!file) return -1;
  long written = 0;
  for (long number = 0; number < MOST_MESSAGES; number++) {
    if (takenAt[number] == 0) continue;
    fprintf(file, "%ld %.6f\n", number, takenAt[number]);
    written++;
  }
  return fclose(file) == 0 ? written : -1;
}
