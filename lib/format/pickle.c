#include "format/pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- the names that make weights ---- */

enum meaning {
	MEANS_DICT,
	MEANS_STORAGE,
	MEANS_TENSOR,
	MEANS_PARAMETER, /* its first argument */
};

static const struct {
	const char *module, *name;
	enum meaning meaning;
	enum dtype dtype;
} names[] = {
	{ "collections", "OrderedDict", MEANS_DICT, 0 },
	{ "torch._utils", "_rebuild_tensor", MEANS_TENSOR, 0 },
	{ "torch._utils", "_rebuild_tensor_v2", MEANS_TENSOR, 0 },
	{ "torch._utils", "_rebuild_parameter", MEANS_PARAMETER, 0 },
	{ "torch._utils", "_rebuild_parameter_with_state", MEANS_PARAMETER, 0 },
	{ "torch", "FloatStorage", MEANS_STORAGE, DTYPE_F32 },
	{ "torch", "HalfStorage", MEANS_STORAGE, DTYPE_F16 },
	{ "torch", "BFloat16Storage", MEANS_STORAGE, DTYPE_BF16 },
	{ "torch", "DoubleStorage", MEANS_STORAGE, DTYPE_F64 },
	{ "torch", "LongStorage", MEANS_STORAGE, DTYPE_I64 },
	{ "torch", "IntStorage", MEANS_STORAGE, DTYPE_I32 },
	{ "torch", "ShortStorage", MEANS_STORAGE, DTYPE_I16 },
	{ "torch", "CharStorage", MEANS_STORAGE, DTYPE_I8 },
	{ "torch", "ByteStorage", MEANS_STORAGE, DTYPE_U8 },
	{ "torch", "BoolStorage", MEANS_STORAGE, DTYPE_U8 },
};
enum { NAMES = sizeof names / sizeof *names };

/* ---- the machine: a stack, marks in it, a memory by number ---- */

typedef struct machine {
	pickle *p;
	const unsigned char *begin, *at, *end;
	uint32_t *stack, *memo, *marks; /* memo: value + 1, 0 for none */
	size_t depth, stack_room, n_memo, memo_room, n_marks, marks_room;
	err *e;
	int code; /* the first error: what follows does nothing */
} machine;

static void refuse(machine *m, const char *reason)
{
	if (!m->code)
		m->code = err_set(m->e, ERR_CONFIG, "byte %zu: %s", (size_t)(m->at - m->begin), reason);
}

/* The next n bytes, NULL when there are fewer. */
static const unsigned char *take(machine *m, uint64_t n)
{
	if (!m->code && n > (size_t)(m->end - m->at))
		refuse(m, "cut short");
	if (m->code)
		return NULL;
	m->at += n;
	return m->at - n;
}

/* A whole number of so many bytes, the lowest first. */
static uint64_t take_number(machine *m, int bytes)
{
	const unsigned char *b = take(m, (uint64_t)bytes);
	uint64_t v = 0;
	for (int i = bytes; b && i-- > 0;)
		v = v << 8 | b[i];
	return v;
}

static void grow(machine *m, void *array, size_t *room, size_t need, size_t size)
{
	if (!m->code && need > PICKLE_MAX_VALUES)
		refuse(m, "more values than a checkpoint can have");
	if (!m->code)
		m->code = mem_grow(array, room, need, size, "pickle", m->e);
}

static void push(machine *m, uint32_t value)
{
	grow(m, &m->stack, &m->stack_room, m->depth + 1, sizeof *m->stack);
	if (!m->code)
		m->stack[m->depth++] = value;
}

/* Values above the last mark, or the whole stack. */
static size_t above_mark(const machine *m) { return m->depth - (m->n_marks ? m->marks[m->n_marks - 1] : 0); }

static uint32_t pop(machine *m)
{
	if (!m->code && !above_mark(m))
		refuse(m, "takes a value where there is none");
	return m->code ? 0 : m->stack[--m->depth];
}

