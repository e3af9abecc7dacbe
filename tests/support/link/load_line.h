/*
 * One agent's connection under load: frames out and in, non-blocking, no thread of its own. What is put is sent
 * together by load_line_flush. Any failure ends the line for good.
 */
#ifndef TESTS_SUPPORT_LINK_LOAD_LINE_H
#define TESTS_SUPPORT_LINK_LOAD_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "support/link/world.h"

struct load_line;

enum status load_line_open(const struct world *world, size_t member, struct load_line **out_line);
void load_line_free(struct load_line *line);
CLEANUP_POINTER(struct load_line, load_line_free)

int load_line_fd(const struct load_line *line);
/* Whether something waits to be sent that the socket did not take. */
bool load_line_blocked(const struct load_line *line);

/* Queues a request. id below 2^31. STATUS_MEMORY. */
enum status load_line_put(struct load_line *line, uint32_t id, struct bytes request);
/* Sends what it can. STATUS_UNREACHABLE. */
enum status load_line_flush(struct load_line *line);

/* An answer: the view ends with the call. */
typedef enum status load_line_fn(void *arg, uint32_t id, struct bytes answer);

/* Reads all that has come and hands out whole answers. STATUS_UNREACHABLE, STATUS_MALFORMED, STATUS_TOO_LARGE; what fn
 * returns. */
enum status load_line_read(struct load_line *line, load_line_fn *fn, void *arg);

#endif
