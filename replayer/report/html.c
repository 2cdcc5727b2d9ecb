/* SPDX-License-Identifier: MIT */
#include "report/html.h"

#include "golden/png_io.h"
#include "report/markup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* clang-format off */
__asm__(".section .rodata\n"
	"vgpu_page_css:\n"
	".incbin \"replayer/report/page.css\"\n"
	".byte 0\n"
	"vgpu_page_js:\n"
	".incbin \"replayer/report/page.js\"\n"
	".byte 0\n"
	".text\n");
/* clang-format on */
/* Hidden: through the GOT, the linker of AArch64 finds the section and not the label. */
extern const char vgpu_page_css[] __attribute__((visibility("hidden")));
extern const char vgpu_page_js[] __attribute__((visibility("hidden")));

/* ---- text ------------------------------------------------------------------------------- */

static bool is_printable(uint32_t character)
{
	return character == '\t' || character == '\n' ||
	       (character >= 0x20 && !(character >= 0x7f && character < 0xa0));
}

void vgpu_html_text(FILE *out, const char *text)
{
	static const struct vgpu_markup html = {.is_legal = is_printable, .numbered = "'"};

	vgpu_markup_text(out, &html, text);
}

void vgpu_html_format(FILE *out, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	int n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		return;
	vgpu_html_text(out, text);
	free(text);
}

void vgpu_html_json(FILE *out, const char *id, const cJSON *value)
{
	char *text = cJSON_PrintUnformatted(value);

	fputs("<script type=\"application/json\" id=\"", out);
	vgpu_html_text(out, id);
	fputs("\">", out);
	/* Nothing in a string may end the script, or begin a comment in it. */
	for (const char *at = text != NULL ? text : "null"; *at != '\0'; at++) {
		if (*at == '<')
			fputs("\\u003c", out);
		else
			fputc(*at, out);
	}
	fputs("</script>\n", out);
	cJSON_free(text);
}

/* ---- pictures ----------------------------------------------------------------------------- */

static void put_base64(FILE *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t three = (uint32_t)bytes[i] << 16 |
				 (i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0) |
				 (i + 2 < len ? (uint32_t)bytes[i + 2] : 0);

		fputc(digits[three >> 18], out);
		fputc(digits[three >> 12 & 63], out);
		fputc(i + 1 < len ? digits[three >> 6 & 63] : '=', out);
		fputc(i + 2 < len ? digits[three & 63] : '=', out);
	}
}

void vgpu_html_png(FILE *out, const uint8_t *png, size_t len)
{
	fputs("data:image/png;base64,", out);
	put_base64(out, png, len);
}

int vgpu_html_frame(FILE *out, const struct vgpu_frame *frame)
{
	uint8_t *png = NULL;
	size_t len = 0;
	int ret = vgpu_png_encode_fast(frame, &png, &len);

	if (ret < 0)
		fputs("data:,", out);
	else
		vgpu_html_png(out, png, len);
	free(png);
	return ret;
}

/* ---- the page ------------------------------------------------------------------------------ */

/*
 * Only what bears the nonce is run or applied: nobody who wrote something that
 * stands in the page could know it.
 */
static int put_policy(FILE *out, char nonce[25])
{
	uint8_t random[12];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -errno;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(nonce + 2 * i, 3, "%02x", random[i]);
	fprintf(out,
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"img-src data:; style-src 'nonce-%s'; script-src 'nonce-%s'; base-uri 'none'; "
		"form-action 'none'\">\n",
		nonce, nonce);
	return 0;
}

static void put_element(FILE *out, const char *name, const char *nonce, const char *text)
{
	if (text != NULL)
		fprintf(out, "<%s nonce=\"%s\">\n%s</%s>\n", name, nonce, text, name);
}

int vgpu_html_begin(FILE *out, const struct vgpu_html_page *page, struct vgpu_error *err)
{
	char nonce[25];

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n", out);
	int ret = put_policy(out, nonce);
	if (ret < 0)
		return vgpu_error_set(err, -ret, "no random number: %s", strerror(-ret));
	fputs("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<meta name=\"referrer\" content=\"no-referrer\">\n"
	      "<meta name=\"generator\" content=\"",
	      out);
	vgpu_html_format(out, "%s %s", page->program, VGPU_VERSION);
	fputs("\">\n<link rel=\"icon\" href=\"data:,\">\n<title>", out);
	vgpu_html_text(out, page->title);
	fputs("</title>\n", out);
	put_element(out, "style", nonce, vgpu_page_css);
	put_element(out, "style", nonce, page->style);
	put_element(out, "script", nonce, vgpu_page_js);
	put_element(out, "script", nonce, page->script);
	fputs("</head>\n<body>\n<header class=\"page\">\n<h1>", out);
	vgpu_html_text(out, page->title);
	fputs("</h1>\n", out);
	if (page->lead != NULL) {
		fputs("<p>", out);
		vgpu_html_text(out, page->lead);
		fputs("</p>\n", out);
	}
	fputs("</header>\n<main id=\"main\">\n", out);
	return 0;
}

void vgpu_html_end(FILE *out, const struct vgpu_html_page *page)
{
	time_t now = time(NULL);
	struct tm utc;
	char when[32] = "";

	if (gmtime_r(&now, &utc) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &utc);
	fputs("</main>\n<footer class=\"page\">\n<p>Written by ", out);
	vgpu_html_format(out, "%s %s, %s.", page->program, VGPU_VERSION, when);
	fputs(" <span class=\"script\">Press <kbd>?</kbd> for the keys.</span></p>\n"
	      "</footer>\n</body>\n</html>\n",
	      out);
}