/* The value on top that stays there. */
static uint32_t top(machine *m)
{
	uint32_t v = pop(m);
	m->depth += !m->code;
	return v;
}

/* The values above the last mark, which goes: *n of them, still in the stack's memory until the next push. */
static const uint32_t *pop_mark(machine *m, size_t *n)
{
	*n = 0;
	if (!m->code && !m->n_marks)
		refuse(m, "no mark");
	if (m->code)
		return NULL;
	*n = above_mark(m);
	m->depth = m->marks[--m->n_marks];
	return m->stack + m->depth;
}

/* What lies on top goes: a value or, where there is none above it, a mark. */
static void drop(machine *m)
{
	if (!m->code && m->n_marks && !above_mark(m))
		m->n_marks--;
	else
		pop(m);
}

static uint32_t new_value(machine *m, pickle_value v)
{
	pickle *p = m->p;
	grow(m, &p->values, &p->values_room, p->n + 1, sizeof *p->values);
	if (m->code)
		return 0;
	p->values[p->n] = v;
	return (uint32_t)p->n++;
}

static void push_new(machine *m, pickle_value v) { push(m, new_value(m, v)); }

static pickle_value *value(const machine *m, uint32_t i) { return &m->p->values[i]; }

static void append(machine *m, uint32_t container, const uint32_t *items, size_t n)
{
	if (m->code || !n)
		return;
	m->p->held += n;
	if (m->p->held > PICKLE_MAX_VALUES)
		refuse(m, "more values than a checkpoint can have");
	pickle_value *c = value(m, container);
	size_t room = c->room;
	grow(m, &c->items, &room, c->n + n, sizeof *c->items);
	if (m->code)
		return;
	c->room = (uint32_t)room;
	memcpy(c->items + c->n, items, n * sizeof *items);
	c->n += (uint32_t)n;
}

static void push_list(machine *m, const uint32_t *items, size_t n)
{
	uint32_t list = new_value(m, (pickle_value){ .kind = PICKLE_LIST });
	append(m, list, items, n);
	push(m, list);
}

/* A tuple of the n values on top. */
static void tuple(machine *m, size_t n)
{
	if (!m->code && above_mark(m) < n)
		refuse(m, "takes a value where there is none");
	if (m->code)
		return;
	m->depth -= n;
	push_list(m, m->stack + m->depth, n);
}

static void push_text(machine *m, uint64_t n)
{
	const unsigned char *b = take(m, n);
	if (b)
		push_new(m, (pickle_value){ .kind = PICKLE_TEXT, .n = (uint32_t)n, .text = (const char *)b });
}

static void push_int(machine *m, int64_t v) { push_new(m, (pickle_value){ .kind = PICKLE_INT, .whole = v }); }

/* n bytes, two's complement. */
static void push_long(machine *m, uint64_t n)
{
	const unsigned char *b = n > 8 ? NULL : take(m, n);
	if (n > 8) {
		push_text(m, n);
	} else if (b) {
		uint64_t v = n && b[n - 1] & 0x80 ? ~(uint64_t)0 : 0;
		for (size_t i = n; i-- > 0;)
			v = v << 8 | b[i];
		push_int(m, (int64_t)v);
	}
}

static void push_real(machine *m)
{
	const unsigned char *b = take(m, 8);
	uint64_t bits = 0;
	double v;
	for (int i = 0; b && i < 8; i++)
		bits = bits << 8 | b[i];
	memcpy(&v, &bits, sizeof v);
	push_new(m, (pickle_value){ .kind = PICKLE_REAL, .real = v });
}

static void remember(machine *m, uint64_t i)
{
	uint32_t v = top(m);
	grow(m, &m->memo, &m->memo_room, i < PICKLE_MAX_VALUES ? i + 1 : PICKLE_MAX_VALUES + 1, sizeof *m->memo);
	if (m->code)
		return;
	m->memo[i] = v + 1;
	m->n_memo = m->n_memo > i ? m->n_memo : i + 1;
}

