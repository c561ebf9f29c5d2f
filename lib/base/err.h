/* Errors as values. Library functions return 0 or one of these codes and describe the failure in an `err`;
 * only tools turn it into a message and an exit status (sysexits numbers, see CONTRIBUTING.md). */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum {
	ERR_DIFFERS = 1,	/* a comparison failed */
	ERR_USAGE = 64,		/* usage; an id that cannot be one */
	ERR_DATA = 65,		/* bad data; wrong model or preparation; missing tensor */
	ERR_NOINPUT = 66,	/* input or named model cannot be opened */
	ERR_BUG = 70,		/* a bug of ours */
	ERR_OS = 71,		/* no memory, no threads */
	ERR_CREATE = 73,	/* output exists or cannot be created */
	ERR_IO = 74,		/* read or write failed, disk full */
	ERR_CONFIG = 78,	/* weights or configuration unusable */
};

typedef struct err {
	int code;		/* 0 or one of the above */
	char text[512];		/* "object: reason", one line, no newline */
} err;

/* Sets *e (which may be NULL) from a printf format and returns code, so that callers write
 * `return err_set(e, ERR_DATA, "%s: ...", name)`. Control characters in the text become '?'. */
int err_set(err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the text of an error that is already set; returns its code. */
int err_prefix(err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An error of a lower floor seen from a higher one: when code is `was` it becomes `now`, in *e too. Returns the code. */
int err_as(err *e, int code, int was, int now);

#endif
