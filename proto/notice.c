/*
 * The template. A language is a row of texts; a missing text makes the language incomplete, which a test refuses. The
 * template never changes within a version: what is signed must come out again, byte for byte.
 */
#include "proto/notice.h"

#include <string.h>
#include <time.h>

#include "proto/limits.h"

#define NOTICE_BYTES_MAX 16384

struct language {
    const char *code;
    const char *title;
    const char *who;
    const char *what;
    const char *kinds[KIND_LAST + 1];
    const char *from;
    const char *why;
    const char *until;
    const char *once;
    const char *repeated;
    const char *basis[BASIS_BOTH + 1];
    const char *withdraw;
    const char *refusal;
};

static const struct language languages[] = {
    {
        .code = "sv",
        .title = "Samtycke till att dela delar av din plan",
        .who = "Mottagare: ",
        .what = "Det här får mottagaren läsa:",
        .kinds = {"", "Kartläggning och bedömning", "Mål", "Aktiviteter", "Studieplan", "Beslut",
                  "Hänvisning till annan", "Möten och händelser", "Validering", "Uppföljning"},
        .from = "Uppgifterna kommer från:",
        .why = "Ändamål: ",
        .until = "Gäller till och med: ",
        .once = "Mottagaren får läsa en gång.",
        .repeated = "Mottagaren får läsa flera gånger under tiden, även det som tillkommer.",
        .basis = {"", "Du häver sekretessen för just detta.", "Du samtycker enligt dataskyddsförordningen.",
                  "Du häver sekretessen för just detta och samtycker enligt dataskyddsförordningen."},
        .withdraw =
            "Du kan när som helst återkalla: med din nyckel, med återkallelsekoden eller genom att säga till en av "
            "verksamheterna. Det som redan har lästs kan inte göras oläst.",
        .refusal =
            "Det är frivilligt. Om du säger nej får mottagaren inte läsa något och får inte veta att du svarade.",
    },
    {
        .code = "nb",
        .title = "Samtykke til å dele deler av planen din",
        .who = "Mottaker: ",
        .what = "Dette får mottakeren lese:",
        .kinds = {"", "Kartlegging og vurdering", "Mål", "Aktiviteter", "Studieplan", "Vedtak", "Henvisning",
                  "Møter og hendelser", "Realkompetansevurdering", "Oppfølging"},
        .from = "Opplysningene kommer fra:",
        .why = "Formål: ",
        .until = "Gjelder til og med: ",
        .once = "Mottakeren får lese én gang.",
        .repeated = "Mottakeren får lese flere ganger i perioden, også det som kommer til.",
        .basis = {"", "Du opphever taushetsplikten for akkurat dette.", "Du samtykker etter personvernforordningen.",
                  "Du opphever taushetsplikten for akkurat dette og samtykker etter personvernforordningen."},
        .withdraw =
            "Du kan når som helst trekke det tilbake: med nøkkelen din, med tilbakekallingskoden eller ved å si fra "
            "til en av virksomhetene. Det som allerede er lest, kan ikke gjøres ulest.",
        .refusal = "Det er frivillig. Hvis du sier nei, får mottakeren ikke lese noe og får ikke vite at du svarte.",
    },
    {
        .code = "en",
        .title = "Consent to share parts of your plan",
        .who = "Recipient: ",
        .what = "This is what the recipient may read:",
        .kinds = {"", "Assessments", "Goals", "Activities", "Study plan", "Decisions", "Referrals",
                  "Meetings and events", "Validation of skills", "Follow-up"},
        .from = "The information comes from:",
        .why = "Purpose: ",
        .until = "Valid until: ",
        .once = "The recipient may read once.",
        .repeated = "The recipient may read several times until then, including what is added later.",
        .basis = {"", "You waive secrecy for exactly this.",
                  "You consent under the General Data Protection Regulation.",
                  "You waive secrecy for exactly this and consent under the General Data Protection Regulation."},
        .withdraw = "You can withdraw at any time: with your key, with the revocation code, or by telling one of the "
                    "bodies. What has been read cannot be made unread.",
        .refusal = "It is voluntary. If you say no, the recipient reads nothing and is not told that you answered.",
    },
};

static const size_t language_count = sizeof languages / sizeof languages[0];

const char *const *notice_languages(void) {
    static const char *const codes[] = {"sv", "nb", "en", NULL};
    return codes;
}

static const struct language *find_language(const char *code) {
    for (size_t i = 0; i < language_count; i++) {
        if (strcmp(languages[i].code, code) == 0) return &languages[i];
    }
    return NULL;
}

static void put(struct writer *out, const char *text) { writer_put(out, bytes_text(text)); }

static void put_line(struct writer *out, const char *before, const char *text) {
    put(out, before);
    put(out, text);
    put(out, "\n");
}

const char *notice_name(const struct text *texts, size_t n_texts, const char *lang) {
    const struct text *best = NULL;
    for (size_t i = 0; i < n_texts; i++) {
        if (strcmp(texts[i].lang, lang) == 0) return texts[i].text;
        if (!best || strcmp(texts[i].lang, best->lang) < 0) best = &texts[i];
    }
    return best ? best->text : NULL;
}

/* "Name of the unit, name of the member". */
static void put_party(struct writer *out, const char *before, const struct notice_party *party) {
    put(out, before);
    put(out, party->unit_name);
    put(out, ", ");
    put_line(out, party->member_name, "");
}

