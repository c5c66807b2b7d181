/* Scenarios: what README.md describes, as parsed and as it runs. */
#ifndef EDDY_DIFFERENTIAL_SCENARIO_H
#define EDDY_DIFFERENTIAL_SCENARIO_H

#include <eddy.h>

enum { MAX_ARGS = 12, MAX_DEPTH = 16, MAX_REGIONS = 8 };

/* ---- text that grows (text.c) ---- */

struct text {
  char *data; /* owned, zero-terminated once anything was added */
  size_t size;
  size_t room;
};

void text_add(struct text *text, const char *format, ...) EDDY_PRINTF(2, 3);
void text_reset(struct text *text);

/* malloc of zeroed memory that ends the program when there is none. */
void *new_memory(size_t size);

/* A file's text, owned; ends the program if it cannot be read (parse.c). */
char *file_read(const char *path);

/* ---- what a scenario consists of ---- */

/* Kinds are bits, so that an argument can allow several. */
enum kind {
  TASK = 1 << 0,
  FUTURE = 1 << 1,
  GATHER = 1 << 2,
  SHIELD = 1 << 3,
  COMPLETIONS = 1 << 4,
  HANDLE = 1 << 5,
  CALLBACK = 1 << 6,
  QUEUE = 1 << 7,
  LOCK = 1 << 8,
  CONDITION = 1 << 9,
  SEMAPHORE = 1 << 10,
  BARRIER = 1 << 11,
  EVENT = 1 << 12,
  VARIABLE = 1 << 13,
  AWAITABLE = TASK | FUTURE | GATHER | SHIELD,
};

struct actor;
struct world;

/* Whatever has a name. */
struct object {
  struct object *next;
  struct world *world;
  const char *name;
  unsigned kind;      /* 0: not known yet */
  const char *what;   /* the declaration's first word, NULL without one */
  struct body *body;  /* TASK, CALLBACK */
  int64_t number;     /* what it was declared with; a variable's value */
  int64_t started_at; /* a variable's value at first */
  const char *order;
  struct object *lock;

  /* While it runs: made, and owned. */
  bool born;
  eddy_task *task;     /* TASK; `is.future` is the same */
  struct actor *actor; /* TASK */
  bool lost;           /* TASK: the parts of its group error may be gone */
  union {
    eddy_future *future; /* AWAITABLE */
    eddy_handle *handle;
    eddy_queue *queue;
    eddy_lock *locked;
    eddy_condition *condition;
    eddy_semaphore *semaphore;
    eddy_barrier *barrier;
    eddy_event *event;
    eddy_completions *completions;
  } is;
  size_t count; /* COMPLETIONS: of what */
  struct object *members[MAX_ARGS];
  eddy_future *futures[MAX_ARGS];
};

struct argument {
  const char *word;
  int64_t number;
  bool none;             /* "-" */
  struct object *object; /* NULL: the task itself */
};

struct operation;

struct instruction {
  const struct operation *operation;
  int line;
  bool maybe; /* an error is traced, and then ignored */
  size_t count;
  struct argument args[MAX_ARGS];
  size_t next;  /* of `try` and its handlers: the next handler; 0: none */
  size_t final; /* of `try`: its finally; 0: none */
  size_t end;   /* of what opens a block or stands in a try: its end */
};

struct body {
  struct body *next;
  size_t count;
  struct instruction *instructions;
};

struct scenario {
  struct scenario *next;
  char *name;
  struct text source; /* the text, line by line */
  char *words;        /* the text, cut into words */
  struct body *bodies;
  struct object *objects; /* in the order of their first mention */
  struct object **last;
  struct object **declared; /* the same, in the order of declaration */
  size_t declared_count;
};

/* Reads a file; NULL after saying what is wrong with it. */
struct scenario *scenarios_read(const char *path);
void scenarios_free(struct scenario *scenario);

/* ---- running one (world.c) ---- */

enum task_kind { STACKFUL, STACKLESS, MIXED, TASK_KINDS };

struct world {
  struct scenario *scenario;
  enum task_kind task_kind;
  eddy_loop *loop;
  struct text trace;
  struct object *order[64]; /* tasks as they were created */
  size_t order_count;
  unsigned started; /* tasks, for MIXED */
  int rounds;
  bool over;
};

