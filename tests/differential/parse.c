#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

enum { MAX_WORDS = MAX_ARGS + 2 };

struct parser {
  const char *path;
  struct scenario *scenario;
  int line; /* of the scenario, from 1 */
  size_t count;
  char *words[MAX_WORDS];

  /* The body under way. */
  struct body *body;
  size_t room;
  size_t depth;
  size_t open[MAX_DEPTH];   /* the instructions whose blocks are open */
  size_t latest[MAX_DEPTH]; /* of a try: itself or its last handler */
};

static void complain(const struct parser *parser, const char *what)
{
  fprintf(stderr, "%s: scenario %s, line %d: %s\n", parser->path,
      parser->scenario != NULL ? parser->scenario->name : "-", parser->line, what);
  exit(2);
}

static struct object *named(struct parser *parser, const char *name)
{
  struct scenario *scenario = parser->scenario;
  for (struct object *object = scenario->objects; object != NULL; object = object->next) {
    if (strcmp(object->name, name) == 0) return object;
  }
  struct object *object = new_memory(sizeof(*object));
  object->name = name;
  *scenario->last = object;
  scenario->last = &object->next;
  return object;
}

/* ---- declarations ---- */

static struct object *declare(struct parser *parser, const char *name, unsigned kind)
{
  struct scenario *scenario = parser->scenario;
  struct object *object = named(parser, name);
  if (object->what != NULL) complain(parser, "declared twice");
  object->kind = kind;
  object->what = parser->words[0];
  size_t size = (scenario->declared_count + 1) * sizeof(struct object *);
  scenario->declared = realloc(scenario->declared, size);
  if (scenario->declared == NULL) abort();
  scenario->declared[scenario->declared_count++] = object;
  return object;
}

static void parse_details(struct parser *parser, struct object *object)
{
  for (size_t word = 2; word < parser->count; word++) {
    const char *text = parser->words[word];
    if (isdigit((unsigned char)*text) || *text == '-') {
      object->number = atoll(text);
    } else if (object->kind == CONDITION) {
      object->lock = named(parser, text);
    } else {
      object->order = text;
    }
  }
}

static bool parse_declaration(struct parser *parser)
{
  static const struct {
    const char *word;
    unsigned kind;
  } kinds[] = {{"future", FUTURE}, {"queue", QUEUE}, {"lock", LOCK},
      {"condition", CONDITION}, {"semaphore", SEMAPHORE}, {"bounded", SEMAPHORE},
      {"barrier", BARRIER}, {"event", EVENT}, {"var", VARIABLE}};
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    if (strcmp(parser->words[0], kinds[i].word) != 0) continue;
    if (parser->count < 2) complain(parser, "a name is missing");
    if (kinds[i].kind != FUTURE) {
      parse_details(parser, declare(parser, parser->words[1], kinds[i].kind));
      return true;
    }
    for (size_t word = 1; word < parser->count; word++) {
      (void)declare(parser, parser->words[word], FUTURE);
    }
    return true;
  }
  return false;
}

/* ---- instructions ---- */

static void parse_argument(
    struct parser *parser, char letter, struct instruction *instruction, char *word)
{
  struct argument *argument = &instruction->args[instruction->count++];
  argument->word = word;
  if (strchr("wo", letter) != NULL) return;
  if (strchr("nt", letter) != NULL) {
    argument->none = strcmp(word, "-") == 0;
    argument->number = atoll(word);
    return;
  }
  char *dot = strchr("ry", letter) != NULL ? strchr(word, '.') : NULL;
  if (dot != NULL) {
    *dot = '\0';
    argument->word = dot + 1;
  }
  if (strcmp(word, "self") == 0 || (letter == 'r' && dot == NULL)) return;
  argument->object = named(parser, word);
  if (letter == 'd') argument->object->kind = instruction->operation->kind;
}

static void parse_arguments(struct parser *parser, struct instruction *instruction)
{
  const char *letters = instruction->operation->arguments;
  for (size_t word = 1; word < parser->count; word++) {
    if (*letters == '\0') complain(parser, "too many words");
    parse_argument(parser, *letters, instruction, parser->words[word]);
    if (letters[1] != '*') letters++;
  }
  if (*letters != '\0' && *letters != 'o' && letters[1] != '*')
    complain(parser, "words are missing");
}

