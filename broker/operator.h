/*
 * The operator's verbs: they ask a running core over its operator socket, and print.
 */
#ifndef BROKER_OPERATOR_H
#define BROKER_OPERATOR_H

#include "base/status.h"

/* Each prints to stdout, or one line with the reason to stderr, and returns an exit code: 0 done, 1 refused, 3 not
 * reachable. argument is what stood behind the verb, or NULL. */
int operator_status(const char *socket, const char *argument);
int operator_identity(const char *socket, const char *argument);
int operator_directory_head(const char *socket, const char *argument);
/* argument: file with an encoded MultiSigned DirectoryEntry. */
int operator_admit(const char *socket, const char *argument);
int operator_confirm_clock(const char *socket, const char *argument);
int operator_go_on(const char *socket, const char *argument);
/* argument: a directory that is made or added to; docs/protocol.md section 14. With keys when it ends in "+keys". */
int operator_export(const char *socket, const char *argument);
int operator_export_with_keys(const char *socket, const char *argument);

#endif
