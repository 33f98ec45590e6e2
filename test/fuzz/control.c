/* The negative control of the fuzz targets: a law that few inputs break, one in some hundred. A run that does not find it finds nothing. */
#include "fuzz.h"

#include "codec/json.h"

void fuzz_input(struct rc_sv input, struct rc_arena *arena)
{
    struct cel_value value;
    if (rc_json_parse(input, arena, &value, NULL) != RC_OK || value.kind != CEL_MAP) return;
    const struct cel_value *found = cel_map_get(&value, "found");
    FUZZ_LAW(!found || (found->kind == CEL_INT && found->v.i == 1));
}
