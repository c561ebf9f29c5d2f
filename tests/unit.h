/* What unit tests share. Include it first: cmocka wants these headers in this order. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"

/* The call must succeed; its error is shown. */
#define SUCCEEDS(call) \
	do { \
		int succeeds_ = (call); \
		if (succeeds_) \
			fail_msg("%s: status %d: %s", #call, succeeds_, e.text); \
	} while (0)

/* The call must fail with this code and a message that contains `part`. */
#define FAILS(status, part, call) \
	do { \
		e = (err){ 0 }; \
		int fails_ = (call); \
		if (fails_ != (status) || e.code != (status) || !strstr(e.text, part)) \
			fail_msg("%s: status %d, in e %d, not %d: %s (expected: ..%s..)", #call, fails_, e.code, status, e.text, part); \
	} while (0)

/* A folder of this test program's own, made at the first call and emptied by the tests that fill it. */
static inline const char *test_folder(void)
{
	static char path[] = "/tmp/latpipe-test.XXXXXX";
	static int made;
	if (!made)
		made = mkdtemp(path) != NULL;
	assert_true(made);
	return path;
}

/* "FOLDER/name" in one of a few static buffers. */
static inline const char *test_path(const char *name)
{
	static char path[8][512];
	static int turn;
	char *p = path[turn++ % 8];
	snprintf(p, sizeof path[0], "%s/%s", test_folder(), name);
	return p;
}

#endif
