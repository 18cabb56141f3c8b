/* SPDX-License-Identifier: MIT */
/** @file
 *  Private: the release of a lock that wakes nobody.
 *
 *  It frees the word, and must see in the same moment whether somebody has asked to be woken. A
 *  compare-exchange does that, at the price of a locked instruction. So do a load and a store that
 *  nothing comes in between, which Linux promises for a restartable sequence: a thread that is
 *  preempted, moved or signalled within one goes on at another place. What another processor does
 *  meanwhile the sequence does not see. So who marks the word afterwards has the kernel restart the
 *  sequences of all other threads (src/platform/restart.h), and looks whether its mark is there
 *  still: most releases are cheap, since waiters pay. */
#ifndef THRUM_RESTARTABLE_H
#define THRUM_RESTARTABLE_H

#include <thrum/status.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define THRUM_PRIVATE_SANITIZED 1
#endif
#elif defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define THRUM_PRIVATE_SANITIZED 1
#endif

THRUM_BEGIN_DECLS

/** Private: the bit of a word that says that somebody may be queued; see src/sync/ownable.h. */
#define THRUM_PRIVATE_QUEUED 1u

/** Private: where the kernel learns which restartable sequence this thread is in. NULL: the system
 *  has none, or thrum has not met this thread yet. */
extern THRUM_API __thread uint64_t *thrum_private_sequence
    __attribute__((tls_model("initial-exec")));

#if defined(TH_BACKEND_MODEL)
#define THRUM_PRIVATE_RESTARTABLE 1
/** Private: the explorer's own. */
bool thrum_private_store_free(uint32_t *word, uint32_t me, uint64_t *sequence);
#elif defined(__x86_64__) && defined(__LP64__) && !defined(THRUM_PRIVATE_SANITIZED)
#define THRUM_PRIVATE_RESTARTABLE 1

/** Private: thrum_private_free_word as a restartable sequence; false also if it was restarted. */
THRUM_API inline bool thrum_private_store_free(uint32_t *word, uint32_t me, uint64_t *sequence)
{
    /* 3 is a struct rseq_cs: the sequence is from 1 to 2; its last instruction is the store, so
     * that is done or the thread goes on at 4, which the kernel knows by the number before it. The
     * processor keeps the order of stores, so this one is a release; the compiler is told by the
     * clobber. A sequence that is over is taken back, lest the kernel follow an address whose
     * library has been unloaded. "?" puts a section into the group of the function, which goes
     * where the linker has another copy of that. */
    __asm__ goto(".pushsection __rseq_cs, \"aw?\"\n\t"
                 ".balign 32\n"
                 "3:\n\t"
                 ".long 0, 0\n\t"
                 ".quad 1f, 2f - 1f, 4f\n\t"
                 ".popsection\n\t"
                 "leaq 3b(%%rip), %%rax\n\t"
                 "movq %%rax, %[sequence]\n"
                 "1:\n\t"
                 "xorl %%ecx, %%ecx\n\t"
                 "movl %[word], %%eax\n\t"
                 "cmpl %[me], %%eax\n\t"
                 "je 5f\n\t"
                 "movl %[queued], %%ecx\n\t"
                 "xorl %%ecx, %%eax\n\t"
                 "cmpl %[me], %%eax\n\t"
                 "jne %l[not_freed]\n"
                 "5:\n\t"
                 "movl %%ecx, %[word]\n"
                 "2:\n\t"
                 "movq $0, %[sequence]\n\t"
                 ".pushsection __rseq_failure, \"ax?\"\n\t"
                 ".byte 0x0f, 0xb9, 0x3d\n\t"
                 ".long 0x53053053\n"
                 "4:\n\t"
                 "jmp %l[not_freed]\n\t"
                 ".popsection"
                 :
                 : [sequence] "m"(*sequence), [word] "m"(*word), [me] "r"(me),
                   [queued] "i"(THRUM_PRIVATE_QUEUED)
                 : "rax", "rcx", "cc", "memory"
                 : not_freed);
    return true;
not_freed:
    *sequence = 0;
    return false;
}

#endif

/** Private: take the owner `me` out of a word in which no bit is set but QUEUED; a release, pairs
 *  with who sets an owner. False: not done, since another bit is set, or it is another's word, or
 *  for no reason. */
THRUM_API inline bool thrum_private_free_word(uint32_t *word, uint32_t me)
{
#if defined(THRUM_PRIVATE_RESTARTABLE)
    uint64_t *sequence = thrum_private_sequence;
    if (sequence != NULL)
        return thrum_private_store_free(word, me, sequence);
#endif
    /* relaxed: the exchange looks again */
    uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);
    /* pairs: thrum_lock_acquire_at, thrum_rlock_acquire_at, th_inner_acquire */
    return (seen & ~THRUM_PRIVATE_QUEUED) == me &&
           __atomic_compare_exchange_n(word, &seen, seen & THRUM_PRIVATE_QUEUED, false,
                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

THRUM_END_DECLS
#endif