static void recall(machine *m, uint64_t i)
{
	if (!m->code && (i >= m->n_memo || !m->memo[i]))
		refuse(m, "recalls what was not remembered");
	if (!m->code)
		push(m, m->memo[i] - 1);
}

/* ---- names and what they make ---- */

static bool is_text(const char *text, const char *s, size_t n) { return strlen(text) == n && !memcmp(text, s, n); }

/* The two texts stay, for messages. */
static void push_name(machine *m, const char *module, size_t n_module, const char *name, size_t n_name)
{
	uint32_t known = 0, text = new_value(m, (pickle_value){ .kind = PICKLE_TEXT, .n = (uint32_t)n_module, .text = module });
	new_value(m, (pickle_value){ .kind = PICKLE_TEXT, .n = (uint32_t)n_name, .text = name });
	while (known < NAMES && !(is_text(names[known].module, module, n_module) && is_text(names[known].name, name, n_name)))
		known++;
	push_new(m, (pickle_value){ .kind = PICKLE_NAME, .n = known, .place = text });
}

/* What value `by`, a name or an object, would make if it were called. */
static void push_object(machine *m, uint32_t by)
{
	const pickle_value *v = value(m, by);
	push_new(m, (pickle_value){ .kind = PICKLE_OTHER, .place = v->kind == PICKLE_OTHER ? v->place : by });
}

/* Two lines: module and name. */
static void read_name(machine *m)
{
	const unsigned char *part[2];
	size_t n[2];
	for (int i = 0; i < 2 && !m->code; i++) {
		const unsigned char *end = memchr(m->at, '\n', (size_t)(m->end - m->at));
		if (!end) {
			refuse(m, "cut short");
			return;
		}
		part[i] = m->at;
		n[i] = (size_t)(end - m->at);
		m->at = end + 1;
	}
	if (!m->code)
		push_name(m, (const char *)part[0], n[0], (const char *)part[1], n[1]);
}

static void name_from_stack(machine *m)
{
	uint32_t name = pop(m), module = pop(m);
	if (!m->code && (value(m, name)->kind != PICKLE_TEXT || value(m, module)->kind != PICKLE_TEXT))
		refuse(m, "a name that is no text");
	if (!m->code)
		push_name(m, value(m, module)->text, value(m, module)->n, value(m, name)->text, value(m, name)->n);
}

/* Element i of a list, NULL when it has none of this kind. */
static const pickle_value *item(const machine *m, const pickle_value *list, uint32_t i, enum pickle_kind kind)
{
	const pickle_value *v = list->kind == PICKLE_LIST && i < list->n ? value(m, list->items[i]) : NULL;
	return v && v->kind == kind ? v : NULL;
}

/* ('storage', type, key, location, elements), and None or nothing behind it. One of a type that no weights have is an object. */
static void storage(machine *m)
{
	uint32_t at = pop(m);
	if (m->code)
		return;
	const pickle_value *id = value(m, at), *word = item(m, id, 0, PICKLE_TEXT), *type = item(m, id, 1, PICKLE_NAME),
			   *key = item(m, id, 2, PICKLE_TEXT), *elements = item(m, id, 4, PICKLE_INT);
	if (!word || !pickle_text_is(word, "storage") || !type || (type->n < NAMES && names[type->n].meaning != MEANS_STORAGE) || !key ||
	    !elements || elements->whole < 0 || id->n > 6 || (id->n == 6 && !item(m, id, 5, PICKLE_NONE))) {
		refuse(m, "a storage that is described in no way known");
		return;
	}
	if (type->n == NAMES) {
		push_object(m, id->items[1]);
		return;
	}
	if (m->p->n_storages == PICKLE_MAX_TENSORS) {
		refuse(m, "more storages than a checkpoint can have");
		return;
	}
	pickle_storage s = { names[type->n].dtype, key->text, key->n, elements->whole };
	grow(m, &m->p->storages, &m->p->storages_room, m->p->n_storages + 1, sizeof s);
	if (m->code)
		return;
	m->p->storages[m->p->n_storages] = s;
	push_new(m, (pickle_value){ .kind = PICKLE_STORAGE, .place = (uint32_t)m->p->n_storages++ });
}