static struct instruction *append(
    struct parser *parser, const struct operation *operation)
{
  struct body *body = parser->body;
  if (body->count == parser->room) {
    parser->room = parser->room == 0 ? 16 : parser->room * 2;
    size_t size = parser->room * sizeof(struct instruction);
    body->instructions = realloc(body->instructions, size);
    if (body->instructions == NULL) abort();
  }
  struct instruction *instruction = &body->instructions[body->count++];
  memset(instruction, 0, sizeof(*instruction));
  instruction->operation = operation;
  instruction->line = parser->line;
  return instruction;
}

/* Ties the blocks together. Whether the body goes on. */
static bool parse_block(struct parser *parser, size_t at)
{
  struct instruction *all = parser->body->instructions;
  enum block_kind block = all[at].operation->block;
  size_t top = parser->depth - 1;
  if (block == REPEAT || block == TRY || block == TIMEOUT || block == GROUP) {
    if (parser->depth == MAX_DEPTH) complain(parser, "too deep");
    parser->open[parser->depth] = at;
    parser->latest[parser->depth++] = at;
    return true;
  }
  if (block == END && parser->depth == 0) return false;
  if (block == EXCEPT || block == FINALLY) {
    if (parser->depth == 0 || all[parser->open[top]].operation->block != TRY) {
      complain(parser, "stands in no try");
    }
    if (block == FINALLY) {
      all[parser->open[top]].final = at;
    } else {
      all[parser->latest[top]].next = at;
      parser->latest[top] = at;
    }
  }
  if (block != END) return true;
  parser->depth--;
  size_t opened = parser->open[top];
  do {
    all[opened].end = at;
    opened = all[opened].next;
  } while (opened != 0);
  size_t final = all[parser->open[top]].final;
  if (final != 0) all[final].end = at;
  all[at].next = parser->open[top]; /* an end knows its beginning */
  return true;
}

/* A line inside a body. Whether the body goes on. */
static bool parse_instruction(struct parser *parser)
{
  bool maybe = strcmp(parser->words[0], "maybe") == 0;
  if (maybe) memmove(parser->words, parser->words + 1, --parser->count * sizeof(char *));
  const struct operation *operation = parser->count > 0 ? operation_find(parser->words[0])
                                                        : NULL;
  if (operation == NULL) complain(parser, "no such instruction");
  struct instruction *instruction = append(parser, operation);
  instruction->maybe = maybe;
  parse_arguments(parser, instruction);
  return parse_block(parser, parser->body->count - 1);
}

static void parse_outside(struct parser *parser)
{
  const char *word = parser->words[0];
  if (parse_declaration(parser)) return;
  bool main = strcmp(word, "main") == 0;
  unsigned kind = strcmp(word, "callback") == 0 ? CALLBACK : TASK;
  if (!main && kind == TASK && strcmp(word, "task") != 0)
    complain(parser, "no such declaration");
  parser->body = new_memory(sizeof(*parser->body));
  parser->room = 0;
  parser->body->next = parser->scenario->bodies;
  parser->scenario->bodies = parser->body;
  for (size_t i = main ? 0 : 1; i < parser->count; i++) {
    declare(parser, parser->words[i], kind)->body = parser->body;
  }
}

/* ---- what arguments may be ---- */

static unsigned allowed(char letter)
{
  switch (letter) {
  case 'f':
    return AWAITABLE;
  case 'F':
    return FUTURE;
  case 'T':
    return TASK;
  case 'q':
    return QUEUE;
  case 'l':
    return LOCK | CONDITION | SEMAPHORE;
  case 'c':
    return CONDITION;
  case 'b':
    return BARRIER;
  case 'e':
    return EVENT;
  case 'v':
    return VARIABLE;
  case 'k':
    return COMPLETIONS;
  case 'h':
    return HANDLE;
  case 'C':
    return CALLBACK;
  case 'x':
    return EVENT | CONDITION | BARRIER;
  default:
    return ~0u;
  }
}

