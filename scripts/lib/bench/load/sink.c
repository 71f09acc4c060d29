/* The receiving side of a measurement: takes mail on many addresses in one
 * thread, and counts it by the number that the load source put into each
 * message's header. Faster than any relay, so that it is never what is measured.
 *
 *   sink -s SECONDS -c CERTIFICATE -k KEY -l 127.0.1.1-100=tls -l 127.0.2.1-100=plain -l 127.0.8.1-1=silent
 *
 * Reads commands on standard input and answers each with a line: "counts",
 * "forget", "times FILE". Ends with its standard input, or after SECONDS.
 */
#define _GNU_SOURCE
#include "clock.h"
#include "count.h"
#include "session.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMTP_PORT 25
#define MOST_OPEN 20000
#define MOST_LISTENERS 1024

struct listener {
  int fd;
  enum manner manner;
};

static struct listener listeners[MOST_LISTENERS];
static int listenerCount;
static int epoll;
static SSL_CTX *tls;

static void give_up(const char *what) {
  perror(what);
  exit(1);
}

static void listen_on(const char *ip, enum manner manner) {
  if (listenerCount == MOST_LISTENERS) give_up("too many addresses");
  struct listener *l = &listeners[listenerCount++];
  *l = (struct listener){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), .manner = manner};
  int on = 1;
  setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(SMTP_PORT)};
  inet_pton(AF_INET, ip, &address.sin_addr);
  if (bind(l->fd, (void *)&address, sizeof address) || listen(l->fd, 1024)) give_up(ip);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = l};
  epoll_ctl(epoll, EPOLL_CTL_ADD, l->fd, &event);
}

/* "127.0.1.1-100=plain": a hundred addresses. */
static void listen_on_range(const char *range) {
  int a, b, c, first, last;
  char manner[16];
  if (sscanf(range, "%d.%d.%d.%d-%d=%15s", &a, &b, &c, &first, &last, manner) != 6) give_up(range);
  enum manner how = !strcmp(manner, "tls") ? WITH_TLS : !strcmp(manner, "silent") ? SILENT : PLAIN;
  for (int host = first; host <= last; host++) {
    char ip[32];
    snprintf(ip, sizeof ip, "%d.%d.%d.%d", a, b, c, host);
    listen_on(ip, how);
  }
}

static void load_certificate(const char *certificate, const char *key) {
  tls = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_id_context(tls, (const unsigned char *)"sink", 4);
  if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 || SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
    give_up(certificate);
}

static void accept_all(struct listener *l) {
  int fd;
  while ((fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    if (counts.open >= MOST_OPEN) close(fd);
    else open_session(epoll, fd, l->manner, tls);
  }
}

/* The lines of one read; the caller sends one command at a time. */
static void obey_caller(void) {
  char command[512];
  ssize_t length = read(STDIN_FILENO, command, sizeof command - 1);
  if (length <= 0) exit(0);
  command[length] = 0;
  command[strcspn(command, "\n")] = 0;
  if (!strncmp(command, "times ", 6)) printf("{\"written\":%ld}\n", write_times(command + 6));
  else {
    if (!strcmp(command, "forget")) forget_counts();
    print_counts();
  }
  fflush(stdout);
}

int main(int argc, char **argv) {
  const char *certificate = NULL, *key = NULL;
  double seconds = 60;
  int option;
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files = {MOST_OPEN + 2000, MOST_OPEN + 2000};
  setrlimit(RLIMIT_NOFILE, &files);
  epoll = epoll_create1(0);
  while ((option = getopt(argc, argv, "s:c:k:l:")) > 0) {
    if (option == 's') seconds = atof(optarg);
    else if (option == 'c') certificate = optarg;
    else if (option == 'k') key = optarg;
    else if (option == 'l') listen_on_range(optarg);
    else return 64;
  }
  if (certificate && key) load_certificate(certificate, key);
  struct epoll_event fromCaller = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &fromCaller);
  printf("listening\n");
  fflush(stdout);

  struct epoll_event events[256];
  for (double endsAt = now() + seconds; now() < endsAt;) {
    int count = epoll_wait(epoll, events, 256, 1000);
    for (int i = 0; i < count; i++) {
      void *what = events[i].data.ptr;
      if (what == NULL) obey_caller();
      else if (what >= (void *)listeners && what < (void *)(listeners + listenerCount)) accept_all(what);
      else go_on(what, events[i].events);
    }
  }
  return 0;
}