/* A tuple of whole numbers, none negative. */
static bool numbers(const machine *m, const pickle_value *list, int64_t out[PICKLE_MAX_RANK])
{
	for (uint32_t i = 0; i < list->n; i++) {
		const pickle_value *v = item(m, list, i, PICKLE_INT);
		if (!v || v->whole < 0)
			return false;
		out[i] = v->whole;
	}
	return true;
}

/* (storage, offset, size, stride, ..) */
static void tensor(machine *m, const pickle_value *args)
{
	const pickle_value *of = item(m, args, 0, PICKLE_STORAGE), *offset = item(m, args, 1, PICKLE_INT),
			   *size = item(m, args, 2, PICKLE_LIST), *stride = item(m, args, 3, PICKLE_LIST);
	pickle_tensor t = { 0 };
	if (!of || !offset || offset->whole < 0 || !size || !stride || size->n != stride->n || size->n > PICKLE_MAX_RANK ||
	    !numbers(m, size, t.n) || !numbers(m, stride, t.stride)) {
		refuse(m, "a tensor that is described in no way known");
		return;
	}
	t.storage = of->place;
	t.offset = offset->whole;
	t.rank = (int)size->n;
	/* the last element must lie in the storage, and no more elements than it has */
	int64_t count = 1, last = t.offset;
	bool bad = false;
	for (int i = 0; i < t.rank; i++) {
		int64_t span = 0;
		bad = bad || __builtin_mul_overflow(count, t.n[i], &count) ||
		      (t.n[i] && __builtin_mul_overflow(t.n[i] - 1, t.stride[i], &span)) || __builtin_add_overflow(last, span, &last);
	}
	int64_t elements = m->p->storages[t.storage].elements;
	if (bad || count > elements || (count && last >= elements)) {
		refuse(m, "a tensor that is larger than its storage");
		return;
	}
	if (m->p->n_tensors == PICKLE_MAX_TENSORS) {
		refuse(m, "more tensors than a checkpoint can have");
		return;
	}
	grow(m, &m->p->tensors, &m->p->tensors_room, m->p->n_tensors + 1, sizeof t);
	if (m->code)
		return;
	m->p->tensors[m->p->n_tensors] = t;
	push_new(m, (pickle_value){ .kind = PICKLE_TENSOR, .place = (uint32_t)m->p->n_tensors++ });
}

/* OrderedDict(), or of a list of pairs. */
static void dict(machine *m, const pickle_value *args)
{
	const pickle_value *pairs = item(m, args, 0, PICKLE_LIST);
	if (args->n > 1 || (args->n && !pairs)) {
		refuse(m, "an OrderedDict that is described in no way known");
		return;
	}
	const bool some = args->n > 0;
	const uint32_t from = some ? args->items[0] : 0;
	const uint32_t made = new_value(m, (pickle_value){ .kind = PICKLE_DICT }); /* values may have moved: args is not looked at again */
	for (uint32_t i = 0; some && !m->code && i < value(m, from)->n; i++) {
		const pickle_value *pair = item(m, value(m, from), i, PICKLE_LIST);
		if (!pair || pair->n != 2)
			refuse(m, "an OrderedDict that is described in no way known");
		else
			append(m, made, pair->items, 2);
	}
	push(m, made);
}

/* Is one of the first n arguments an object? Then nothing else is known of what is made of it. */
static bool depends(machine *m, const pickle_value *args, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (item(m, args, i, PICKLE_OTHER)) {
			push_object(m, args->items[i]);
			return true;
		}
	return false;
}

