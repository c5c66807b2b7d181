/*
 * A context is a place for a map, and maps are shared: nobody changes one that others may see.
 *
 * The current context is the running task's; outside of tasks, that of the thread, where the
 * loop puts the one that a callback has remembered. Both may be NULL as long as they are empty.
 */
#include "loop/context.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "loop/loop.h"

struct eddy_context_var {
  atomic_size_t refs;
  char *name;
  bool has_fallback;
  eddy_value fallback;
};

struct entry {
  eddy_context_var *var; /* referenced */
  eddy_value value;
};

struct map {
  atomic_size_t refs;
  size_t count;
  struct entry entries[];
};

struct eddy_context {
  atomic_size_t refs;
  uint64_t id;         /* never given twice: tokens remember it */
  atomic_bool entered; /* eddy_context_run is under way in it */
  struct map *map;     /* referenced; NULL: empty */
};

/* What an eddy_context_token holds. */
struct token {
  eddy_context_var *var;
  uint64_t context;
  eddy_value before;
  bool was_set;
  bool used;
};

_Static_assert(
    sizeof(struct token) <= sizeof(eddy_context_token), "the token is too small");

atomic_bool eddy__contexts_used;

/* ---- variables ---- */

int eddy_context_var_new(
    const char *name, const eddy_value *fallback, eddy_context_var **out)
{
  if (name == NULL || out == NULL) return EDDY_EINVAL;
  eddy_context_var *var = eddy__alloc(sizeof(*var));
  if (var == NULL) return EDDY_ENOMEM;
  var->name = eddy__strdup(name);
  if (var->name == NULL) {
    eddy__free(var);
    return EDDY_ENOMEM;
  }
  atomic_init(&var->refs, 1);
  var->has_fallback = fallback != NULL;
  if (fallback != NULL) var->fallback = *fallback;
  *out = var;
  return 0;
}

