/*
 * The stack switch for x86-64 Windows.
 *
 * Beyond what System V asks for, rdi, rsi and xmm6-15 belong to the caller, and the system
 * keeps the bounds of the running stack in the thread's information block (gs). A parked
 * context is 272 bytes on its own stack, `sp` points at the lowest:
 *
 *    0 xmm6 ... 144 xmm15   160 StackBase   168 StackLimit   176 DeallocationStack
 *  184 mxcsr   188 x87 control word   192 unused
 *  200 r15   208 r14   216 r13   224 r12   232 rsi   240 rdi   248 rbx   256 rbp
 *  264 where to go on
 *
 * The .seh lines describe this layout to the unwinder; it is the same for both stacks.
 */
#include "ctx/asm.inc"

#define MXCSR_CONTROL 0xffc0
#define STACK_BASE %gs:0x8
#define STACK_LIMIT %gs:0x10
#define DEALLOCATION_STACK %gs:0x1478

  .text

/* int eddy__ctx_switch(struct eddy__ctx *from, struct eddy__ctx *to, int sent) */
  .p2align 5
function_begin SWITCH
  .seh_proc SWITCH
  pushq %rbp
  .seh_pushreg %rbp
  pushq %rbx
  .seh_pushreg %rbx
  pushq %rdi
  .seh_pushreg %rdi
  pushq %rsi
  .seh_pushreg %rsi
  pushq %r12
  .seh_pushreg %r12
  pushq %r13
  .seh_pushreg %r13
  pushq %r14
  .seh_pushreg %r14
  pushq %r15
  .seh_pushreg %r15
  subq $200, %rsp
  .seh_stackalloc 200
  movaps %xmm6, (%rsp)
  .seh_savexmm %xmm6, 0
  movaps %xmm7, 16(%rsp)
  .seh_savexmm %xmm7, 16
  movaps %xmm8, 32(%rsp)
  .seh_savexmm %xmm8, 32
  movaps %xmm9, 48(%rsp)
  .seh_savexmm %xmm9, 48
  movaps %xmm10, 64(%rsp)
  .seh_savexmm %xmm10, 64
  movaps %xmm11, 80(%rsp)
  .seh_savexmm %xmm11, 80
  movaps %xmm12, 96(%rsp)
  .seh_savexmm %xmm12, 96
  movaps %xmm13, 112(%rsp)
  .seh_savexmm %xmm13, 112
  movaps %xmm14, 128(%rsp)
  .seh_savexmm %xmm14, 128
  movaps %xmm15, 144(%rsp)
  .seh_savexmm %xmm15, 144
  .seh_endprologue
  movq STACK_BASE, %rax
  movq %rax, 160(%rsp)
  movq STACK_LIMIT, %rax
  movq %rax, 168(%rsp)
  movq DEALLOCATION_STACK, %rax
  movq %rax, 176(%rsp)
  stmxcsr 184(%rsp)
  fnstcw 188(%rsp)
  movq %rsp, %r9
  movq %rsp, (%rcx)
  movq (%rdx), %rsp
  movq 160(%rsp), %rax
  movq %rax, STACK_BASE
  movq 168(%rsp), %rax
  movq %rax, STACK_LIMIT
  movq 176(%rsp), %rax
  movq %rax, DEALLOCATION_STACK
  movl 184(%rsp), %eax
  xorl 184(%r9), %eax
  testl $MXCSR_CONTROL, %eax
  je 1f
  ldmxcsr 184(%rsp)
1:
  movzwl 188(%rsp), %eax
  cmpw 188(%r9), %ax
  je 2f
  fldcw 188(%rsp)
2:
  movq %r8, %rax
  movaps (%rsp), %xmm6
  movaps 16(%rsp), %xmm7
  movaps 32(%rsp), %xmm8
  movaps 48(%rsp), %xmm9
  movaps 64(%rsp), %xmm10
  movaps 80(%rsp), %xmm11
  movaps 96(%rsp), %xmm12
  movaps 112(%rsp), %xmm13
  movaps 128(%rsp), %xmm14
  movaps 144(%rsp), %xmm15
  addq $200, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rsi
  popq %rdi
  popq %rbx
  popq %rbp
  popq %rcx
  jmp *%rcx
  .seh_endproc
function_end SWITCH

/*
 * Where a new context begins: rbx the function, r12 its argument, rax what was sent. It looks
 * to the unwinder like a function called from address 0, where a walk up the stack ends.
 */
  .p2align 4
function_begin START
  .seh_proc START
  subq $32, %rsp
  .seh_stackalloc 32
  .seh_endprologue
  movq %r12, %rcx
  movq %rax, %rdx
  callq *%rbx
  ud2
  .seh_endproc
function_end START

/*
 * void *eddy__ctx_prepare(char *low, char *high, eddy__ctx_entry *entry, void *arg)
 *
 * Lays out a parked context at the high end of a stack and returns its `sp`. It starts with
 * the control words of now.
 */
  .p2align 4
function_begin PREPARE
  leaq -288(%rdx), %rax
  andq $-16, %rax
  movq %rdx, 160(%rax)
  movq %rcx, 168(%rax)
  movq %rcx, 176(%rax)
  stmxcsr 184(%rax)
  fnstcw 188(%rax)
  movq %r9, 224(%rax)
  movq %r8, 248(%rax)
  leaq START(%rip), %rdx
  movq %rdx, 264(%rax)
  xorl %ecx, %ecx
  movq %rcx, 192(%rax)
  movq %rcx, 200(%rax)
  movq %rcx, 208(%rax)
  movq %rcx, 216(%rax)
  movq %rcx, 232(%rax)
  movq %rcx, 240(%rax)
  movq %rcx, 256(%rax)
  movq %rcx, 272(%rax)
  movq %rcx, 280(%rax)
  pxor %xmm0, %xmm0
  movaps %xmm0, (%rax)
  movaps %xmm0, 16(%rax)
  movaps %xmm0, 32(%rax)
  movaps %xmm0, 48(%rax)
  movaps %xmm0, 64(%rax)
  movaps %xmm0, 80(%rax)
  movaps %xmm0, 96(%rax)
  movaps %xmm0, 112(%rax)
  movaps %xmm0, 128(%rax)
  movaps %xmm0, 144(%rax)
  ret
function_end PREPARE
