#include "train/recipe.h"

#include "format/section.h"
#include "model/config.h"

const char *const recipes[] = { "training", "training_ldm", "training_sem", NULL };

static const int64_t MOST_STEPS = (int64_t)1 << 40;

static int read_augmentation(recipe *r, section *training)
{
	const json_t *v = json_object_get(training->json, "augment");
	augmentation *a = &r->augmentation;
	if (!v || json_is_boolean(v)) {
		section_flag(training, "augment", &r->augment);
		return training->code;
	}
	if (!json_is_object(v))
		section_refuse(training, "augment", "must be true, false or an object");
	if (training->code)
		return training->code;
	section s = section_inside(training, "augment");
	r->augment = true;
	section_real(&s, "flip", 0, 1, &a->flip);
	section_int(&s, "flip_axis", 0, 2, &a->flip_axis);
	section_real(&s, "rotation", 0, 180, &a->rotation);
	section_real(&s, "scaling", 0, 1, &a->scaling);
	section_real(&s, "shift", 0, 1000, &a->shift);
	section_real(&s, "warp", 0, 1000, &a->warp);
	section_real(&s, "towards", 0, 1, &a->towards);
	section_int(&s, "spacing", 2, 1000, &a->spacing);
	section_real(&s, "gain", 0, 2, &a->gain);
	section_real(&s, "gamma", 0, 2, &a->gamma);
	section_real(&s, "bias", 0, 2, &a->bias);
	section_real(&s, "noise", 0, 1, &a->noise);
	return s.code;
}

int recipe_parse(recipe *r, const json_t *root, const char *name, const int volume[3], int factor, const char *object, err *e)
{
	static const char *const schedules[] = { "constant", "cosine", NULL };	/* LR_CONSTANT, LR_COSINE */
	static const char *const rules[] = { "adam", "muon", NULL };	/* RULE_ADAM, RULE_MUON */
	*r = (recipe){ .steps = 10000, .batch = 1, .draws = 1, .p2_k = 1, .lr = 5e-5, .lr_discriminator = 1e-4, .clip = 1, .ema = .999,
		       .validate_every = 500, .schedule = LR_CONSTANT, .lr_vectors = 2e-4, .whole_from = -1,
		       .augmentation = augmentation_default() };
	section s = section_open(root, object, name, e);
	section_int64(&s, "steps", 1, MOST_STEPS, &r->steps);
	section_int(&s, "batch", 1, 1 << 16, &r->batch);
	section_int(&s, "draws", 1, RECIPE_DRAWS, &r->draws);
	section_real(&s, "p2_gamma", 0, 10, &r->p2_gamma);
	section_real(&s, "p2_k", 1e-9, 1e9, &r->p2_k);
	section_real(&s, "coarse_weight", 0, 1e9, &r->coarse_weight);
	section_int64(&s, "coarse_steps", 0, MOST_STEPS, &r->coarse_steps);
	section_real(&s, "lr", 0, 1, &r->lr);
	section_real(&s, "lr_discriminator", 0, 1, &r->lr_discriminator);
	section_choice(&s, "optimiser", rules, &r->optimiser);
	section_real(&s, "lr_vectors", 0, 1, &r->lr_vectors);
	section_choice(&s, "schedule", schedules, &r->schedule);
	section_int64(&s, "warmup", 0, MOST_STEPS, &r->warmup);
	section_int64(&s, "adversarial_from", -1, MOST_STEPS, &r->adversarial_from);
	section_real(&s, "clip", 0, 1e9, &r->clip);
	section_real(&s, "ema", 0, 1, &r->ema);
	section_ints(&s, "crop", 3, 3, 1, 4096, r->crop, NULL);
	section_int64(&s, "whole_from", 0, MOST_STEPS, &r->whole_from);
	section_int64(&s, "validate_every", 1, MOST_STEPS, &r->validate_every);
	for (int i = 0; i < 3 && r->crop[0]; i++)
		if (r->crop[i] % factor || r->crop[i] > volume[i])
			section_refuse(&s, "crop", "%d must be a multiple of %d and at most %d", r->crop[i], factor, volume[i]);
	if (r->coarse_steps && !(r->coarse_weight > 0))
		section_refuse(&s, "coarse_steps", "they learn nothing without coarse_weight");
	if (r->whole_from < 0)
		r->whole_from = r->steps - r->steps / 10;
	return s.code ? s.code : read_augmentation(r, &s);
}

/* What the readers ask of a configuration that says nothing. */
static int known_keys(json_t *known, err *e)
{
	const int volume[3] = { 1, 1, 1 };
	recipe r;
	int code = config_keys(known, e);
	section_record(known);
	for (int i = 0; !code && recipes[i]; i++) {
		json_t *empty = json_pack("{s:{s:{}}}", recipes[i], "augment");
		code = empty ? recipe_parse(&r, empty, recipes[i], volume, 1, "", e) : err_set(e, ERR_OS, "no memory");
		json_decref(empty);
	}
	section_record(NULL);
	return code;
}

int recipe_check_keys(const json_t *root, const char *object, err *e)
{
	json_t *known = json_object();
	int code = known ? known_keys(known, e) : err_set(e, ERR_OS, "no memory");
	if (!code)
		code = section_check(root, known, object, e);
	json_decref(known);
	return code;
}

lr_schedule recipe_rate(const recipe *r)
{
	return (lr_schedule){ .lr = r->lr, .warmup = r->warmup, .total = r->steps, .kind = r->schedule };
}

lr_schedule recipe_rate_discriminator(const recipe *r)
{
	lr_schedule s = recipe_rate(r);
	s.lr = r->lr_discriminator;
	return s;
}

double recipe_vectors(const recipe *r) { return r->lr > 0 ? r->lr_vectors / r->lr : 0; }
