/* SPDX-License-Identifier: MIT */
/** @file
 *  Backend: what the library stands on. The same sources are compiled for each; which one is chosen
 *  by -DTH_BACKEND_x=1, and exactly one TH_BACKEND_x is defined once this header is included.
 *
 *      NATIVE  the system; the default. Every shim is inlined and costs nothing.
 *      TSAN    the system, under ThreadSanitizer; chosen by -fsanitize=thread. See below.
 *      CHAOS   the system, made erratic: yields, delays and wake-ups for nothing, by a seed.
 *      FAULT   the system, made to fail: the n-th allocation, thread, mapping or futex call.
 *      MODEL   no system: the explorer (explorer/) supplies the functions of futex.h, clock.h,
 *              cpu.h, memory.h, thread.h, what panic.h asks of it, and watches all accesses.
 *
 *  What TSAN changes: ThreadSanitizer does not understand fences, so th_fence_sc is a
 *  read-modify-write. No lock is annotated, and that is on purpose: an annotated lock is an order
 *  by decree, so a raw lock with relaxed operations would pass for correct, whereas without
 *  annotations the sanitizer sees the very atomics that must carry the order. Besides, a plain lock
 *  may be released by any thread, which it takes for an error. */
#ifndef TH_PLATFORM_BACKEND_H
#define TH_PLATFORM_BACKEND_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TH_UNDER_TSAN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define TH_UNDER_TSAN 1
#endif

#if !defined(TH_BACKEND_NATIVE) && !defined(TH_BACKEND_TSAN) && !defined(TH_BACKEND_CHAOS) &&      \
    !defined(TH_BACKEND_FAULT) && !defined(TH_BACKEND_MODEL)
#if defined(TH_UNDER_TSAN)
#define TH_BACKEND_TSAN 1
#else
#define TH_BACKEND_NATIVE 1
#endif
#endif

enum {
    TH_BACKENDS = 0
#if defined(TH_BACKEND_NATIVE)
                  + 1
#endif
#if defined(TH_BACKEND_TSAN)
                  + 1
#endif
#if defined(TH_BACKEND_CHAOS)
                  + 1
#endif
#if defined(TH_BACKEND_FAULT)
                  + 1
#endif
#if defined(TH_BACKEND_MODEL)
                  + 1
#endif
};

_Static_assert(TH_BACKENDS == 1, "choose one backend");

/** The order of constructors, which is the linker's business otherwise: what chaos and fault are to
 *  do, what the system can do, then the layers above. */
#define TH_CONSTRUCTOR_TOLD __attribute__((constructor(101)))
#define TH_CONSTRUCTOR_SYSTEM __attribute__((constructor(102)))
#define TH_CONSTRUCTOR_LAYER __attribute__((constructor(103)))

/** A size that is smaller in a model, whose world is set back before each of a million runs. */
#if defined(TH_BACKEND_MODEL)
#define th_limit(native, model) (model)
#else
#define th_limit(native, model) (native)
#endif

/** Before every atomic operation: a moment at which another thread may come in between. With chaos,
 *  perhaps yield, spin or delay (chaos.c); async-signal-safe, no cancellation point, errno is kept.
 *  A model needs none: the explorer sees the operation itself. */
#if defined(TH_BACKEND_CHAOS)
void th_chaos_point(void);
#define th_point() th_chaos_point()
#else
#define th_point() ((void)0)
#endif

#endif
