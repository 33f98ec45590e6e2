#pragma once
/* Secret texts: names of secrets, alone or inside text ("Bearer " and then the secret), as holes that only
 * the sender fills.
 *
 * A CEL_SECRET whose text has no byte 0xFF is one hole with that name. Otherwise the text is literal text in
 * which 0xFF NAME 0xFF is a hole; 0xFF never stands in UTF-8, so nothing has to be escaped. Readers use
 * cel_secret_next and see no difference. */
#include "cel/value.h"

struct cel_secret_part {
    bool hole; /* text is a secret's name; else it is literal text */
    struct rc_sv text;
};

/* The next part of a secret text, from *io_at = 0 on; false when there is none left. A string is a secret
 * text with one literal part. */
bool cel_secret_next(struct cel_value, uint32_t *io_at, struct cel_secret_part *ret);

/* One text after the other; both are CEL_SECRET or CEL_STRING and the result is CEL_SECRET. RC_NOMEM,
 * RC_LIMIT. */
RC_MUST
enum rc_status cel_secret_join(struct cel_value, struct cel_value, struct rc_arena *, struct cel_value *ret);
