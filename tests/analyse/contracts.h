/* contracts.h: put in front of a source for analysers, which see one file at a time: what always fails. */
#include "files/json.h"

static inline int rome99_failed(int code) { return (void)code, -1; }
#define rome99_fail(...)      rome99_failed(rome99_fail(__VA_ARGS__))
#define rome99_json_fail(...) rome99_failed(rome99_json_fail(__VA_ARGS__))
