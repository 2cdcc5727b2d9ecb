/* SPDX-License-Identifier: MIT */
/* Numbers as people give them to programs. */
#include "command_line.h"
#include "unit.h"

#include <stddef.h>

extern const struct unit_suite command_line_suite;

static void a_number_is_digits_alone(void)
{
	static const char *const none[] = {"",	 " 1",	"+1",  "-1",  "1 ",
					   "1x", "0x1", "1.0", "one", "18446744073709551616"};
	uint64_t value = 0;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		CU_ASSERT_FALSE(vgpu_number(none[i], 0, UINT64_MAX, &value));
	CU_ASSERT_TRUE(vgpu_number("18446744073709551615", 0, UINT64_MAX, &value));
	CU_ASSERT_EQUAL(value, UINT64_MAX);
	CU_ASSERT_TRUE(vgpu_number("010", 0, UINT64_MAX, &value));
	CU_ASSERT_EQUAL(value, 10);
}

static void a_number_is_within_its_limits(void)
{
	uint64_t value;

	CU_ASSERT_FALSE(vgpu_number("2", 3, 5, &value));
	CU_ASSERT_TRUE(vgpu_number("3", 3, 5, &value));
	CU_ASSERT_TRUE(vgpu_number("5", 3, 5, &value));
	CU_ASSERT_FALSE(vgpu_number("6", 3, 5, &value));
}

static void what_follows_a_number_is_left(void)
{
	uint64_t value = 0;
	const char *rest;

	CU_ASSERT_TRUE(vgpu_number_begin("12-34", &rest, &value));
	CU_ASSERT_EQUAL(value, 12);
	CU_ASSERT_STRING_EQUAL(rest, "-34");
	CU_ASSERT_FALSE(vgpu_number_begin("-34", &rest, &value));
	CU_ASSERT_FALSE(vgpu_number_begin("99999999999999999999-", &rest, &value));
}

static const struct unit_test tests[] = {
	{"a number is digits alone", a_number_is_digits_alone},
	{"a number is within its limits", a_number_is_within_its_limits},
	{"what follows a number is left", what_follows_a_number_is_left},
	{NULL, NULL},
};

const struct unit_suite command_line_suite = {"command-line", tests};
