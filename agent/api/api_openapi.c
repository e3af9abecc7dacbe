/* GET /openapi.json: the document in docs/, carried in the binary. */
#include "agent/api/api_call.h"
#include "agent/api/api_route.h"

extern const unsigned char api_openapi_text[]; /* ended by a NUL that is not counted */
extern const size_t api_openapi_text_len;

enum status api_openapi_get(struct api_call *call) {
    return api_call_answer_text(call, "application/json", (const char *)api_openapi_text);
}
