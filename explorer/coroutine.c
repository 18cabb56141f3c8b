/* SPDX-License-Identifier: MIT */
/** @file
 *  Coroutine.
 *
 *  Purpose     Switch stacks in a few nanoseconds.
 *  Protocol    The registers that a call must keep are pushed; the rest the compiler has saved.
 *  Rejected    swapcontext: two system calls for the signal mask, tenfold the time of the whole
 *              step. _setjmp and _longjmp: fortified builds refuse to jump between stacks. */
#include "coroutine.h"

#include <stdint.h>

#include "instrumentation.h"

#if defined(__x86_64__)

#define SAVED 6

__asm__(".text\n"
        ".globl coroutine_switch\n"
        ".type coroutine_switch, @function\n"
        "coroutine_switch:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size coroutine_switch, .-coroutine_switch\n");

void *coroutine_begin(char *stack_top, void (*entry)(void))
{
    /* entry finds the stack as after a call: 8 bytes off a multiple of 16 */
    uintptr_t *top = (uintptr_t *)(void *)stack_top - 3;
    *top-- = 0;
    *top = (uintptr_t)entry;
    top -= SAVED;
    __real_memset(top, 0, SAVED * sizeof *top);
    return top;
}

#elif defined(__aarch64__)

#define SAVED 20

__asm__(".text\n"
        ".globl coroutine_switch\n"
        ".type coroutine_switch, @function\n"
        "coroutine_switch:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size coroutine_switch, .-coroutine_switch\n");

void *coroutine_begin(char *stack_top, void (*entry)(void))
{
    uintptr_t *top = (uintptr_t *)(void *)stack_top - SAVED - 2;
    __real_memset(top, 0, SAVED * sizeof *top);
    top[11] = (uintptr_t)entry; /* x30 */
    return top;
}

#else
#error "the explorer switches stacks on x86-64 and aarch64 only"
#endif
