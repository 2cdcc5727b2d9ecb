/* SPDX-License-Identifier: MIT */
/*
 * What the HTML reports share: a page in one file, which needs no network, opens
 * from a disk and runs no script but its own.
 *
 * Everything is written to a FILE, so that a part of a page can be made in
 * memory, or by another process; errors are those of the FILE and found when it
 * is closed. The page's own markup is written by its user as it is, and whatever
 * comes from outside through one of the functions here.
 *
 * page.css and page.js work on this markup:
 *
 *   <span class="verdict" data-verdict="pass">passed</span>
 *	A verdict in its color: pass, fail, error, skip or known.
 *   <dl class="facts"><div><dt>frames</dt><dd>5</dd></div>...</dl>
 *	Numbers side by side. A div with data-verdict has its color.
 *   <ul|table|section ... data-items>, in it elements with data-item
 *	What can be filtered. An item has data-verdict and whatever else is
 *	filtered by (data-area="XFR"), and preferably an id. An element with
 *	data-group is hidden with the last of its items. An element with data-stop
 *	is one of those that n and p go to.
 *   <form class="filter" data-for="ID of the data-items">
 *	<input type="search">: words that an item must have, all of them;
 *	<button type="button" data-field="area" data-value="XFR">: where buttons of
 *	a field are pressed, only items with one of their values are shown;
 *	<select data-field="level">: the same, an empty value is any;
 *	<output>: gets "12 of 448".
 *   <details id="...">
 *	Opens when it, or what is in it, is the target of a link; all are open on
 *	paper.
 *
 * Keys: "/" to the search, Escape clears it, n and p to the next and previous
 * item that is shown and neither passed nor skipped, "?" lists all keys. A
 * script has page.ready(function) for when the document is there, in it
 * page.key(["f"], "what it does", function) for more keys, and page.reveal(item).
 * No style attributes and no event handlers in markup: the page's policy ignores
 * them.
 */
#ifndef VGPU_HTML_H
#define VGPU_HTML_H

#include "frame.h"

#include <cjson/cJSON.h>
#include <stdio.h>

struct vgpu_html_page {
	const char *title;   /* plain text, as the rest */
	const char *program; /* "vgpu-replay" */
	const char *lead;    /* a sentence below the title, or NULL */
	const char *style;   /* CSS beyond page.css, or NULL */
	const char *script;  /* JavaScript beyond page.js, or NULL */
};

/* Up to and including <main id="main">. 0, or a negative errno with a sentence: no nonce. */
int vgpu_html_begin(FILE *out, const struct vgpu_html_page *page, struct vgpu_error *err);
/* </main> and the rest, with the time in UTC. */
void vgpu_html_end(FILE *out, const struct vgpu_html_page *page);

/*
 * Text for an element or for an attribute's value in double quotes; what is no
 * character of an HTML page becomes U+FFFD.
 */
void vgpu_html_text(FILE *out, const char *text);
void vgpu_html_format(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* <script type="application/json" id="ID">, for JSON.parse() of its textContent. */
void vgpu_html_json(FILE *out, const char *id, const cJSON *value);
/* A URL for <img src="...">. */
void vgpu_html_png(FILE *out, const uint8_t *png, size_t len);
/* The same of pixels. 0, -EINVAL: no PNG can hold it, or -ENOMEM; then an empty image. */
int vgpu_html_frame(FILE *out, const struct vgpu_frame *frame);

#endif
