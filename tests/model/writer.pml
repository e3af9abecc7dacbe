/*
 * Core's writer, keyd, and callers, with core killed at any step: the orders that P4 and P5 rest on.
 *
 * One consent. A person revokes it, a recipient asks for a release, again and again. A batch decides in order inside the
 * transaction, commits, has keyd sign, then answers. What is durable survives a kill: the log and the state of the
 * consent together (one commit), keyd's note by itself. Answers that were not sent are lost with the kill.
 *
 * P4: no answer leaves before its leaf is durable and signed.
 * P5: once the revocation is acknowledged, no release that was decided later is answered; and none is answered at all
 *     that was decided after the revocation.
 */
#define MOST 4 /* leaves in the log, to keep the model small */

byte durable = 0;      /* leaves committed */
byte noted = 0;        /* leaves under keyd's durable note */
bool revoked = false;  /* durable state of the consent */
byte revoked_at = 0;   /* leaf number + 1 of the revocation */
bool acked = false;    /* the person has the acknowledgement */
bool wants_release = false;
bool wants_revoke = true;

/* What core holds in memory only. */
bool up = true;
bool batch_release = false;
bool batch_revoke = false;
byte release_leaf = 0; /* leaf number + 1 of the release of this batch; 0: refused */
byte revoke_leaf = 0;
bool committed = false;
bool is_signed = false;

#define forget() batch_release = false; batch_revoke = false; release_leaf = 0; revoke_leaf = 0; committed = false; is_signed = false

active proctype recipient() {
    do
    :: durable < MOST -> wants_release = true
    :: durable >= MOST -> break
    od
}

active proctype writer() {
    do
    :: atomic { /* takes what waits, in some order, and decides each inside one transaction */
            up && !committed && !batch_release && !batch_revoke && noted == durable && durable + 2 <= MOST ->
            if
            :: wants_revoke && !revoked -> batch_revoke = true
            :: true -> skip
            fi;
            if
            :: wants_release -> batch_release = true
            :: true -> skip
            fi;
            if
            :: batch_revoke && batch_release -> /* the order of the batch is the order of the log */
                if
                :: release_leaf = (revoked -> 0 : durable + 1); revoke_leaf = durable + 1 + (release_leaf > 0 -> 1 : 0)
                :: revoke_leaf = durable + 1; release_leaf = 0
                fi
            :: batch_revoke && !batch_release -> revoke_leaf = durable + 1
            :: !batch_revoke && batch_release -> release_leaf = (revoked -> 0 : durable + 1)
            :: else -> skip
            fi
        }
    :: atomic { /* the commit: all or nothing */
            up && (batch_release || batch_revoke) && !committed ->
            durable = durable + (release_leaf > 0 -> 1 : 0) + (revoke_leaf > 0 -> 1 : 0);
            if
            :: revoke_leaf > 0 -> revoked = true; revoked_at = revoke_leaf
            :: else -> skip
            fi;
            committed = true
        }
    :: atomic { up && committed && !is_signed -> noted = durable; is_signed = true }
    :: atomic { /* answers leave */
            up && is_signed ->
            assert(release_leaf == 0 || release_leaf <= noted);                    /* P4 */
            assert(revoke_leaf == 0 || revoke_leaf <= noted);                      /* P4 */
            assert(!(release_leaf > 0 && revoked_at > 0 && release_leaf > revoked_at)); /* P5 */
            assert(!(release_leaf > 0 && acked));                                  /* P5 */
            if
            :: batch_release -> wants_release = false
            :: else -> skip
            fi;
            if
            :: batch_revoke -> acked = true; wants_revoke = false
            :: else -> skip
            fi;
            forget()
        }
    :: atomic { /* after a restart: the tree is signed before anything is taken */
            up && !committed && !batch_release && !batch_revoke && noted < durable -> noted = durable }
    :: atomic { /* a repeated revocation finds its leaf and gets the receipt */
            up && revoked && wants_revoke && !batch_revoke && !committed && noted == durable ->
            acked = true; wants_revoke = false }
    :: durable + 2 > MOST && noted == durable && !batch_release && !batch_revoke -> break
    od
}

active proctype killer() {
    do
    :: atomic { up -> up = false; forget() }
    :: !up -> up = true
    :: durable + 2 > MOST -> atomic { up = true; break }
    od
}
