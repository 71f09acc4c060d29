#define _GNU_SOURCE
#include "session.h"
#include "count.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum security { CLEAR, HANDSHAKE, ENCRYPTED };
/* `STUCK`: nothing more until epoll tells of something new. */
enum progress { MOVED, STUCK, OVER };

struct session {
  int epoll, fd;
  enum manner manner;
  enum security security;
  SSL_CTX *tls;
  SSL *ssl;
  char line[8192];
  int lineLength;
  char reply[4096];
  int replyLength;
  int waitsToWrite, endsAfterReply, startsTlsAfterReply;
  int hasRecipient, isInText;
  /* How much of "\r\n.\r\n" the text has just shown. */
  int endSeen;
  char head[2048];
  int headLength;
};

static void watch(struct session *s, int forWriting) {
  if (s->waitsToWrite == forWriting) return;
  struct epoll_event event = {.events = EPOLLIN | (forWriting ? EPOLLOUT : 0), .data.ptr = s};
  epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->fd, &event);
  s->waitsToWrite = forWriting;
}

static void close_session(struct session *s) {
  counts.open--;
  if (s->ssl) SSL_free(s->ssl);
  close(s->fd);
  free(s);
}

static void say(struct session *s, const char *text) {
  int length = strlen(text);
  if (s->replyLength + length > (int)sizeof s->reply) return;
  memcpy(s->reply + s->replyLength, text, length);
  s->replyLength += length;
}

/* What OpenSSL says after a call that gave nothing. */
static enum progress tls_progress(struct session *s, int result) {
  int error = SSL_get_error(s->ssl, result);
  if (error == SSL_ERROR_WANT_WRITE) watch(s, 1);
  return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? STUCK : OVER;
}

static enum progress write_some(struct session *s, int *written) {
  if (s->security == ENCRYPTED) {
    ERR_clear_error();
    *written = SSL_write(s->ssl, s->reply, s->replyLength);
    return *written > 0 ? MOVED : tls_progress(s, *written);
  }
  *written = write(s->fd, s->reply, s->replyLength);
  if (*written >= 0) return MOVED;
  if (errno != EAGAIN) return OVER;
  watch(s, 1);
  return STUCK;
}

static enum progress read_some(struct session *s, char *into, int size, int *length) {
  if (s->security == ENCRYPTED) {
    ERR_clear_error();
    *length = SSL_read(s->ssl, into, size);
    return *length > 0 ? MOVED : tls_progress(s, *length);
  }
  *length = read(s->fd, into, size);
  if (*length > 0) return MOVED;
  return *length < 0 && errno == EAGAIN ? STUCK : OVER;
}

static void begin_tls(struct session *s) {
  s->startsTlsAfterReply = 0;
  s->lineLength = 0;
  s->ssl = SSL_new(s->tls);
  SSL_set_fd(s->ssl, s->fd);
  SSL_set_accept_state(s->ssl);
  s->security = HANDSHAKE;
}

static enum progress send_reply(struct session *s) {
  while (s->replyLength > 0) {
    int written = 0;
    enum progress progress = write_some(s, &written);
    if (progress != MOVED) return progress;
    memmove(s->reply, s->reply + written, s->replyLength - written);
    s->replyLength -= written;
  }
  watch(s, 0);
  if (s->endsAfterReply) return OVER;
  if (s->startsTlsAfterReply) begin_tls(s);
  return MOVED;
}

static enum progress shake_hands(struct session *s) {
  ERR_clear_error();
  int result = SSL_accept(s->ssl);
  if (result != 1) {
    enum progress progress = tls_progress(s, result);
    if (progress == OVER) counts.failedHandshakes++;
    return progress;
  }
  counts.handshakes++;
  s->security = ENCRYPTED;
  watch(s, 0);
  return MOVED;
}

