/* What the files of instructions share. */
#ifndef EDDY_DIFFERENTIAL_OPERATIONS_H
#define EDDY_DIFFERENTIAL_OPERATIONS_H

#include "scenario.h"

/* The word of an argument; NULL if there are fewer. */
const char *word(const struct instruction *instruction, size_t index);

/* The object of an argument; "self": the task's own. */
struct object *object_of(
    struct actor *actor, const struct instruction *instruction, size_t index);

/* The instruction's result, as text; each returns 0. */
int say_bool(struct actor *actor, bool value);
int say_number(struct actor *actor, long long value);
int say_time(struct actor *actor, eddy_time time);
int say_value(struct actor *actor, const struct object *object, eddy_future *future,
    eddy_value value);

/* "-" is EDDY_NEVER. */
eddy_time time_of(const struct argument *argument);

/* References to the futures named from args[first] on (hold_one: by args[0]), kept while the
 * instruction waits: it is made again, and by then the names can stand for others. 0 or SKIP. */
int hold(struct actor *actor, const struct instruction *instruction, size_t first);
int hold_one(struct actor *actor, const struct instruction *instruction);

/* The status of a call that may have to be made again. */
int waits(struct actor *actor, int rc);

bool is_locked(const struct object *object);

int run_sleep(struct actor *actor, const struct instruction *instruction);
int run_await(struct actor *actor, const struct instruction *instruction);
int run_wait_for(struct actor *actor, const struct instruction *instruction);
int run_wait_set(struct actor *actor, const struct instruction *instruction);
int run_next(struct actor *actor, const struct instruction *instruction);
int run_get(struct actor *actor, const struct instruction *instruction);
int run_put(struct actor *actor, const struct instruction *instruction);
int run_join(struct actor *actor, const struct instruction *instruction);
int run_acquire(struct actor *actor, const struct instruction *instruction);
int run_wait(struct actor *actor, const struct instruction *instruction);
int run_wait_until(struct actor *actor, const struct instruction *instruction);
int run_reset(struct actor *actor, const struct instruction *instruction);
int run_abort(struct actor *actor, const struct instruction *instruction);
int run_spawn(struct actor *actor, const struct instruction *instruction);
int run_spawn_in(struct actor *actor, const struct instruction *instruction);
int run_cancel(struct actor *actor, const struct instruction *instruction);
int run_uncancel(struct actor *actor, const struct instruction *instruction);
int run_cancelling(struct actor *actor, const struct instruction *instruction);
int run_done(struct actor *actor, const struct instruction *instruction);
int run_cancelled(struct actor *actor, const struct instruction *instruction);
int run_result(struct actor *actor, const struct instruction *instruction);
int run_exception(struct actor *actor, const struct instruction *instruction);
int run_set(struct actor *actor, const struct instruction *instruction);
int run_fail(struct actor *actor, const struct instruction *instruction);
int run_gather(struct actor *actor, const struct instruction *instruction);
int run_shield(struct actor *actor, const struct instruction *instruction);
int run_as_completed(struct actor *actor, const struct instruction *instruction);
int run_call_soon(struct actor *actor, const struct instruction *instruction);
int run_call_later(struct actor *actor, const struct instruction *instruction);
int run_call_at(struct actor *actor, const struct instruction *instruction);
int run_unbook(struct actor *actor, const struct instruction *instruction);
int run_unbooked(struct actor *actor, const struct instruction *instruction);
int run_when(struct actor *actor, const struct instruction *instruction);
int run_on_done(struct actor *actor, const struct instruction *instruction);
int run_off_done(struct actor *actor, const struct instruction *instruction);
int run_put_nowait(struct actor *actor, const struct instruction *instruction);
int run_get_nowait(struct actor *actor, const struct instruction *instruction);
int run_task_done(struct actor *actor, const struct instruction *instruction);
int run_shutdown(struct actor *actor, const struct instruction *instruction);
int run_size(struct actor *actor, const struct instruction *instruction);
int run_release(struct actor *actor, const struct instruction *instruction);
int run_locked(struct actor *actor, const struct instruction *instruction);
int run_notify(struct actor *actor, const struct instruction *instruction);
int run_notify_all(struct actor *actor, const struct instruction *instruction);
int run_set_event(struct actor *actor, const struct instruction *instruction);
int run_clear(struct actor *actor, const struct instruction *instruction);
int run_is_set(struct actor *actor, const struct instruction *instruction);
int run_n_waiting(struct actor *actor, const struct instruction *instruction);
int run_broken(struct actor *actor, const struct instruction *instruction);
int run_add(struct actor *actor, const struct instruction *instruction);
int run_reschedule(struct actor *actor, const struct instruction *instruction);
int run_expired(struct actor *actor, const struct instruction *instruction);
int run_note(struct actor *actor, const struct instruction *instruction);
int run_raise(struct actor *actor, const struct instruction *instruction);

#endif