static enum status put_until(struct writer *out, const struct language *language, uint64_t exp_s) {
    time_t at = (time_t)exp_s;
    struct tm utc;
    char text[32];
    ENSURE(gmtime_r(&at, &utc), STATUS_INVALID);
    ENSURE(strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc) > 0, STATUS_INVALID);
    put_line(out, language->until, text);
    return STATUS_OK;
}

static void put_kinds(struct writer *out, const struct language *language, const struct notice_facts *facts) {
    put_line(out, language->what, "");
    for (size_t i = 0; i < facts->n_kinds; i++) {
        put_line(out, "- ", language->kinds[facts->kinds[i]]);
    }
}

/* One line of text, so that no name can pass for a line of the template. */
static bool is_line(const char *text) { return *text && bytes_is_text(bytes_text(text)); }

static enum status check_names(const struct notice_facts *facts) {
    ENSURE(is_line(facts->to.unit_name) && is_line(facts->to.member_name), STATUS_INVALID);
    ENSURE(is_line(facts->purpose_text), STATUS_INVALID);
    ENSURE(facts->n_from > 0, STATUS_INVALID);
    for (size_t i = 0; i < facts->n_from; i++) {
        ENSURE(is_line(facts->from[i].unit_name) && is_line(facts->from[i].member_name), STATUS_INVALID);
    }
    return STATUS_OK;
}

static enum status check_facts(const struct notice_facts *facts) {
    ENSURE(facts->access == ACCESS_ONCE || facts->access == ACCESS_REPEATED, STATUS_INVALID);
    ENSURE(facts->basis > BASIS_NONE && facts->basis <= BASIS_BOTH, STATUS_INVALID);
    ENSURE(facts->exp_s <= LIMIT_SECONDS && facts->n_kinds > 0, STATUS_INVALID);
    for (size_t i = 0; i < facts->n_kinds; i++) {
        ENSURE(facts->kinds[i] > KIND_NONE && facts->kinds[i] <= KIND_LAST, STATUS_INVALID);
        ENSURE(i == 0 || facts->kinds[i - 1] < facts->kinds[i], STATUS_INVALID);
    }
    return check_names(facts);
}

static enum status put_all(struct writer *out, const struct language *language, const struct notice_facts *facts) {
    put_line(out, language->title, "");
    put_party(out, language->who, &facts->to);
    put_kinds(out, language, facts);
    put_line(out, language->from, "");
    for (size_t i = 0; i < facts->n_from; i++) {
        put_party(out, "- ", &facts->from[i]);
    }
    put_line(out, language->why, facts->purpose_text);
    TRY(put_until(out, language, facts->exp_s));
    put_line(out, facts->access == ACCESS_ONCE ? language->once : language->repeated, "");
    put_line(out, language->basis[facts->basis], "");
    put_line(out, language->withdraw, "");
    put_line(out, language->refusal, "");
    return STATUS_OK;
}

enum status notice_write(struct arena *arena, const char *lang, const struct notice_facts *facts,
                         struct bytes *out_text) {
    const struct language *language = find_language(lang);
    ENSURE(language, STATUS_UNSUPPORTED);
    TRY(check_facts(facts));
    void *memory = arena_alloc(arena, NOTICE_BYTES_MAX);
    ENSURE(memory, STATUS_MEMORY);
    struct writer out = writer_init(memory, NOTICE_BYTES_MAX);
    TRY(put_all(&out, language, facts));
    return writer_end(&out, out_text);
}

static enum status find_party(const struct directory *directory, const char *id, const char *lang,
                              struct notice_party *out_party) {
    const struct member_record *member = NULL;
    const struct unit *unit = directory_unit(directory, id, &member);
    ENSURE(unit, STATUS_NOT_FOUND);
    struct notice_party party = {.unit_name = notice_name(unit->names, unit->n_names, lang),
                                 .member_name = notice_name(member->names, member->n_names, lang)};
    ENSURE(party.unit_name && party.member_name, STATUS_NOT_FOUND);
    *out_party = party;
    return STATUS_OK;
}

enum status notice_make(struct arena *arena, const char *lang, const struct directory *directory,
                        const struct token *first, const char *const *sources, size_t n_sources,
                        struct bytes *out_text) {
    ENSURE(find_language(lang), STATUS_UNSUPPORTED);
    struct notice_party *from = ARENA_ARRAY(arena, struct notice_party, n_sources);
    ENSURE(from, STATUS_MEMORY);
    struct notice_facts facts = {.from = from,
                                 .n_from = n_sources,
                                 .kinds = first->kinds,
                                 .n_kinds = first->n_kinds,
                                 .exp_s = first->exp_s,
                                 .access = first->access,
                                 .basis = first->basis};
    TRY(find_party(directory, first->to, lang, &facts.to));
    for (size_t i = 0; i < n_sources; i++) {
        ENSURE(i == 0 || strcmp(sources[i - 1], sources[i]) < 0, STATUS_INVALID);
        TRY(find_party(directory, sources[i], lang, &from[i]));
    }
    const struct purpose *purpose = directory_purpose(directory, first->purpose);
    ENSURE(purpose, STATUS_NOT_FOUND);
    facts.purpose_text = directory_text(purpose->texts, purpose->n_texts, lang);
    ENSURE(facts.purpose_text, STATUS_NOT_FOUND);
    return notice_write(arena, lang, &facts, out_text);
}