/* Nothing is ever called: a known name makes a value out of its arguments, any other an object. */
static void call(machine *m)
{
	uint32_t args = pop(m), by = pop(m);
	if (m->code)
		return;
	const pickle_value *what = value(m, by), *list = value(m, args);
	if (what->kind == PICKLE_OTHER || (what->kind == PICKLE_NAME && (what->n == NAMES || list->kind == PICKLE_OTHER))) {
		push_object(m, by);
		return;
	}
	if (what->kind != PICKLE_NAME || list->kind != PICKLE_LIST) {
		refuse(m, "calls what is no name");
		return;
	}
	switch (names[what->n].meaning) {
	case MEANS_DICT:
		if (!depends(m, list, 1))
			dict(m, list);
		break;
	case MEANS_TENSOR:
		if (!depends(m, list, 4))
			tensor(m, list);
		break;
	case MEANS_PARAMETER:
		if (item(m, list, 0, PICKLE_TENSOR))
			push(m, list->items[0]);
		else if (!depends(m, list, 1))
			refuse(m, "a parameter that is no tensor");
		break;
	case MEANS_STORAGE:
		refuse(m, "makes a storage");
		break;
	}
}

/* Attributes of a dictionary (PyTorch's _metadata) or of an object carried along: nothing of theirs is kept. */
static void build(machine *m)
{
	pop(m);
	uint32_t v = top(m);
	if (!m->code && value(m, v)->kind != PICKLE_DICT && value(m, v)->kind != PICKLE_OTHER)
		refuse(m, "attributes of what has none");
}

/* n values on top of the stack, already taken off, go into the list or dictionary below them. */
static void put(machine *m, const uint32_t *items, size_t n, enum pickle_kind kind)
{
	uint32_t into = top(m);
	if (m->code || value(m, into)->kind == PICKLE_OTHER)
		return;
	if (value(m, into)->kind != kind || (kind == PICKLE_DICT && n % 2))
		refuse(m, "puts values into what holds none");
	append(m, into, items, n);
}

static void put_top(machine *m, size_t n, enum pickle_kind kind)
{
	if (!m->code && above_mark(m) < n)
		refuse(m, "takes a value where there is none");
	if (m->code)
		return;
	m->depth -= n;
	put(m, m->stack + m->depth, n, kind);
}

static void put_marked(machine *m, enum pickle_kind kind)
{
	size_t n;
	const uint32_t *items = pop_mark(m, &n);
	put(m, items, n, kind);
}

static void mark(machine *m)
{
	grow(m, &m->marks, &m->marks_room, m->n_marks + 1, sizeof *m->marks);
	if (!m->code)
		m->marks[m->n_marks++] = (uint32_t)m->depth;
}

/* ---- the operations ---- */

static void push_none(machine *m) { push_new(m, (pickle_value){ .kind = PICKLE_NONE }); }

static void push_int32(machine *m) { push_int(m, (int32_t)take_number(m, 4)); }

static void push_marked_list(machine *m)
{
	size_t n;
	const uint32_t *items = pop_mark(m, &n);
	push_list(m, items, n);
}

static void drop_marked(machine *m)
{
	size_t n;
	pop_mark(m, &n);
}

static void duplicate(machine *m) { push(m, top(m)); }

static void memoize(machine *m) { remember(m, m->n_memo); }

/* Its keyword arguments go. */
static void call_with_keywords(machine *m)
{
	pop(m);
	call(m);
}

static void check_protocol(machine *m, int newest)
{
	if (take_number(m, 1) > (uint64_t)newest)
		refuse(m, "a pickle of a later protocol");
}

static void skip(machine *m, int bytes) { take(m, (uint64_t)bytes); }

static void push_bool(machine *m, int v) { push_int(m, v); }

static void push_unsigned(machine *m, int bytes) { push_int(m, (int64_t)take_number(m, bytes)); }

