#pragma once
/* Zones of this machine's database. */
#include "base/limits.h"
#include "cron/cron.h"

#include <stdio.h>
#include <string.h>

static inline struct rc_sv zone_bytes(const char *name, char bytes[RC_MAX_ZONE])
{
    char path[256];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s is not there: install tzdata", path);
    struct rc_sv all = {bytes, (uint32_t)fread(bytes, 1, RC_MAX_ZONE, file)};
    fclose(file);
    return all;
}

static inline const struct cron_zone *zone_of(const char *name, struct rc_arena *arena)
{
    static char bytes[RC_MAX_ZONE];
    const struct cron_zone *zone = NULL;
    struct rc_error err = {0};
    if (cron_zone_read(zone_bytes(name, bytes), arena, &zone, &err) != RC_OK)
        fail_msg("%s: %s", name, err.text);
    return zone;
}
