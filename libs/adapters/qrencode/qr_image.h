/* qr_image.h - a text as a QR code (ISO/IEC 18004, error correction M, quiet zone 4), as SVG or PNG. */
#ifndef ROEHUB_ADAPTERS_QRENCODE_QR_IMAGE_H
#define ROEHUB_ADAPTERS_QRENCODE_QR_IMAGE_H

#include "base/strbuf.h"

/* A whole SVG document, one path, scalable. ERR_INVALID when the text is too long for a code. */
int qr_svg(struct str text, struct strbuf *out, struct error *err);
/* A 1-bit greyscale PNG, `scale` pixels a module. */
int qr_png(struct str text, int scale, struct strbuf *out, struct error *err);

#endif