/* The number itself, or the text, follows its length, which has so many bytes. */
static void push_long_of(machine *m, int bytes) { push_long(m, take_number(m, bytes)); }

static void push_text_of(machine *m, int bytes) { push_text(m, take_number(m, bytes)); }

static void push_empty(machine *m, int kind) { push_new(m, (pickle_value){ .kind = (enum pickle_kind)kind }); }

static void push_tuple(machine *m, int n) { tuple(m, (size_t)n); }

/* An element of a list, or a key and its value. */
static void put_one(machine *m, int kind) { put_top(m, kind == PICKLE_DICT ? 2 : 1, (enum pickle_kind)kind); }

static void put_all(machine *m, int kind) { put_marked(m, (enum pickle_kind)kind); }

static void remember_as(machine *m, int bytes) { remember(m, take_number(m, bytes)); }

static void recall_of(machine *m, int bytes) { recall(m, take_number(m, bytes)); }

/* What an operation does; `run_with` gets n. */
typedef struct operation {
	void (*run)(machine *m);
	void (*run_with)(machine *m, int n);
	int n;
} operation;

/* By code, with the names of pickletools. STOP ends the pickle, and is in no table. */
static const operation operations[256] = {
	[0x80] = { .run_with = check_protocol, .n = 5 }, /* PROTO */
	[0x95] = { .run_with = skip, .n = 8 }, /* FRAME */
	['('] = { .run = mark }, /* MARK */
	['N'] = { .run = push_none }, /* NONE */
	[0x88] = { .run_with = push_bool, .n = 1 }, /* NEWTRUE */
	[0x89] = { .run_with = push_bool, .n = 0 }, /* NEWFALSE */
	['J'] = { .run = push_int32 }, /* BININT */
	['K'] = { .run_with = push_unsigned, .n = 1 }, /* BININT1 */
	['M'] = { .run_with = push_unsigned, .n = 2 }, /* BININT2 */
	[0x8a] = { .run_with = push_long_of, .n = 1 }, /* LONG1 */
	[0x8b] = { .run_with = push_long_of, .n = 4 }, /* LONG4 */
	['G'] = { .run = push_real }, /* BINFLOAT */
	['X'] = { .run_with = push_text_of, .n = 4 }, /* BINUNICODE */
	['T'] = { .run_with = push_text_of, .n = 4 }, /* BINSTRING */
	['B'] = { .run_with = push_text_of, .n = 4 }, /* BINBYTES */
	[0x8c] = { .run_with = push_text_of, .n = 1 }, /* SHORT_BINUNICODE */
	['U'] = { .run_with = push_text_of, .n = 1 }, /* SHORT_BINSTRING */
	['C'] = { .run_with = push_text_of, .n = 1 }, /* SHORT_BINBYTES */
	[0x8d] = { .run_with = push_text_of, .n = 8 }, /* BINUNICODE8 */
	[0x8e] = { .run_with = push_text_of, .n = 8 }, /* BINBYTES8 */
	[0x96] = { .run_with = push_text_of, .n = 8 }, /* BYTEARRAY8 */
	[')'] = { .run_with = push_empty, .n = PICKLE_LIST }, /* EMPTY_TUPLE */
	[']'] = { .run_with = push_empty, .n = PICKLE_LIST }, /* EMPTY_LIST */
	[0x8f] = { .run_with = push_empty, .n = PICKLE_LIST }, /* EMPTY_SET */
	['}'] = { .run_with = push_empty, .n = PICKLE_DICT }, /* EMPTY_DICT */
	['t'] = { .run = push_marked_list }, /* TUPLE */
	[0x91] = { .run = push_marked_list }, /* FROZENSET */
	[0x85] = { .run_with = push_tuple, .n = 1 }, /* TUPLE1 */
	[0x86] = { .run_with = push_tuple, .n = 2 }, /* TUPLE2 */
	[0x87] = { .run_with = push_tuple, .n = 3 }, /* TUPLE3 */
	['a'] = { .run_with = put_one, .n = PICKLE_LIST }, /* APPEND */
	['e'] = { .run_with = put_all, .n = PICKLE_LIST }, /* APPENDS */
	[0x90] = { .run_with = put_all, .n = PICKLE_LIST }, /* ADDITEMS */
	['s'] = { .run_with = put_one, .n = PICKLE_DICT }, /* SETITEM */
	['u'] = { .run_with = put_all, .n = PICKLE_DICT }, /* SETITEMS */
	['q'] = { .run_with = remember_as, .n = 1 }, /* BINPUT */
	['r'] = { .run_with = remember_as, .n = 4 }, /* LONG_BINPUT */
	[0x94] = { .run = memoize }, /* MEMOIZE */
	['h'] = { .run_with = recall_of, .n = 1 }, /* BINGET */
	['j'] = { .run_with = recall_of, .n = 4 }, /* LONG_BINGET */
	['c'] = { .run = read_name }, /* GLOBAL */
	[0x93] = { .run = name_from_stack }, /* STACK_GLOBAL */
	['Q'] = { .run = storage }, /* BINPERSID */
	['R'] = { .run = call }, /* REDUCE */
	[0x81] = { .run = call }, /* NEWOBJ */
	[0x92] = { .run = call_with_keywords }, /* NEWOBJ_EX */
	['0'] = { .run = drop }, /* POP */
	['1'] = { .run = drop_marked }, /* POP_MARK */
	['2'] = { .run = duplicate }, /* DUP */
	['b'] = { .run = build }, /* BUILD */
};

