/* SPDX-License-Identifier: MIT */
/** @file
 *  Probes.
 *
 *  Purpose     The listeners, absent until a layer above installs them. */
#include "platform/probe.h"

void (*th_probe_blocked)(const struct th_waiter *waiter) = NULL;
void (*th_probe_self_wait)(const char *what, const void *object) = NULL;
size_t (*th_probe_describe_thread)(uint32_t owner, char *buffer, size_t bytes) = NULL;
