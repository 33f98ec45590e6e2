#pragma once
/* Parts of recourse bulk. */
#include "cli/run.h"

/* What it is about, without its progress. */
void bulk_put_head(struct cli *, const struct cel_value *bulk);
void bulk_put(struct cli *, const struct cel_value *bulk);
/* One line: the state, and how far it has come. In the arena. */
struct rc_sv bulk_progress(struct cli *, const struct cel_value *bulk);
bool bulk_all_done(const struct cel_value *bulk);
void bulk_put_items(struct cli *, struct cel_value items);
void bulk_put_list(struct cli *, struct cel_value bulks);