static void check_kinds(struct parser *parser)
{
  for (struct body *body = parser->scenario->bodies; body != NULL; body = body->next) {
    for (size_t i = 0; i < body->count; i++) {
      struct instruction *instruction = &body->instructions[i];
      const char *letter = instruction->operation->arguments;
      for (size_t a = 0; a < instruction->count; a++) {
        const struct object *object = instruction->args[a].object;
        parser->line = instruction->line;
        if (object != NULL && (object->kind & allowed(*letter)) == 0 && *letter != 'y') {
          complain(parser, "an argument is of the wrong kind");
        }
        if (letter[1] != '*') letter++;
      }
    }
  }
}

/* ---- files ---- */

static void split(struct parser *parser, char *line)
{
  char *comment = strchr(line, '#');
  if (comment != NULL) *comment = '\0';
  parser->count = 0;
  static const char blanks[] = " \t\r";
  for (char *word = line + strspn(line, blanks); *word != '\0';) {
    char *end = word + strcspn(word, blanks);
    char *next = end + strspn(end, blanks);
    *end = '\0';
    if (parser->count == MAX_WORDS) complain(parser, "too many words");
    parser->words[parser->count++] = word;
    word = next;
  }
}

/* The text of one scenario, first line included. */
static struct scenario *parse_scenario(
    struct parser *parser, const char *text, size_t size)
{
  struct scenario *scenario = new_memory(sizeof(*scenario));
  scenario->last = &scenario->objects;
  scenario->words = new_memory(size + 1);
  memcpy(scenario->words, text, size);
  text_add(&scenario->source, "%.*s", (int)size, text);
  parser->scenario = scenario;
  parser->line = 0;
  parser->body = NULL;
  parser->depth = 0;
  for (char *line = scenario->words; line != NULL;) {
    char *end = strchr(line, '\n');
    if (end != NULL) *end = '\0';
    parser->line++;
    split(parser, line);
    line = end != NULL ? end + 1 : NULL;
    if (parser->line == 1) {
      if (parser->count != 2) complain(parser, "a name is missing");
      scenario->name = parser->words[1];
    } else if (parser->count > 0 && parser->body != NULL) {
      if (!parse_instruction(parser)) parser->body = NULL;
    } else if (parser->count > 0) {
      parse_outside(parser);
    }
  }
  if (parser->body != NULL) complain(parser, "an end is missing");
  check_kinds(parser);
  return scenario;
}

char *file_read(const char *path)
{
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    exit(2);
  }
  struct text text = {0};
  char part[4096];
  size_t size;
  while ((size = fread(part, 1, sizeof(part), file)) > 0) {
    text_add(&text, "%.*s", (int)size, part);
  }
  fclose(file);
  return text.data != NULL ? text.data : new_memory(1);
}

static const char *next_scenario(const char *text)
{
  while (text != NULL && strncmp(text, "scenario ", 9) != 0) {
    text = strchr(text, '\n');
    if (text != NULL) text++;
  }
  return text;
}

struct scenario *scenarios_read(const char *path)
{
  struct parser parser = {.path = path};
  char *file = file_read(path);
  struct scenario *first = NULL;
  struct scenario **last = &first;
  for (const char *text = next_scenario(file); text != NULL;) {
    const char *next = next_scenario(text + 1);
    size_t size = next != NULL ? (size_t)(next - text) : strlen(text);
    *last = parse_scenario(&parser, text, size);
    last = &(*last)->next;
    text = next;
  }
  free(file);
  return first;
}

static void free_one(struct scenario *scenario)
{
  while (scenario->objects != NULL) {
    struct object *next = scenario->objects->next;
    free(scenario->objects);
    scenario->objects = next;
  }
  while (scenario->bodies != NULL) {
    struct body *next = scenario->bodies->next;
    free(scenario->bodies->instructions);
    free(scenario->bodies);
    scenario->bodies = next;
  }
  free(scenario->declared);
  free(scenario->source.data);
  free(scenario->words);
  free(scenario);
}

void scenarios_free(struct scenario *scenario)
{
  while (scenario != NULL) {
    struct scenario *next = scenario->next;
    free_one(scenario);
    scenario = next;
  }
}
