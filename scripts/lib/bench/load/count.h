/* What the sink has taken: each message once, by the number in its header, and when. */
#ifndef COUNT_H
#define COUNT_H

/* Numbers are below this; a message with another one is counted as `unnumbered`. */
#define MOST_MESSAGES 1000000

struct counts {
  long unique, duplicates, unnumbered, connections, open, handshakes, failedHandshakes;
  double lastAt;
};
extern struct counts counts;

/* A message has been taken; `head` is how it begins, with the field "X-Load: <number>" in it. */
void count_message(const char *head, int length);
/* From here on counts anew. Connections that are open stay open. */
void forget_counts(void);
void print_counts(void);
/* One line "<number> <time>" for each message. Returns how many, or -1. */
long write_times(const char *path);

#endif
