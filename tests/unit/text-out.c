/* SPDX-License-Identifier: MIT */
#include "text-out.h"

#include "unit.h"

void text_out_open(struct text_out *text)
{
	*text = (struct text_out){0};
	text->out = open_memstream(&text->text, &text->size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text->out);
}

char *text_out_close(struct text_out *text)
{
	CU_ASSERT_EQUAL(fclose(text->out), 0);
	return text->text;
}
