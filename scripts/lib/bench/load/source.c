/* The sending side of a measurement: hands mail to a relay over many
 * connections in one thread, waiting for each reply as most applications do.
 *
 *   source -p PORT -c CONNECTIONS -n MESSAGES -b BYTES -d PREFIX,DOMAINS [-k MESSAGES A CONNECTION]
 *          [-r MESSAGES A SECOND] [-f FIRST NUMBER] [-o FILE] [-s SECONDS]
 *
 * Message n goes to one of the domains PREFIX0.test, PREFIX1.test, … in turn, and has its number in the
 * field X-Load. Prints what became of all as one line of JSON. FILE gets a line "n begun sent acked" for each that was
 * answered 250: seconds on the clock of the sink. `begun` is when the message was due, or when nobody paces it,
 * when its transaction (with the connection, if it is the first on it) began; `sent` is when its text was written.
 */
#define _GNU_SOURCE
#include "clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_MESSAGES 1000000
#define MOST_CONNECTIONS 1000
#define MOST_BYTES (16 * 1024 * 1024)

/* What the next reply is an answer to. IDLE: connected, with nothing to do. */
enum step { CLOSED, GREETING, EHLO, IDLE, MAIL, RCPT, DATA, TEXT, QUIT };

struct client {
  int fd;
  enum step step;
  long number, messagesSent, textBytes;
  double begunAt, sentAt;
  char reply[4096];
  int replyLength;
  char *out;
  int outLength, outWritten, waitsToWrite;
};

static struct {
  int port, connections, bytes, domains, perConnection;
  long messages, first;
  double rate, seconds;
  char prefix[32];
  const char *file;
} wanted = {.port = 2525, .connections = 20, .bytes = 4096, .domains = 1, .perConnection = 1, .seconds = 60, .prefix = "d"};

static struct client clients[MOST_CONNECTIONS];
static long started, accepted, failed, connectionsMade, textBytes;
static int openCount;
static double begunAt, lastAckedAt;
static char *text;
static int textLength;
static char firstFailure[200];
static FILE *file;
static int epoll;

