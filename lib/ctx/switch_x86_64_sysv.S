/*
 * The stack switch for x86-64 with the System V calling convention (Linux, BSD, macOS).
 *
 * A parked context is 64 bytes on its own stack, `sp` points at the lowest:
 *
 *    0 mxcsr   4 x87 control word   8 r15   16 r14   24 r13   32 r12   40 rbx   48 rbp
 *   56 where to go on
 *
 * The routine leaves by an indirect jump: a `ret` would always be predicted to go back where
 * the switch came from. The same reason makes it incompatible with shadow stacks.
 *
 * The control words are stored at every switch, but on Intel loading an mxcsr that differs,
 * be it in a sticky flag, costs ten times the rest, so it is compared first. On AMD a branch
 * on what was just stored costs more than the load, which is nearly free there (measured on
 * Zen 4), so it is loaded at once.
 */
#include "ctx/asm.inc"

/* The bits of mxcsr that a callee must preserve; the lowest six are sticky flags. */
#define MXCSR_CONTROL 0xffc0

#define LOADS_CHEAPLY SYMBOL(eddy__ctx_loads_cheaply)

/* Where the caller's registers are while a context's 64 bytes are at rsp. */
.macro describe_parked
  .cfi_def_cfa %rsp, 64
  .cfi_offset %rip, -8
  .cfi_offset %rbp, -16
  .cfi_offset %rbx, -24
  .cfi_offset %r12, -32
  .cfi_offset %r13, -40
  .cfi_offset %r14, -48
  .cfi_offset %r15, -56
.endm

/* Goes on in the context whose `sp` is in r8, with the result in rax. The CFI is right for
 * the old stack up to the change of rsp and for the new one after it. */
.macro resume
  movq 56(%r8), %rcx
  movq 48(%r8), %rbp
  movq 40(%r8), %rbx
  movq 32(%r8), %r12
  movq 24(%r8), %r13
  movq 16(%r8), %r14
  movq 8(%r8), %r15
  .cfi_remember_state
  leaq 64(%r8), %rsp
  .cfi_def_cfa %rsp, 0
  .cfi_register %rip, %rcx
  .cfi_restore %rbp
  .cfi_restore %rbx
  .cfi_restore %r12
  .cfi_restore %r13
  .cfi_restore %r14
  .cfi_restore %r15
  notrack jmp *%rcx
  .cfi_restore_state
.endm

  .text

/* int eddy__ctx_switch(struct eddy__ctx *from, struct eddy__ctx *to, int sent) */
  .p2align 5
function_begin SWITCH
  .cfi_startproc
  endbr64
  leaq -56(%rsp), %rsp
  .cfi_def_cfa_offset 64
  stmxcsr (%rsp)
  fnstcw 4(%rsp)
  movq %rbp, 48(%rsp)
  .cfi_offset %rbp, -16
  movq %rbx, 40(%rsp)
  .cfi_offset %rbx, -24
  movq %r12, 32(%rsp)
  .cfi_offset %r12, -32
  movq %r13, 24(%rsp)
  .cfi_offset %r13, -40
  movq %r14, 16(%rsp)
  .cfi_offset %r14, -48
  movq %r15, 8(%rsp)
  .cfi_offset %r15, -56
  movq %rsp, (%rdi)
  movq (%rsi), %r8
  movq %rdx, %rax
  cmpb $0, LOADS_CHEAPLY(%rip)
  je 3f
  ldmxcsr (%r8)
  movzwl 4(%r8), %ecx
  cmpw 4(%rsp), %cx
  jne 5f
2:
  resume
3:
  movl (%r8), %ecx
  xorl (%rsp), %ecx
  testl $MXCSR_CONTROL, %ecx
  jne 4f
1:
  movzwl 4(%r8), %ecx
  cmpw 4(%rsp), %cx
  jne 5f
  resume
4:
  ldmxcsr (%r8)
  jmp 1b
5:
  fldcw 4(%r8)
  jmp 2b
  .cfi_endproc
function_end SWITCH

/* Never executed: a place where a parked context can be said to be. A debugger that sets rsp
 * to its `sp` and rip to the second byte of this sees its frames. */
  .p2align 4
function_begin PARKED
  .cfi_startproc
  describe_parked
  nop
  ud2
  .cfi_endproc
function_end PARKED

/*
 * Where a new context begins: rbx the function, r12 its argument, rax what was sent. It is
 * jumped to, never called, so a walk up the stack ends here. The nop keeps an unwinder,
 * which looks up the address before the one to go on at, inside this function.
 */
  .p2align 4
function_begin START
  .cfi_startproc
  .cfi_undefined %rip
  nop
1:
  endbr64
  movq %r12, %rdi
  movq %rax, %rsi
  callq *%rbx
  ud2
  .cfi_endproc
function_end START

/*
 * void *eddy__ctx_prepare(char *low, char *high, eddy__ctx_entry *entry, void *arg)
 *
 * Lays out a parked context at the high end of a stack and returns its `sp`. It starts with
 * the control words of now.
 */
  .p2align 4
function_begin PREPARE
  .cfi_startproc
  endbr64
  leaq -80(%rsi), %r8
  andq $-16, %r8
  stmxcsr (%r8)
  fnstcw 4(%r8)
  movq %rcx, 32(%r8)
  movq %rdx, 40(%r8)
  leaq 1b(%rip), %rdx
  movq %rdx, 56(%r8)
  xorl %ecx, %ecx
  movw %cx, 6(%r8)
  movq %rcx, 8(%r8)
  movq %rcx, 16(%r8)
  movq %rcx, 24(%r8)
  movq %rcx, 48(%r8)
  movq %rcx, 64(%r8)
  movq %rcx, 72(%r8)
  cmpb $0, asked(%rip)
  je 2f
1:
  movq %r8, %rax
  ret
2:
  /* Once per process: is this an AMD processor of family 19h (Zen 3) or later? Threads that
   * come here at the same time find the same answer. */
  movq %rbx, %r9
  .cfi_register %rbx, %r9
  xorl %eax, %eax
  cpuid
  cmpl $0x68747541, %ebx
  jne 3f
  cmpl $0x444d4163, %ecx
  jne 3f
  movl $1, %eax
  cpuid
  shrl $20, %eax
  andl $0xff, %eax
  cmpl $0x0a, %eax
  setae LOADS_CHEAPLY(%rip)
3:
  movb $1, asked(%rip)
  movq %r9, %rbx
  .cfi_restore %rbx
  jmp 1b
  .cfi_endproc
function_end PREPARE

  .data
  internal LOADS_CHEAPLY
LOADS_CHEAPLY:
  .byte 0
asked:
  .byte 0

#if defined(__ELF__) && defined(__CET__) && (__CET__ & 1)
  /* Indirect branch tracking, and on purpose not shadow stacks. */
  feature_note 0xc0000002, 1
#endif
  stack_not_executable
