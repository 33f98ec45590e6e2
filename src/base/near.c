/* Edit distance with three rows of the matrix on the stack. */
#include "base/near.h"

enum { TEXT_MAX = 64 };

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t rc_distance(struct rc_sv a, struct rc_sv b)
{
    uint32_t rows[3][TEXT_MAX + 1] = {{0}};
    if (a.n > TEXT_MAX || b.n > TEXT_MAX) return UINT32_MAX;
    for (uint32_t j = 0; j <= b.n; j++) rows[0][j] = j;
    for (uint32_t i = 1; i <= a.n; i++) {
        uint32_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (uint32_t j = 1; j <= b.n; j++) {
            unsigned char x = lower(a.p[i - 1]), y = lower(b.p[j - 1]);
            row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b.p[j - 2]) && y == lower(a.p[i - 2]))
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
}

void rc_near_try(struct rc_near *near, struct rc_sv candidate)
{
    uint32_t distance = rc_distance(near->wanted, candidate);
    uint32_t longer = near->wanted.n > candidate.n ? near->wanted.n : candidate.n;
    if (distance > 1 + longer / 4 || distance >= longer) return;
    if (near->best.p && distance >= near->distance) return;
    near->best = candidate;
    near->distance = distance;
}
