/*
 * A face of core: where calls come from and answers go to. One link server each for gate, portal and operator.
 *
 * A face decodes requests and encodes answers; in between, all calls are alike. Each call carries a completion, which
 * gives the answer or lets the connection go, once.
 */
#ifndef BROKER_CORE_FACE_H
#define BROKER_CORE_FACE_H

#include "broker/core/call.h"

struct face_ops {
    /* Worker: fills in what the face knows of the request, and handler. A failing status is the answer. */
    enum status (*decode)(struct call *call);
    /* Any thread: encodes the answer and sends it. Everything but the completion still belongs to the call. */
    void (*send)(struct call *call);
    /* Any thread: the call ends without an answer. */
    void (*drop)(struct call *call);
};

/* First member of each face's own; freed by send or drop. */
struct completion {
    const struct face_ops *ops;
};

/* A new call that belongs to the caller; NULL when memory is out. The arena comes with the first step of a worker. */
struct call *call_new(struct core *core, enum face face, struct completion *completion);
/* Sends now, whatever the pace, and frees. */
void call_send(struct call *call);
/* Ends a call without an answer, and frees. */
void call_drop(struct call *call);

#endif