static void step(machine *m, unsigned char code)
{
	const operation *o = &operations[code];
	if (o->run)
		o->run(m);
	else if (o->run_with)
		o->run_with(m, o->n);
	else
		refuse(m, "an operation that checkpoints do not need");
}

int pickle_read(pickle *p, const void *bytes, size_t n, size_t *used, uint32_t *root, err *e)
{
	const unsigned char *b = bytes;
	size_t most = n < PICKLE_MAX_BYTES ? n : PICKLE_MAX_BYTES;
	machine m = { .p = p, .begin = b, .at = b, .end = b + most, .e = e };
	const unsigned char *op;
	*root = 0;
	while ((op = take(&m, 1)) && *op != '.')
		step(&m, *op);
	*root = pop(&m);
	if (!m.code && (m.depth || m.n_marks))
		refuse(&m, "ends with values left over");
	*used = (size_t)(m.at - b);
	free(m.stack);
	free(m.memo);
	free(m.marks);
	return m.code;
}

void pickle_free(pickle *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->values[i].kind == PICKLE_LIST || p->values[i].kind == PICKLE_DICT)
			free(p->values[i].items);
	free(p->values);
	free(p->storages);
	free(p->tensors);
	*p = (pickle){ 0 };
}

void pickle_class(const pickle *p, const pickle_value *v, char out[PICKLE_CLASS])
{
	const pickle_value *name = v->kind == PICKLE_OTHER ? &p->values[v->place] : v, *text = &p->values[name->place];
	snprintf(out, PICKLE_CLASS, "%.*s.%.*s", text[0].n < 90 ? (int)text[0].n : 90, text[0].text, text[1].n < 90 ? (int)text[1].n : 90,
		 text[1].text);
}

bool pickle_text_is(const pickle_value *v, const char *text)
{
	return v->kind == PICKLE_TEXT && v->n == strlen(text) && !memcmp(v->text, text, v->n);
}

const pickle_value *pickle_get(const pickle *p, const pickle_value *d, const char *key)
{
	for (size_t i = d->kind == PICKLE_DICT ? d->n / 2 : 0; i-- > 0;)
		if (pickle_text_is(&p->values[d->items[2 * i]], key))
			return &p->values[d->items[2 * i + 1]];
	return NULL;
}
