/*
 * An agent that only remembers what it was asked, in place of agent/agent.h's: for tests of what stands in front of it.
 * One a program.
 */
#ifndef TESTS_SUPPORT_API_FAKE_AGENT_H
#define TESTS_SUPPORT_API_FAKE_AGENT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "agent/agent.h"

#define MEMBER  "0007:2021000001"
#define NORTH   MEMBER "/north"
#define SOUTH   MEMBER "/south"
#define FOREIGN "0007:2021000002/north"
/* The one number that the fake knows, and what it stands for. */
#define NUMBER "191212121212"
#define HANDLE "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
/* The id of everything that the fake makes. */
#define ID "AgICAgICAgICAgICAgICAg"

struct fake_agent {
    atomic_int calls;
    atomic_int event_number; /* newest event; 0: none */
    atomic_bool slow;        /* withdrawals wait */
    atomic_int waiting;
    bool away;        /* an erasure gets no receipt */
    enum status keep; /* of keeping an idempotency key */
    char repeat_client[40];
    char repeat_key[260];
    struct hash repeat_request;
    uint8_t repeat_answer[65536];
    size_t repeat_len;
    enum status answer; /* of everything that can fail */
    char unit[100];
    char official[101];
    char reason[301];
    char purpose[41];
    struct agent_request request; /* its pointers are the call's */
    struct agent_publish publish;
    struct id16 group;
    bool others_lost;
    uint32_t assurance;
};

extern struct fake_agent fake_agent;

/* As at the start of the program. */
void fake_agent_reset(void);

#endif