static void ref(atomic_size_t *refs)
{
  atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

/* Whether that was the last one. */
static bool unref(atomic_size_t *refs)
{
  return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

eddy_context_var *eddy_context_var_ref(eddy_context_var *var)
{
  ref(&var->refs);
  return var;
}

void eddy_context_var_unref(eddy_context_var *var)
{
  if (var == NULL || !unref(&var->refs)) return;
  eddy__free(var->name);
  eddy__free(var);
}

const char *eddy_context_var_name(const eddy_context_var *var)
{
  return var->name;
}

/* ---- maps ---- */

static void unref_map(struct map *map)
{
  if (map == NULL || !unref(&map->refs)) return;
  for (size_t i = 0; i < map->count; i++) {
    eddy_context_var_unref(map->entries[i].var);
  }
  eddy__free(map);
}

static struct entry *find(struct map *map, const eddy_context_var *var)
{
  for (size_t i = 0; map != NULL && i < map->count; i++) {
    if (map->entries[i].var == var) return &map->entries[i];
  }
  return NULL;
}

/* A map that this context alone has, with room for one more entry; NULL without memory. The old
 * one stays where it is. */
static struct map *copy_map(const struct map *map)
{
  size_t count = map != NULL ? map->count : 0;
  struct map *copy = eddy__alloc(sizeof(*copy) + (count + 1) * sizeof(struct entry));
  if (copy == NULL) return NULL;
  atomic_init(&copy->refs, 1);
  copy->count = count;
  for (size_t i = 0; i < count; i++) {
    copy->entries[i] = map->entries[i];
    (void)eddy_context_var_ref(copy->entries[i].var);
  }
  return copy;
}

/* Gives the context a map of its own. */
static int own_map(eddy_context *context, bool grow)
{
  struct map *map = context->map;
  if (map != NULL && !grow && atomic_load(&map->refs) == 1) return 0;
  struct map *copy = copy_map(map);
  if (copy == NULL) return EDDY_ENOMEM;
  context->map = copy;
  unref_map(map);
  return 0;
}

static int put(eddy_context *context, eddy_context_var *var, eddy_value value)
{
  bool grow = find(context->map, var) == NULL;
  int rc = own_map(context, grow);
  if (rc < 0) return rc;
  if (grow) {
    struct map *map = context->map;
    map->entries[map->count++] = (struct entry){eddy_context_var_ref(var), value};
  } else {
    find(context->map, var)->value = value;
  }
  return 0;
}

static int take_out(eddy_context *context, const eddy_context_var *var)
{
  int rc = own_map(context, false);
  if (rc < 0) return rc;
  struct map *map = context->map;
  struct entry *entry = find(map, var);
  if (entry == NULL) return 0;
  eddy_context_var_unref(entry->var);
  *entry = map->entries[--map->count];
  if (map->count == 0) {
    unref_map(map);
    context->map = NULL;
  }
  return 0;
}

/* ---- contexts ---- */

static eddy_context *new_context(struct map *map)
{
  static atomic_uint_fast64_t last_id;
  eddy_context *context = eddy__alloc(sizeof(*context));
  if (context == NULL) return NULL;
  atomic_init(&context->refs, 1);
  context->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
  context->map = map;
  if (map != NULL) ref(&map->refs);
  return context;
}

int eddy_context_copy(const eddy_context *context, eddy_context **out)
{
  if (context == NULL || out == NULL) return EDDY_EINVAL;
  eddy_context *copy = new_context(context->map);
  if (copy == NULL) return EDDY_ENOMEM;
  *out = copy;
  return 0;
}

int eddy_context_new(eddy_context **out)
{
  static const eddy_context empty;
  return eddy_context_copy(&empty, out);
}

eddy_context *eddy_context_ref(eddy_context *context)
{
  ref(&context->refs);
  return context;
}

void eddy_context_unref(eddy_context *context)
{
  if (context == NULL || !unref(&context->refs)) return;
  unref_map(context->map);
  eddy__free(context);
}

size_t eddy_context_count(const eddy_context *context)
{
  return context->map != NULL ? context->map->count : 0;
}

int eddy_context_get(
    const eddy_context *context, const eddy_context_var *var, eddy_value *value)
{
  if (context == NULL || var == NULL || value == NULL) return EDDY_EINVAL;
  const struct entry *entry = find(context->map, var);
  if (entry == NULL) {
    return eddy_raise(
        EDDY_ENOENT, "context get: variable '%s' has no value in it", var->name);
  }
  *value = entry->value;
  return 0;
}

/* ---- the current one ---- */

/* Where the current context stands. A task may have no place for one yet: NULL, without memory if
 * it is to be made. */
static eddy_context **current_place(bool make)
{
  if (eddy__self.task == NULL) return &eddy__self.context;
  return eddy__self.loop->hooks->context(eddy__self.task, make);
}

eddy_context *eddy__context_now(void)
{
  eddy_context **place = current_place(false);
  return place != NULL ? *place : NULL;
}

eddy_context *eddy__context_at(eddy_context **place)
{
  if (place == NULL) return NULL;
  if (*place == NULL) *place = new_context(NULL);
  return *place;
}

int eddy__context_copy_current(eddy_context **out)
{
  const eddy_context *context = eddy__context_now();
  if (context == NULL || context->map == NULL) return 0;
  return eddy_context_copy(context, out);
}

int eddy_copy_context(eddy_context **out)
{
  if (out == NULL) return EDDY_EINVAL;
  const eddy_context *context = eddy__context_now();
  return context != NULL ? eddy_context_copy(context, out) : eddy_context_new(out);
}

void eddy__context_drop(void)
{
  eddy_context_unref(eddy__self.context);
  eddy__self.context = NULL;
}

static void end_thread(void *unused)
{
  (void)unused;
  eddy__context_drop();
}

/* The current context, to be changed; NULL without memory. A thread's own one goes with it. */
static eddy_context *current_context(void)
{
  bool of_thread = eddy__self.task == NULL && eddy__self.loop == NULL;
  if (of_thread && !eddy__on_thread_end(end_thread)) return NULL;
  return eddy__context_at(current_place(true));
}

int eddy__context_call(eddy_context *context, eddy_fn *fn, void *arg)
{
  eddy_context *outer = eddy__self.context;
  eddy__self.context = eddy_context_ref(context);
  int rc = fn(arg);
  eddy__context_drop();
  eddy__self.context = outer;
  return rc;
}

int eddy_context_run(eddy_context *context, eddy_fn *fn, void *arg)
{
  if (context == NULL || fn == NULL) return EDDY_EINVAL;
  eddy_context **place = current_place(true);
  if (place == NULL) return EDDY_ENOMEM;
  if (context == *place || atomic_exchange(&context->entered, true)) {
    return eddy_raise(
        EDDY_ERUNTIME, "context run: the context is entered already; run a copy of it");
  }
  eddy_context *outer = *place;
  *place = eddy_context_ref(context);
  int rc = fn(arg);
  *place = outer;
  atomic_store(&context->entered, false);
  eddy_context_unref(context);
  return rc;
}

int eddy_context_var_get(const eddy_context_var *var, eddy_value *value)
{
  if (var == NULL || value == NULL) return EDDY_EINVAL;
  const eddy_context *context = eddy__context_now();
  const struct entry *entry = context != NULL ? find(context->map, var) : NULL;
  if (entry == NULL && !var->has_fallback) {
    return eddy_raise(EDDY_ENOENT,
        "context variable '%s' has no value here and no fallback", var->name);
  }
  *value = entry != NULL ? entry->value : var->fallback;
  return 0;
}

int eddy_context_var_set(
    eddy_context_var *var, eddy_value value, eddy_context_token *token)
{
  if (var == NULL) return EDDY_EINVAL;
  eddy_context *context = current_context();
  if (context == NULL) return EDDY_ENOMEM;
  const struct entry *entry = find(context->map, var);
  struct token kept = {.var = var, .context = context->id, .was_set = entry != NULL};
  if (entry != NULL) kept.before = entry->value;
  int rc = put(context, var, value);
  if (rc < 0) return rc;
  atomic_store_explicit(&eddy__contexts_used, true, memory_order_relaxed);
  if (token != NULL) memcpy(token, &kept, sizeof(kept));
  return 0;
}

int eddy_context_var_reset(eddy_context_var *var, eddy_context_token *token)
{
  struct token kept;
  if (var == NULL || token == NULL) return EDDY_EINVAL;
  memcpy(&kept, token, sizeof(kept));
  if (kept.used) {
    return eddy_raise(EDDY_ERUNTIME,
        "context reset: the token of variable '%s' was used before", var->name);
  }
  if (kept.var != var) {
    return eddy_raise(
        EDDY_EINVAL, "context reset: the token is not one of variable '%s'", var->name);
  }
  eddy_context *context = eddy__context_now();
  if (context == NULL || context->id != kept.context) {
    return eddy_raise(EDDY_EINVAL,
        "context reset: variable '%s' was set in another context", var->name);
  }
  int rc = kept.was_set ? put(context, var, kept.before) : take_out(context, var);
  if (rc < 0) return rc;
  kept.used = true;
  memcpy(token, &kept, sizeof(kept));
  return 0;
}
