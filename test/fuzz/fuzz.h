#pragma once
/* What the fuzz targets share. A target is one function that takes any bytes and calls FUZZ_LAW for what must hold. With
 * -Dc_args=-fsanitize=fuzzer-no-link (clang) it is driven by libFuzzer (llvm.org/docs/LibFuzzer.html), else by corpus.c, which
 * runs the files of a folder once. Every allocation of an arena is one of malloc's (arena.c), so that AddressSanitizer
 * knows where each ends. */
#include "cel/value.h"
#include "flow/set.h"

#include <stddef.h>

enum { FUZZ_MEMORY = 64 << 20 };

/* Each target defines this. The arena is fresh, and freed afterwards. */
void fuzz_input(struct rc_sv input, struct rc_arena *arena);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Ends the process with the law that does not hold. */
_Noreturn void fuzz_broken(const char *file, int line, const char *law);
#define FUZZ_LAW(holds) ((holds) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #holds))

/* An arena for what a target makes once; never freed. */
struct rc_arena *fuzz_forever(void);

/* Taking inputs apart: the first line (without its line feed), and the text up to a line that is exactly `mark`. What is taken is gone. */
struct rc_sv fuzz_line(struct rc_sv *io_text);
struct rc_sv fuzz_part(struct rc_sv *io_text, const char *mark);

/* Whether two values are of the same kinds and equal; NaN is like NaN. */
bool fuzz_same(struct cel_value a, struct cel_value b);
/* Copy, hash and JSON of any value. */
void fuzz_value_laws(struct cel_value value, struct rc_arena *arena);
/* One text of JSON that must parse. */
struct cel_value fuzz_json(struct rc_sv text, struct rc_arena *arena);
/* The text is JSON, as every answer and every view is. */
void fuzz_is_json(const struct rc_buf *buf, struct rc_arena *arena);

/* A few flows and their dependency, read once: as definitions (flows.c). */
extern const char fuzz_definitions[];
const struct flow_set *fuzz_flows(void);
/* The same behind the publication of the second version of some of them. */
const struct flow_set *fuzz_flows_later(void);
