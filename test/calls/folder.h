#pragma once
/* The folder of a store as a whole: its files are copied, removed, and told apart from others. */
#include <stddef.h>
#include <stdint.h>

/* Of 128 bits, quickly made; against chance, not against an adversary. */
struct digest {
    uint64_t a, b;
};
void digest_add(struct digest *, const void *bytes, size_t n);

void folder_empty(const char *folder);
/* `to` is made where it is missing, and emptied. Shared memory (-shm) stays behind: it does not outlive a crash of the machine. */
void folder_copy(const char *from, const char *to);
/* Adds names, lengths and bytes of all that folder_copy would copy, in whatever order they stand there. */
void folder_digest(const char *folder, struct digest *io);
