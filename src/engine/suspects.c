/* The page of suspects: plain stores to mapped memory, no system call, because every unit is named on it. */
#include "engine/suspects.h"

#include "base/limits.h"

#include <stddef.h>
#include <string.h>

static struct rc_suspect *find(struct rc_suspects *page, uint64_t unit)
{
    for (unsigned i = 0; page && i < RC_SUSPECTS; i++)
        if (page->suspect[i].unit == unit) return &page->suspect[i];
    return NULL;
}

void rc_suspects_start(struct rc_suspects *page)
{
    if (!page) return;
    if (page->version != RC_SUSPECTS_VERSION) {
        memset(page, 0, sizeof *page);
        page->version = RC_SUSPECTS_VERSION;
    }
    uint64_t unit = page->running;
    page->running = 0;
    for (unsigned i = 0; i < RC_SUSPECTS; i++) page->suspect[i].cleared = 0;
    if (!unit) return;
    struct rc_suspect *suspect = find(page, unit);
    if (!suspect) suspect = find(page, 0);
    if (!suspect)
        suspect = &page->suspect[unit % RC_SUSPECTS]; /* full of others: one of them gets another chance */
    if (suspect->unit != unit) *suspect = (struct rc_suspect){.unit = unit};
    suspect->crashes++;
}

bool rc_suspects_is_poison(struct rc_suspects *page, uint64_t unit)
{
    const struct rc_suspect *suspect = find(page, unit);
    return suspect && suspect->crashes >= RC_MAX_LOST;
}

void rc_suspects_enter(struct rc_suspects *page, uint64_t unit)
{
    if (page) page->running = unit;
}

void rc_suspects_leave(struct rc_suspects *page)
{
    if (!page) return;
    struct rc_suspect *suspect = page->running ? find(page, page->running) : NULL;
    if (suspect) suspect->cleared = 1;
    page->running = 0;
}

void rc_suspects_committed(struct rc_suspects *page)
{
    for (unsigned i = 0; page && i < RC_SUSPECTS; i++)
        if (page->suspect[i].cleared) page->suspect[i] = (struct rc_suspect){0};
}
