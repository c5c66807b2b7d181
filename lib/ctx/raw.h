/*
 * The switch itself, below what the sanitizers are told about it.
 *
 * One of ctx_asm.c and ctx_ucontext.c defines these three. In a plain build they carry
 * the names of ctx.h, so that nothing stands between a caller and the switch; in a build
 * for sanitizers (EDDY_CTX_ANNOTATED) annotate.c defines those names on top of them.
 */
#ifndef EDDY_CTX_RAW_H
#define EDDY_CTX_RAW_H

#include "base/attributes.h"
#include "ctx/ctx.h"

#ifdef EDDY_CTX_ANNOTATED
#define EDDY__CTX_RAW(name) name##_raw

void eddy__ctx_make_raw(
    struct eddy__ctx *ctx, struct eddy__stack *stack, eddy__ctx_entry *entry, void *arg);
int eddy__ctx_switch_raw(struct eddy__ctx *from, struct eddy__ctx *to, int sent);
EDDY__NORETURN void eddy__ctx_leave_raw(
    struct eddy__ctx *from, struct eddy__ctx *to, int sent);
#else
#define EDDY__CTX_RAW(name) name
#endif

#endif