/* Runs it; the trace is added to `trace`. Returns 0 or a code of making the loop. */
int world_run(struct scenario *scenario, enum task_kind kind, struct text *trace);

/* line 0: the end of a body. */
void trace_line(struct world *world, const char *who, int line, const char *text);
void trace_word(struct world *world, const char *what, const char *text);

/* Makes the task and its actor; group NULL: a task of its own. 0, SKIP or an error. */
int world_spawn(struct world *world, struct object *object, eddy_task_group *group);

/* ---- running a body (machine.c) ---- */

/* An error as scenarios see it. */
struct failure {
  int code;
  char message[64]; /* of a cancellation, or an error of the scenario's own; "": none */
  char parts[160];  /* of a group's error, as printed */
  unsigned serial;  /* of a group's error: which one of the task's */
};

enum how { NORMALLY, BY_RETURN, BY_ERROR };

/* How a body or a block ends. */
struct completion {
  enum how how;
  int64_t value;
  struct failure failure;
};

enum phase { IN_BODY, IN_HANDLER, IN_FINAL, LEAVING };

struct block {
  size_t at; /* the instruction that opened it */
  enum phase phase;
  int64_t count;             /* repeat: rounds left */
  struct completion pending; /* what goes on after the finally, or after the group */
  struct failure caught;
};

/* A timeout scope or a group of a task. */
struct region {
  const char *name;
  bool is_group;
  union {
    eddy_timeout timeout;
    eddy_task_group group;
  } is;
};

/* A task's body or a callback's, as it runs. */
struct actor {
  eddy_frame frame; /* first: the stackless kind of task */
  struct world *world;
  struct object *object;
  const struct body *body;
  size_t at;
  bool leaving; /* blocks are being left with `completion` */
  struct completion completion;
  size_t depth;
  struct block blocks[MAX_DEPTH];
  size_t region_count;
  struct region regions[MAX_REGIONS];

  /* Of the call that waits: the same whenever it is made again. */
  bool waiting;
  size_t held_count;
  eddy_future *held[MAX_ARGS];
  eddy_completions *completions;
  struct object *variable; /* what wait_until looks at */
  int64_t least;

  unsigned serial;    /* the latest group error's */
  unsigned latest;    /* the same, if no other error came after it; else 0 */
  struct text result; /* what the instruction gave */
};

int actor_body(void *arg);          /* an eddy_fn */
int actor_frame(eddy_frame *frame); /* an eddy_frame_fn */
int callback_run(struct object *callback);
void actor_free(struct actor *actor);

void failure_print(struct text *text, const struct failure *failure, bool cancel_message);

/* ---- instructions (operations.c) ---- */

enum { SKIP = 1000, STOP = 1001 }; /* what an operation can return besides a status */

enum block_kind {
  NO_BLOCK,
  REPEAT,
  TRY,
  EXCEPT,
  FINALLY,
  TIMEOUT,
  GROUP,
  END,
  RETURN,
  RERAISE,
};

struct operation {
  const char *name;
  /*
   * What its arguments are: n a number, t a number or "-", w a word, o a word that may be
   * missing, f any future, F a declared one, T a task, q l c b e v k h C objects by kind, a
   * what can be acquired, x what `wait` takes, r a region, y a handle or a region, d a
   * slot that it fills; * makes the last one any number.
   */
  const char *arguments;
  int (*run)(struct actor *actor, const struct instruction *instruction);
  unsigned kind; /* of the slot it fills */
  bool messages; /* prints the message of a cancellation */
  enum block_kind block;
};

const struct operation *operation_find(const char *name);

struct region *region_find(struct actor *actor, const struct argument *argument);

/* ---- names of errors (errors.c) ---- */

/* Whether it is the scenario's own: A, B, C, D. */
bool is_own(int code);
int error_code(const char *name);
const char *error_name(int code);

/* The parts of a group's error, in parentheses; those of a part where they are known. */
void parts_print(
    struct text *text, struct scenario *scenario, const eddy_error_part *part);

#endif
