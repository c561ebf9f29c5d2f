#include "format/which.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "format/bids.h"

static const double WHOLE = 100, THICK = 3; /* mm: a head's least field of view; the thickest slices of a volume */

/* ---- words in labels ---- */

/* The words end with NULL. One counts anywhere in the label; with = in front it is the whole label. */
static bool has_word(const char *label, const char *const *words)
{
	for (; *words; words++)
		if (**words == '=' ? !strcasecmp(label, *words + 1) : strcasestr(label, *words) != NULL)
			return true;
	return false;
}

static const char *const contrast_words[] = { "gado",	"contrast", "postgd", "gdpost", "t1gd", "t1wgd",
					      "ragegd", "=gd",	    "=ce",    "=post",	"+c",	NULL };
static const char *const part_words[] = { "slab",  "spine",  "spinal", "cervic", "neck",  "lumbar", "thorac",  "localiz", "localis",
					  "scout", "survey", "orbit",  "pituit", "sella", "hippo",  "partial", NULL };
static const char *const whole_words[] = { "mprage", "mpr",	   "mp2rage", "spgr",  "bravo", "tfl", "tfe",	"mdeft",   "vbm",
					   "3d",     "wholebrain", "whole",   "brain", "iso",	"1mm", "hires", "highres", NULL };
static const char *const flat_words[] = { "fse", "tse", "=se", "2d", "axial", "coronal", "thick", "lowres", NULL };
static const char *const drawn_words[] = { "reconstruct", "interpolate", "manipulate", "generate", "codes", NULL };

/* ---- ranks ---- */

const char *which_unfit(const char *name)
{
	static const struct {
		const char *label, *what;
	} parts[] = { { "phase", "a phase image" },
		      { "real", "the real part of a complex image" },
		      { "imag", "the imaginary part of a complex image" } };
	char label[LAT_MAX_ID + 1];
	bids_entity(label, name, "part");
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (!strcmp(label, parts[i].label))
			return parts[i].what;
	return NULL;
}

static int rank_of_part(const char *name, const char *acquisition, const which_extent *extent)
{
	char label[LAT_MAX_ID + 1];
	bool small = false;
	for (int i = 0; i < 3; i++)
		small |= extent->image[i] > 0 && extent->image[i] < WHOLE;
	return small || bids_entity(label, name, "chunk") || has_word(acquisition, part_words);
}

static int rank_of_derivative(const char *name)
{
	char desc[LAT_MAX_ID + 1], space[LAT_MAX_ID + 1];
	bids_entity(desc, name, "desc");
	bids_entity(space, name, "space");
	if (!strcmp(desc, "prepare"))
		return 0;
	if (has_word(desc, drawn_words))
		return 4;
	return !*desc && !*space ? 1 : !strncmp(space, "MNI", 3) ? 2 : 3;
}

/* Entities that say in which image of a series it is, and more that a plain scan has not. */
static void rank_of_others(which_rank *r, const char *name)
{
	static const char *const counted[] = { "run", "echo", "inv", "flip" };
	char label[LAT_MAX_ID + 1];
	for (const char *p = name; p; p = strchr(p, '_')) {
		p += *p == '_';
		r->of[WHICH_OTHERS] += p[strcspn(p, "_-")] == '-' && strncmp(p, "sub-", 4) && strncmp(p, "ses-", 4) &&
				       strncmp(p, "run-", 4) && strncmp(p, "acq-", 4) && strncmp(p, "ce-", 3) && strncmp(p, "rec-", 4) &&
				       strncmp(p, "part-mag_", 9);
	}
	for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
		if (bids_entity(label, name, counted[i]))
			r->of[WHICH_RUN] = r->of[WHICH_RUN] * 100 + (int)(strtol(label, NULL, 10) % 100);
}

which_rank which_rank_of(const char *name, const which_extent *extent)
{
	which_rank r = { 0 };
	char acquisition[LAT_MAX_ID + 1], label[LAT_MAX_ID + 1];
	bool named = bids_entity(acquisition, name, "acq");
	r.of[WHICH_CONTRAST] = bids_entity(label, name, "ce") || has_word(acquisition, contrast_words);
	r.of[WHICH_PART] = rank_of_part(name, acquisition, extent);
	r.of[WHICH_MADE] = rank_of_derivative(name);
	for (int i = 0; i < 3; i++)
		r.of[WHICH_THICK] |= extent->voxel[i] > THICK;
	r.of[WHICH_ACQUISITION] = !named ? 0 : has_word(acquisition, flat_words) ? 3 : has_word(acquisition, whole_words) ? 1 : 2;
	r.of[WHICH_RECONSTRUCTION] = bids_entity(label, name, "rec");
	rank_of_others(&r, name);
	return r;
}

int which_compare(const which_rank *a, const which_rank *b, enum which_reason *why)
{
	for (int i = 0; i < WHICH_REASONS; i++)
		if (a->of[i] != b->of[i]) {
			*why = (enum which_reason)i;
			return a->of[i] < b->of[i] ? -1 : 1;
		}
	return 0;
}

const char *which_reason_text(enum which_reason why)
{
	static const char *const texts[] = {
		[WHICH_CONTRAST] = "with contrast agent",
		[WHICH_PART] = "not the whole head",
		[WHICH_MADE] = "another derivative",
		[WHICH_THICK] = "of thick slices",
		[WHICH_ACQUISITION] = "another acquisition",
		[WHICH_RECONSTRUCTION] = "another reconstruction",
		[WHICH_OTHERS] = "a variant",
		[WHICH_RUN] = "a later run",
	};
	return texts[why];
}

/* ---- what is asked for ---- */

static const char separators[] = " ,\t\n";

static bool same_label(const char *a, const char *b)
{
	char *rest_a, *rest_b;
	if (!strcmp(a, b))
		return true;
	unsigned long x = strtoul(a, &rest_a, 10), y = strtoul(b, &rest_b, 10);
	return isdigit((unsigned char)*a) && isdigit((unsigned char)*b) && !*rest_a && !*rest_b && x == y;
}

/* The word at *p as key and label; moves on. false: there is none any more. */
static bool next_word(char key[LAT_MAX_ID + 1], char label[LAT_MAX_ID + 1], const char **p)
{
	*p += strspn(*p, separators);
	size_t n = strcspn(*p, separators), k = strcspn(*p, "-");
	k = k < n ? k : n;
	*key = *label = 0;
	if (k <= LAT_MAX_ID)
		strncat(key, *p, k);
	if (k < n && n - k - 1 <= LAT_MAX_ID)
		strncat(label, *p + k + 1, n - k - 1);
	*p += n;
	return n > 0;
}

bool which_asked(const char *wanted, const char *name)
{
	char key[LAT_MAX_ID + 1], label[LAT_MAX_ID + 1], other[LAT_MAX_ID + 1], theirs[LAT_MAX_ID + 1], own[LAT_MAX_ID + 1];
	for (const char *p = wanted ? wanted : ""; next_word(key, label, &p);) {
		bool any = false;
		bids_entity(own, name, key);
		for (const char *q = wanted; !any && next_word(other, theirs, &q);)
			any = !strcmp(key, other) && same_label(own, theirs);
		if (!any)
			return false;
	}
	return true;
}

const char *which_bad_word(const char *wanted, int *n)
{
	char key[LAT_MAX_ID + 1], label[LAT_MAX_ID + 1];
	for (const char *p = wanted ? wanted : ""; next_word(key, label, &p);)
		if (!*key || !*label) {
			const char *start = p;
			while (start > wanted && !strchr(separators, start[-1]))
				start--;
			*n = (int)(p - start);
			return start;
		}
	return NULL;
}
