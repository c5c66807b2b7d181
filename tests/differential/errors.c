#include <stdlib.h>
#include <string.h>

#include "scenario.h"

/* The errors that scenarios name themselves: far from eddy's own codes. */
static const struct {
  const char *name;
  int code;
} names[] = {
    {"A", -900001},
    {"B", -900002},
    {"C", -900003},
    {"D", -900004},
    {"cancelled", EDDY_ECANCELLED},
    {"timeout", EDDY_ETIMEDOUT},
    {"group", EDDY_EGROUP},
    {"state", EDDY_EINVALIDSTATE},
    {"empty", EDDY_EQUEUEEMPTY},
    {"full", EDDY_EQUEUEFULL},
    {"shutdown", EDDY_EQUEUESHUTDOWN},
    {"broken", EDDY_EBROKENBARRIER},
    {"runtime", EDDY_ERUNTIME},
    {"value", EDDY_EINVAL},
};

bool is_own(int code)
{
  return code <= error_code("A") && code >= error_code("D");
}

int error_code(const char *name)
{
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (strcmp(names[i].name, name) == 0) return names[i].code;
  }
  abort();
}

const char *error_name(int code)
{
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (names[i].code == code) return names[i].name;
  }
  return eddy_err_name(code);
}

static struct object *task_named(struct scenario *scenario, const char *name)
{
  struct object *object = scenario->objects;
  while (object != NULL && strcmp(object->name, name) != 0) {
    object = object->next;
  }
  return object;
}

void parts_print(
    struct text *text, struct scenario *scenario, const eddy_error_part *part)
{
  const char *before = "(";
  for (; part != NULL; part = part->next) {
    const struct object *task = task_named(scenario, part->name);
    text_add(text, "%s%s", before, error_name(part->code));
    if (part->code == EDDY_EGROUP && task != NULL && !task->lost) {
      parts_print(text, scenario, part->parts);
    }
    before = ",";
  }
  text_add(text, *before == '(' ? "()" : ")");
}
