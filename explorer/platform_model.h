/* SPDX-License-Identifier: MIT */
/** @file
 *  Platform, as the explorer has it: what the engine and models ask of it. */
#ifndef TH_EXPLORER_PLATFORM_MODEL_H
#define TH_EXPLORER_PLATFORM_MODEL_H

/** Run the destructors of the ending thread's keys. */
void platform_thread_ends(void);
/** Run what was registered with th_at_exit, the last first. */
void platform_program_ends(void);
/** What thrum wrote to stderr in this execution. */
const char *platform_stderr(void);
/** Whether the next call that may fail is to fail, at the explorer's choice. */
int platform_fails(void);

#endif
