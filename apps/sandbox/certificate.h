/* certificate.h - a certificate authority and a server certificate for localhost, for wss on the sandbox. */
#ifndef ROEHUB_SANDBOX_CERTIFICATE_H
#define ROEHUB_SANDBOX_CERTIFICATE_H

#include <stddef.h>

#include "base/error.h"

/* Makes DIR/ca.pem, DIR/server.pem and DIR/server.key (mode 0600) unless they are there, and returns the paths of the
 * last two. Clients trust DIR/ca.pem. Valid for localhost, 127.0.0.1 and ::1, ten years. */
int certificate_make(const char *dir, char *cert, size_t cert_size, char *key, size_t key_size, struct error *err);

#endif
