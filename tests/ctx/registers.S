/*
 * size_t test_registers_changed(void (*call)(void *), void *arg, uint64_t seed)
 *
 * Fills every register that a callee must preserve with values made of the seed, makes the
 * call, and returns how many registers differ afterwards.
 */
#ifdef __APPLE__
#define ENTRY _test_registers_changed
#else
#define ENTRY test_registers_changed
#endif

  .text
  .globl ENTRY
  .p2align 4
ENTRY:

#if defined(__x86_64__) && !defined(_WIN32)

.macro compare register, offset
  leaq \offset(%rdx), %rcx
  cmpq %rcx, \register
  setne %cl
  movzbl %cl, %ecx
  addq %rcx, %rax
.endm

  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $24, %rsp
  movq %rdx, (%rsp)
  leaq 1(%rdx), %rbx
  leaq 2(%rdx), %rbp
  leaq 3(%rdx), %r12
  leaq 4(%rdx), %r13
  leaq 5(%rdx), %r14
  leaq 6(%rdx), %r15
  movq %rdi, %rax
  movq %rsi, %rdi
  callq *%rax
  movq (%rsp), %rdx
  xorl %eax, %eax
  compare %rbx, 1
  compare %rbp, 2
  compare %r12, 3
  compare %r13, 4
  compare %r14, 5
  compare %r15, 6
  addq $24, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret

#elif defined(__x86_64__)

.macro compare register, offset
  leaq \offset(%rdx), %rcx
  cmpq %rcx, \register
  setne %cl
  movzbl %cl, %ecx
  addq %rcx, %rax
.endm

/* Both halves of an xmm register. */
.macro fill register, offset
  leaq \offset(%r8), %rax
  movq %rax, \register
  punpcklqdq \register, \register
.endm

.macro compare_xmm register, offset
  movq \register, %r9
  compare %r9, \offset
  movhlps \register, %xmm0
  movq %xmm0, %r9
  compare %r9, \offset
.endm

  pushq %rbp
  pushq %rbx
  pushq %rdi
  pushq %rsi
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $216, %rsp
  movaps %xmm6, 32(%rsp)
  movaps %xmm7, 48(%rsp)
  movaps %xmm8, 64(%rsp)
  movaps %xmm9, 80(%rsp)
  movaps %xmm10, 96(%rsp)
  movaps %xmm11, 112(%rsp)
  movaps %xmm12, 128(%rsp)
  movaps %xmm13, 144(%rsp)
  movaps %xmm14, 160(%rsp)
  movaps %xmm15, 176(%rsp)
  movq %r8, 192(%rsp)
  leaq 1(%r8), %rbx
  leaq 2(%r8), %rbp
  leaq 3(%r8), %r12
  leaq 4(%r8), %r13
  leaq 5(%r8), %r14
  leaq 6(%r8), %r15
  leaq 7(%r8), %rdi
  leaq 8(%r8), %rsi
  fill %xmm6, 9
  fill %xmm7, 10
  fill %xmm8, 11
  fill %xmm9, 12
  fill %xmm10, 13
  fill %xmm11, 14
  fill %xmm12, 15
  fill %xmm13, 16
  fill %xmm14, 17
  fill %xmm15, 18
  movq %rcx, %rax
  movq %rdx, %rcx
  callq *%rax
  movq 192(%rsp), %rdx
  xorl %eax, %eax
  compare %rbx, 1
  compare %rbp, 2
  compare %r12, 3
  compare %r13, 4
  compare %r14, 5
  compare %r15, 6
  compare %rdi, 7
  compare %rsi, 8
  compare_xmm %xmm6, 9
  compare_xmm %xmm7, 10
  compare_xmm %xmm8, 11
  compare_xmm %xmm9, 12
  compare_xmm %xmm10, 13
  compare_xmm %xmm11, 14
  compare_xmm %xmm12, 15
  compare_xmm %xmm13, 16
  compare_xmm %xmm14, 17
  compare_xmm %xmm15, 18
  movaps 32(%rsp), %xmm6
  movaps 48(%rsp), %xmm7
  movaps 64(%rsp), %xmm8
  movaps 80(%rsp), %xmm9
  movaps 96(%rsp), %xmm10
  movaps 112(%rsp), %xmm11
  movaps 128(%rsp), %xmm12
  movaps 144(%rsp), %xmm13
  movaps 160(%rsp), %xmm14
  movaps 176(%rsp), %xmm15
  addq $216, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rsi
  popq %rdi
  popq %rbx
  popq %rbp
  ret

#elif defined(__aarch64__)

.macro compare register, offset
  add x10, x9, #\offset
  cmp x10, \register
  cinc x0, x0, ne
.endm

.macro fill_d register, offset
  add x10, x2, #\offset
  fmov \register, x10
.endm

.macro compare_d register, offset
  fmov x11, \register
  compare x11, \offset
.endm

  stp x29, x30, [sp, #-176]!
  stp x19, x20, [sp, #16]
  stp x21, x22, [sp, #32]
  stp x23, x24, [sp, #48]
  stp x25, x26, [sp, #64]
  stp x27, x28, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  str x2, [sp, #160]
  add x19, x2, #1
  add x20, x2, #2
  add x21, x2, #3
  add x22, x2, #4
  add x23, x2, #5
  add x24, x2, #6
  add x25, x2, #7
  add x26, x2, #8
  add x27, x2, #9
  add x28, x2, #10
  add x29, x2, #11
  fill_d d8, 12
  fill_d d9, 13
  fill_d d10, 14
  fill_d d11, 15
  fill_d d12, 16
  fill_d d13, 17
  fill_d d14, 18
  fill_d d15, 19
  mov x9, x0
  mov x0, x1
  blr x9
  ldr x9, [sp, #160]
  mov x0, #0
  compare x19, 1
  compare x20, 2
  compare x21, 3
  compare x22, 4
  compare x23, 5
  compare x24, 6
  compare x25, 7
  compare x26, 8
  compare x27, 9
  compare x28, 10
  compare x29, 11
  compare_d d8, 12
  compare_d d9, 13
  compare_d d10, 14
  compare_d d11, 15
  compare_d d12, 16
  compare_d d13, 17
  compare_d d14, 18
  compare_d d15, 19
  ldp x19, x20, [sp, #16]
  ldp x21, x22, [sp, #32]
  ldp x23, x24, [sp, #48]
  ldp x25, x26, [sp, #64]
  ldp x27, x28, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  ldp x29, x30, [sp], #176
  ret

#else
#error "no register test for this processor: leave this file out and define NO_REGISTERS_S"
#endif

#if defined(__ELF__)
  .section .note.GNU-stack, "", %progbits
#endif
