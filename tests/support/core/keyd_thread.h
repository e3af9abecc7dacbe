/*
 * keyd in a thread of the test: its real code behind a real socket, which can be silent, or gone.
 */
#ifndef TESTS_SUPPORT_CORE_KEYD_THREAD_H
#define TESTS_SUPPORT_CORE_KEYD_THREAD_H

#include "base/clock.h"
#include "support/federation.h"

struct keyd_thread;

enum keyd_mood {
    KEYD_ANSWERS,
    KEYD_SILENT,        /* takes requests and says nothing; nothing is done */
    KEYD_SIGNS_UNHEARD, /* does what it is asked, and says nothing */
    KEYD_GONE,          /* ends connections */
};

/* Keys of the federation, files in dir, socket dir/keyd.sock. Fails the running test when it cannot start. */
struct keyd_thread *keyd_thread_start(const struct federation *federation, const struct clock *clock, const char *dir);
void keyd_thread_stop(struct keyd_thread *thread);
void keyd_thread_mood(struct keyd_thread *thread, enum keyd_mood mood);
const char *keyd_thread_socket(const struct keyd_thread *thread);

#endif
