/*
 * The stack switch for AArch64 (Linux, BSD, macOS).
 *
 * A parked context is 176 bytes on its own stack, `sp` points at the lowest:
 *
 *    0 x29, x30 (where to go on)   16 x19 ... 88 x28   96 d8 ... 152 d15   160 fpcr
 *
 * The layout is the same before and after sp changes, so one set of CFI lines describes the
 * stack that is left and the one that is entered. eddy__ctx_parked carries them too: a
 * debugger that sets sp to a parked context's `sp` and pc to that place sees its frames.
 *
 * The routine leaves by an indirect jump: a `ret` would always be predicted to go back where
 * the switch came from. Under branch target identification a jump may only land on marked
 * places, which the code after a call is not, so there it is a `ret` after all.
 */
#include "ctx/asm.inc"

/* bti c and bti j, spelt so that every assembler takes them; elsewhere they do nothing. */
#define BTI_CALL hint #34
#define BTI_JUMP hint #36

#ifdef __ARM_FEATURE_BTI_DEFAULT
#define LEAVE ret
#else
#define LEAVE br x30
#endif

/* Where a parked context, with sp at its `sp`, has its caller's registers. */
.macro describe_parked
  .cfi_def_cfa_offset 176
  .cfi_offset x29, -176
  .cfi_offset x30, -168
  .cfi_offset x19, -160
  .cfi_offset x20, -152
  .cfi_offset x21, -144
  .cfi_offset x22, -136
  .cfi_offset x23, -128
  .cfi_offset x24, -120
  .cfi_offset x25, -112
  .cfi_offset x26, -104
  .cfi_offset x27, -96
  .cfi_offset x28, -88
  .cfi_offset d8, -80
  .cfi_offset d9, -72
  .cfi_offset d10, -64
  .cfi_offset d11, -56
  .cfi_offset d12, -48
  .cfi_offset d13, -40
  .cfi_offset d14, -32
  .cfi_offset d15, -24
.endm

  .text

/* int eddy__ctx_switch(struct eddy__ctx *from, struct eddy__ctx *to, int sent) */
  .p2align 5
function_begin SWITCH
  .cfi_startproc
  BTI_CALL
  sub sp, sp, #176
  .cfi_def_cfa_offset 176
  stp x29, x30, [sp, #0]
  .cfi_offset x29, -176
  .cfi_offset x30, -168
  stp x19, x20, [sp, #16]
  .cfi_offset x19, -160
  .cfi_offset x20, -152
  stp x21, x22, [sp, #32]
  .cfi_offset x21, -144
  .cfi_offset x22, -136
  stp x23, x24, [sp, #48]
  .cfi_offset x23, -128
  .cfi_offset x24, -120
  stp x25, x26, [sp, #64]
  .cfi_offset x25, -112
  .cfi_offset x26, -104
  stp x27, x28, [sp, #80]
  .cfi_offset x27, -96
  .cfi_offset x28, -88
  stp d8, d9, [sp, #96]
  .cfi_offset d8, -80
  .cfi_offset d9, -72
  stp d10, d11, [sp, #112]
  .cfi_offset d10, -64
  .cfi_offset d11, -56
  stp d12, d13, [sp, #128]
  .cfi_offset d12, -48
  .cfi_offset d13, -40
  stp d14, d15, [sp, #144]
  .cfi_offset d14, -32
  .cfi_offset d15, -24
  mrs x9, fpcr
  str x9, [sp, #160]
  mov x10, sp
  str x10, [x0]
  ldr x11, [x1]
  mov sp, x11
  /* Writing fpcr drains the pipeline, and it is nearly always the same. */
  ldr x12, [sp, #160]
  cmp x12, x9
  b.eq 1f
  msr fpcr, x12
1:
  mov x0, x2
  ldp x29, x30, [sp, #0]
  ldp x19, x20, [sp, #16]
  ldp x21, x22, [sp, #32]
  ldp x23, x24, [sp, #48]
  ldp x25, x26, [sp, #64]
  ldp x27, x28, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #176
  .cfi_def_cfa_offset 0
  .cfi_restore x29
  .cfi_restore x30
  .cfi_restore x19
  .cfi_restore x20
  .cfi_restore x21
  .cfi_restore x22
  .cfi_restore x23
  .cfi_restore x24
  .cfi_restore x25
  .cfi_restore x26
  .cfi_restore x27
  .cfi_restore x28
  .cfi_restore d8
  .cfi_restore d9
  .cfi_restore d10
  .cfi_restore d11
  .cfi_restore d12
  .cfi_restore d13
  .cfi_restore d14
  .cfi_restore d15
  LEAVE
  .cfi_endproc
function_end SWITCH

/* Never executed: a place in the code where a parked context can be said to be. */
  .p2align 4
function_begin PARKED
  .cfi_startproc
  describe_parked
  nop
  brk #1
  .cfi_endproc
function_end PARKED

/*
 * Where a new context begins: x19 the function, x20 its argument, x0 what was sent. It is
 * jumped to, never called, so a walk up the stack ends here. The nop keeps an unwinder,
 * which looks up the address before the one to go on at, inside this function.
 */
  .p2align 4
function_begin START
  .cfi_startproc
  .cfi_undefined x30
  nop
1:
  BTI_JUMP
  mov x1, x0
  mov x0, x20
  blr x19
  brk #1
  .cfi_endproc
function_end START

/*
 * void *eddy__ctx_prepare(char *low, char *high, eddy__ctx_entry *entry, void *arg)
 *
 * Lays out a parked context at the high end of a stack and returns its `sp`. It starts with
 * the control word of now.
 */
  .p2align 4
function_begin PREPARE
  .cfi_startproc
  BTI_CALL
  and x1, x1, #-16
  sub x0, x1, #192
  adr x9, 1b
  stp xzr, x9, [x0, #0]
  stp x2, x3, [x0, #16]
  stp xzr, xzr, [x0, #32]
  stp xzr, xzr, [x0, #48]
  stp xzr, xzr, [x0, #64]
  stp xzr, xzr, [x0, #80]
  stp xzr, xzr, [x0, #96]
  stp xzr, xzr, [x0, #112]
  stp xzr, xzr, [x0, #128]
  stp xzr, xzr, [x0, #144]
  mrs x9, fpcr
  stp x9, xzr, [x0, #160]
  stp xzr, xzr, [x0, #176]
  ret
  .cfi_endproc
function_end PREPARE

#if defined(__ELF__) && defined(__ARM_FEATURE_BTI_DEFAULT)
  feature_note 0xc0000000, 1
#endif
  stack_not_executable
