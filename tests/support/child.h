/* A check that must end the process runs in a child, so that the test goes on. */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

/* Runs fn(arg) in a forked child with standard error closed and fatal signals at their default, then _exit(0). Returns
 * what waitpid gives as status. */
int child_run(void (*fn)(void *arg), void *arg);

#endif
