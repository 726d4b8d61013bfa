#include "adapters/qrencode/qr_image.h"

#include <errno.h>
#include <png.h>
#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

#define QUIET	 4
#define TEXT_MAX 1024

static QRcode *encode(struct str text, struct error *err)
{
	char copy[TEXT_MAX];
	QRcode *code;

	if (!str_copy(copy, sizeof(copy), text)) {
		error_set(err, ERR_INVALID, "the text is too long for a QR code");
		return NULL;
	}
	code = QRcode_encodeString8bit(copy, 0, QR_ECLEVEL_M);
	explicit_bzero(copy, sizeof(copy));
	if (code == NULL)
		error_set(err, errno == ERANGE ? ERR_INVALID : ERR_UNAVAILABLE, "the QR code could not be made");
	return code;
}

static void code_free(QRcode *code)
{
	explicit_bzero(code->data, (size_t)code->width * (size_t)code->width);
	QRcode_free(code);
}

/* false beyond the edge: the quiet zone */
static bool is_dark(const QRcode *code, int x, int y)
{
	return x >= 0 && y >= 0 && x < code->width && y < code->width && (code->data[y * code->width + x] & 1) != 0;
}

int qr_svg(struct str text, struct strbuf *out, struct error *err)
{
	QRcode *code = encode(text, err);
	int size;

	if (code == NULL)
		return -1;
	size = code->width + 2 * QUIET;
	strbuf_addf(out,
		    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
		    "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path stroke=\"#000\" d=\"",
		    size, size, size, size);
	for (int y = 0; y < code->width; y++)
		for (int x = 0, run; x < code->width; x += run > 0 ? run : 1) {
			for (run = 0; is_dark(code, x + run, y); run++)
				;
			if (run > 0)
				strbuf_addf(out, "M%d %d.5h%d", x + QUIET, y + QUIET, run);
		}
	strbuf_addc(out, "\"/></svg>");
	code_free(code);
	return strbuf_error(out, err);
}

static void on_png_data(png_structp png, png_bytep data, size_t n)
{
	strbuf_add(png_get_io_ptr(png), (struct str){ (const char *)data, n });
}

static void on_png_flush(png_structp png) { (void)png; }

/* Rows of packed bits, 1 is white; `row` has room for one. */
static void write_rows(png_structp png, const QRcode *code, int scale, png_bytep row)
{
	int size = code->width + 2 * QUIET;

	for (int y = 0; y < size; y++) {
		memset(row, 0, (size_t)(size * scale + 7) / 8);
		for (int x = 0; x < size * scale; x++)
			if (!is_dark(code, x / scale - QUIET, y - QUIET))
				row[x / 8] |= (png_byte)(0x80 >> (x % 8));
		for (int i = 0; i < scale; i++)
			png_write_row(png, row);
	}
}

static int write_png(const QRcode *code, int scale, struct strbuf *out)
{
	int pixels = (code->width + 2 * QUIET) * scale;
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
	png_bytep row = malloc((size_t)(pixels + 7) / 8);
	int rc = -1;

	if (info != NULL && row != NULL && setjmp(png_jmpbuf(png)) == 0) {
		png_set_write_fn(png, out, on_png_data, on_png_flush);
		png_set_IHDR(png, info, (png_uint_32)pixels, (png_uint_32)pixels, 1, PNG_COLOR_TYPE_GRAY,
			     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
		png_write_info(png, info);
		write_rows(png, code, scale, row);
		png_write_end(png, NULL);
		rc = 0;
	}
	png_destroy_write_struct(&png, &info);
	free(row);
	return rc;
}

int qr_png(struct str text, int scale, struct strbuf *out, struct error *err)
{
	QRcode *code = encode(text, err);
	int rc;

	if (code == NULL)
		return -1;
	rc = write_png(code, scale, out);
	code_free(code);
	return rc == 0 ? strbuf_error(out, err) : error_set(err, ERR_UNAVAILABLE, "the PNG could not be made");
}
