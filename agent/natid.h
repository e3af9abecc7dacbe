/*
 * National identity numbers, brought to the one form that pseudonyms are made from: "SE:" and twelve digits, or "NO:"
 * and eleven. Two ways of writing one number must give one form, and two persons never the same: a form that leaves
 * room for doubt is refused, not guessed.
 *
 * Accepted, with or without the prefix "SE:" or "NO:" (without it the count of digits decides):
 *   Sweden: YYYYMMDDNNNC, YYYYMMDD-NNNC, YYMMDD-NNNC, YYMMDD+NNNC. The plus sign stands from the calendar year in which
 *   the person turns 100 (folkbokforingslagen, section 18). Ten digits without a sign leave the century open.
 *   Norway: DDMMYYIIICC, also with one space after the sixth digit.
 *
 * Sources: Skatteverket SKV 704 (personnummer) and SKV 707 (samordningsnummer: day + 60; month 00 and day 60 where the
 * date of birth is not known); Skatteetaten's description of fodselsnummer, D-number (day + 40) and of synthetic
 * numbers (month + 80; + 40 and + 65 in the test populations of NAV).
 *
 * Pure; any thread. The result is personal data: it is never logged, and no fault repeats any of it.
 */
#ifndef AGENT_NATID_H
#define AGENT_NATID_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

/* Longest accepted text; anything longer is NATID_FAULT_FORM before it is looked at. */
#define NATID_TEXT_MAX_BYTES 16

enum natid_kind {
    NATID_PERSONNUMMER,
    NATID_SAMORDNINGSNUMMER,
    NATID_FODSELSNUMMER,
    NATID_D_NUMBER,
};

/* Whether the number says of itself that nobody has it. Sweden's published test numbers cannot be told from others. */
enum natid_origin {
    NATID_ORDINARY,
    NATID_SYNTHETIC,
};

struct natid {
    /* "SE:" + 12 digits or "NO:" + 11 digits, ended by NUL. */
    char text[16];
    enum natid_kind kind;
    enum natid_origin origin;
};

/* Why a number is refused. X(name, text): the text completes "the identity number ...". */
#define NATID_FAULT_TABLE(X)                                                                                           \
    X(NONE, "is valid")                                                                                                \
    X(FORM, "does not have the form of a Swedish or Norwegian identity number")                                        \
    X(CENTURY, "needs its century: twelve digits, or a sign between date and number")                                  \
    X(DATE, "holds a date that does not exist")                                                                        \
    X(FUTURE, "holds a date that is yet to come")                                                                      \
    X(CHECK, "has a wrong check digit")

enum natid_fault {
#define X(name, text) NATID_FAULT_##name,
    NATID_FAULT_TABLE(X)
#undef X
};

const char *natid_fault_text(enum natid_fault fault);

/* now_ms decides the century of ten digits and what is still to come, by the date in UTC+1. STATUS_INVALID with the
 * reason in *out_fault, which is NATID_FAULT_NONE otherwise; *out_id is untouched on failure. */
enum status natid_parse(struct bytes text, uint64_t now_ms, enum natid_fault *out_fault, struct natid *out_id);

#endif