/* Takes a piece of the message. Returns how much of it belonged to the message. */
static int take_text(struct session *s, const char *piece, int length) {
  static const char end[] = "\r\n.\r\n";
  int room = sizeof s->head - s->headLength;
  int kept = length < room ? length : room;
  memcpy(s->head + s->headLength, piece, kept);
  s->headLength += kept;
  int at = 0;
  while (at < length) {
    if (s->endSeen == 0) {
      const char *cr = memchr(piece + at, '\r', length - at);
      if (!cr) return length;
      at = cr - piece + 1;
      s->endSeen = 1;
    } else if (piece[at] == end[s->endSeen]) {
      at++;
      if (++s->endSeen < 5) continue;
      s->isInText = 0;
      count_message(s->head, s->headLength);
      say(s, "250 2.0.0 taken\r\n");
      return at;
    } else {
      s->endSeen = piece[at] == '\r' ? 1 : 0;
      at++;
    }
  }
  return at;
}

static void begin_text(struct session *s) {
  s->hasRecipient = 0;
  s->isInText = 1;
  s->endSeen = 2;
  s->headLength = 0;
  say(s, "354 go on\r\n");
}

static int is(const struct session *s, const char *verb) { return !strncasecmp(s->line, verb, strlen(verb)); }

static void obey(struct session *s) {
  int offersTls = s->manner == WITH_TLS && s->security == CLEAR;
  if (is(s, "EHLO")) {
    say(s, "250-sink.test\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n");
    if (offersTls) say(s, "250-STARTTLS\r\n");
    say(s, "250 SMTPUTF8\r\n");
  } else if (is(s, "HELO")) say(s, "250 sink.test\r\n");
  else if (is(s, "MAIL")) say(s, "250 2.1.0 fine\r\n");
  else if (is(s, "RCPT")) {
    s->hasRecipient = 1;
    say(s, "250 2.1.5 fine\r\n");
  } else if (is(s, "DATA")) {
    if (s->hasRecipient) begin_text(s);
    else say(s, "554 5.5.1 no recipient\r\n");
  } else if (is(s, "RSET")) {
    s->hasRecipient = 0;
    say(s, "250 2.0.0 fine\r\n");
  } else if (is(s, "NOOP")) say(s, "250 2.0.0 fine\r\n");
  else if (is(s, "STARTTLS") && offersTls) {
    s->startsTlsAfterReply = 1;
    say(s, "220 2.0.0 go on\r\n");
  } else if (is(s, "QUIT")) {
    s->endsAfterReply = 1;
    say(s, "221 2.0.0 bye\r\n");
  } else say(s, "502 5.5.2 unknown\r\n");
}

static enum progress take(struct session *s, const char *piece, int length) {
  while (length > 0) {
    int used;
    if (s->isInText) used = take_text(s, piece, length);
    else {
      const char *newline = memchr(piece, '\n', length);
      used = newline ? newline - piece + 1 : length;
      if (s->lineLength + used >= (int)sizeof s->line) return OVER;
      memcpy(s->line + s->lineLength, piece, used);
      s->lineLength += used;
      if (newline) {
        s->line[s->lineLength] = 0;
        s->lineLength = 0;
        obey(s);
        /* What was sent behind STARTTLS in the clear is not listened to. RFC 3207 section 4.2. */
        if (s->startsTlsAfterReply) return MOVED;
      }
    }
    piece += used;
    length -= used;
  }
  return MOVED;
}

static enum progress step(struct session *s) {
  static char piece[65536];
  int length = 0;
  if (s->replyLength > 0) return send_reply(s);
  if (s->security == HANDSHAKE) return shake_hands(s);
  enum progress progress = read_some(s, piece, sizeof piece, &length);
  if (progress != MOVED || s->manner == SILENT) return progress;
  return take(s, piece, length);
}

void go_on(void *session, uint32_t events) {
  struct session *s = session;
  (void)events;
  enum progress progress = MOVED;
  while (progress == MOVED) progress = step(s);
  if (progress == OVER) close_session(s);
}

void open_session(int epoll, int fd, enum manner manner, SSL_CTX *tls) {
  struct session *s = calloc(1, sizeof *s);
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  *s = (struct session){.epoll = epoll, .fd = fd, .manner = manner, .tls = tls};
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  counts.connections++;
  counts.open++;
  if (manner == SILENT) return;
  say(s, "220 sink.test ESMTP\r\n");
  go_on(s, EPOLLIN);
}
