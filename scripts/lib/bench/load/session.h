/* One connection to the sink: the SMTP dialogue, with or without STARTTLS. */
#ifndef SESSION_H
#define SESSION_H
#include <openssl/ssl.h>
#include <stdint.h>

enum manner {
  WITH_TLS,
  /* Does not offer STARTTLS. */
  PLAIN,
  /* Accepts connections and never speaks. */
  SILENT,
};

/* All sessions that offer STARTTLS show the certificate of `tls`. */
void open_session(int epoll, int fd, enum manner manner, SSL_CTX *tls);
/* What epoll tells of a session. */
void go_on(void *session, uint32_t events);

#endif