static void write_out(struct client *c) {
  while (c->outWritten < c->outLength) {
    int written = write(c->fd, c->out + c->outWritten, c->outLength - c->outWritten);
    /* Any other error shows itself when the reply is read. */
    if (written < 0) break;
    c->outWritten += written;
  }
  int isLeft = c->outWritten < c->outLength;
  if (!isLeft) c->outLength = c->outWritten = 0;
  if (isLeft == c->waitsToWrite) return;
  struct epoll_event event = {.events = EPOLLIN | (isLeft ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
  c->waitsToWrite = isLeft;
}

static void say(struct client *c, enum step step, const char *line) {
  c->step = step;
  c->outLength += sprintf(c->out + c->outLength, "%s\r\n", line);
  write_out(c);
}

static void end(struct client *c) {
  close(c->fd);
  c->step = CLOSED;
  openCount--;
}

static void note_failure(struct client *c, const char *what) {
  failed++;
  if (firstFailure[0]) return;
  int length = snprintf(firstFailure, sizeof firstFailure, "step %d: %.150s", c->step, what);
  for (int i = 0; i < length; i++)
    if (firstFailure[i] == '"' || firstFailure[i] == '\\' || firstFailure[i] < ' ') firstFailure[i] = ' ';
}

/* When the next message is due: at once where nobody paces. */
static double due_at(void) { return wanted.rate > 0 ? begunAt + started / wanted.rate : 0; }

static int is_one_due(void) { return started < wanted.messages && due_at() <= now(); }

static void take_next(struct client *c) {
  c->begunAt = wanted.rate > 0 ? due_at() : now();
  c->number = wanted.first + started++;
}

static void start_message(struct client *c) {
  say(c, MAIL, "MAIL FROM:<sender@source.test>");
}

static void open_client(struct client *c) {
  take_next(c);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(wanted.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int on = 1;
  char *out = c->out;
  double begun = c->begunAt;
  long number = c->number;
  *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), .step = GREETING, .out = out, .begunAt = begun, .number = number};
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  connect(c->fd, (void *)&address, sizeof address);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
  connectionsMade++;
  openCount++;
}

static void send_text(struct client *c) {
  c->sentAt = now();
  c->step = TEXT;
  c->outLength = sprintf(c->out,
    "From: <sender@source.test>\r\nTo: <user%ld@%s%ld.test>\r\nSubject: a message of a measurement\r\n"
    "Date: Sun, 22 Nov 2026 00:00:00 +0000\r\nMessage-ID: <%ld.%d@source.test>\r\nX-Load: %ld\r\n\r\n",
    c->number, wanted.prefix, c->number % wanted.domains, c->number, getpid(), c->number);
  memcpy(c->out + c->outLength, text, textLength);
  c->outLength += textLength;
  c->textBytes = c->outLength;
  write_out(c);
}

static void note_accepted(struct client *c) {
  lastAckedAt = now();
  accepted++;
  textBytes += c->textBytes;
  c->messagesSent++;
  if (file) fprintf(file, "%ld %.6f %.6f %.6f\n", c->number, c->begunAt, c->sentAt, lastAckedAt);
}

static void go_idle(struct client *c) {
  int mayStay = c->messagesSent < wanted.perConnection && started < wanted.messages;
  if (!mayStay) say(c, QUIT, "QUIT");
  else if (is_one_due()) {
    take_next(c);
    start_message(c);
  } else c->step = IDLE;
}

static void hear(struct client *c, const char *line) {
  char rcpt[128];
  if (line[3] == '-') return;
  char expected = c->step == DATA ? '3' : '2';
  if (c->step == QUIT) return end(c);
  if (line[0] != expected) {
    if (c->step != IDLE) note_failure(c, line);
    return say(c, QUIT, "QUIT");
  }
  switch (c->step) {
  case GREETING: return say(c, EHLO, "EHLO source.test");
  case EHLO: return start_message(c);
  case MAIL:
    snprintf(rcpt, sizeof rcpt, "RCPT TO:<user%ld@%s%ld.test>", c->number, wanted.prefix, c->number % wanted.domains);
    return say(c, RCPT, rcpt);
  case RCPT: return say(c, DATA, "DATA");
  case DATA: return send_text(c);
  case TEXT:
    note_accepted(c);
    return go_idle(c);
  default: return;
  }
}

static void read_replies(struct client *c) {
  int length = read(c->fd, c->reply + c->replyLength, sizeof c->reply - 1 - c->replyLength);
  if (length < 0 && errno == EAGAIN) return;
  if (length <= 0) {
    if (c->step != QUIT && c->step != IDLE) note_failure(c, length == 0 ? "the connection was closed" : strerror(errno));
    return end(c);
  }
  c->replyLength += length;
  c->reply[c->replyLength] = 0;
  char *line = c->reply, *newline;
  while (c->step != CLOSED && (newline = strchr(line, '\n'))) {
    *newline = 0;
    hear(c, line);
    line = newline + 1;
  }
  if (c->step == CLOSED) return;
  c->replyLength -= line - c->reply;
  memmove(c->reply, line, c->replyLength);
}

/* Lines of letters, the message with its header about as long as wanted, and the dot at its end. */
static void make_text(void) {
  static const char letters[] = "the quick brown fox jumps over the lazy dog and runs on into the wide dark woods ";
  int wantedLength = wanted.bytes > 320 ? wanted.bytes - 250 : 80;
  text = malloc(wantedLength + 128);
  while (textLength + 80 <= wantedLength) {
    for (int i = 0; i < 78; i++) text[textLength + i] = letters[(textLength / 80 * 7 + i) % (sizeof letters - 1)];
    memcpy(text + textLength + 78, "\r\n", 2);
    textLength += 80;
  }
  memcpy(text + textLength, ".\r\n", 3);
  textLength += 3;
}

static void give_work(void) {
  for (int i = 0; i < wanted.connections; i++)
    if (clients[i].step == IDLE) go_idle(&clients[i]);
  for (int i = 0; i < wanted.connections && is_one_due(); i++)
    if (clients[i].step == CLOSED) open_client(&clients[i]);
}

static int read_options(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "p:c:n:b:d:k:r:f:o:s:")) > 0) {
    if (option == 'p') wanted.port = atoi(optarg);
    else if (option == 'c') wanted.connections = atoi(optarg);
    else if (option == 'n') wanted.messages = atol(optarg);
    else if (option == 'b') wanted.bytes = atoi(optarg);
    else if (option == 'd') sscanf(optarg, "%31[a-z],%d", wanted.prefix, &wanted.domains);
    else if (option == 'k') wanted.perConnection = atoi(optarg);
    else if (option == 'r') wanted.rate = atof(optarg);
    else if (option == 'f') wanted.first = atol(optarg);
    else if (option == 'o') wanted.file = optarg;
    else if (option == 's') wanted.seconds = atof(optarg);
    else return 0;
  }
  return wanted.connections > 0 && wanted.connections <= MOST_CONNECTIONS && wanted.messages > 0 &&
    wanted.messages <= MOST_MESSAGES && wanted.bytes <= MOST_BYTES && wanted.domains > 0;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  if (!read_options(argc, argv)) return 64;
  if (wanted.file && !(file = fopen(wanted.file, "w"))) return 73;
  make_text();
  epoll = epoll_create1(0);
  for (int i = 0; i < wanted.connections; i++) clients[i].out = malloc(wanted.bytes + 8192);
  begunAt = lastAckedAt = now();

  struct epoll_event events[256];
  for (double endsAt = begunAt + wanted.seconds; now() < endsAt;) {
    give_work();
    if (started >= wanted.messages && openCount == 0) break;
    int count = epoll_wait(epoll, events, 256, wanted.rate > 0 ? 1 : 200);
    for (int i = 0; i < count; i++) {
      struct client *c = events[i].data.ptr;
      if (c->step == CLOSED) continue;
      if (events[i].events & EPOLLOUT) write_out(c);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_replies(c);
    }
  }
  if (file) fclose(file);
  printf("{\"accepted\":%ld,\"failed\":%ld,\"connections\":%ld,\"textBytes\":%ld,\"begunAt\":%.6f,\"lastAckedAt\":%.6f,\"failure\":\"%s\"}\n",
         accepted, failed, connectionsMade, textBytes, begunAt, lastAckedAt, firstFailure);
  return 0;
}
