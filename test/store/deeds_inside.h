#pragma once
/* What the files of the deeds share. */
#include "deeds.h"

enum {
    GATE = 7,         /* at which commands wait */
    MEMORY = 64 << 20 /* what an arena may grow to */
};

/* Another version of a definition, whatever there is. */
void define_again(struct doing *);

extern const struct deed writing_deeds[], file_deeds[], reading_deeds[];
extern const unsigned writing_deed_count, file_deed_count, reading_deed_count;
