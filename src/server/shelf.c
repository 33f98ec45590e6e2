/* The readers of the store for whoever is not the engine. A reader is lent to one thread at a time. */
#include "server/server.h"

void shelf_init(struct shelf *shelf)
{
    *shelf = (struct shelf){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
}

void shelf_put(struct shelf *shelf, struct rc_store *store)
{
    pthread_mutex_lock(&shelf->lock);
    shelf->store = store;
    pthread_mutex_unlock(&shelf->lock);
}

static struct shelf_reader *find_lent(struct shelf *shelf, bool lent)
{
    for (unsigned i = 0; i < SHELF_READERS; i++)
        if (shelf->readers[i].lent == lent) return &shelf->readers[i];
    return NULL;
}

/* Those who read look at `wanted` now and then, so this does not take long. */
void shelf_clear(struct shelf *shelf, bool for_good)
{
    pthread_mutex_lock(&shelf->lock);
    shelf->store = NULL;
    shelf->closed |= for_good;
    atomic_store(&shelf->wanted, true);
    while (find_lent(shelf, true)) pthread_cond_wait(&shelf->changed, &shelf->lock);
    atomic_store(&shelf->wanted, false);
    for (unsigned i = 0; i < SHELF_READERS; i++) {
        if (shelf->readers[i].reader) rc_reader_close(shelf->readers[i].reader);
        shelf->readers[i].reader = NULL;
    }
    pthread_mutex_unlock(&shelf->lock);
}

static enum rc_status lend(struct shelf *shelf, struct rc_reader **ret, struct rc_error *err)
{
    if (shelf->closed) return rc_fail(err, RC_STOPPING, "the server is stopping");
    if (!shelf->store) return rc_fail(err, RC_IO, "the store is being opened again");
    struct shelf_reader *free = find_lent(shelf, false);
    if (!free) return rc_fail(err, RC_BUSY, "too many read at the same time");
    enum rc_status status = free->reader ? RC_OK : rc_reader_open(shelf->store, &free->reader, err);
    if (status != RC_OK) return status;
    free->lent = true;
    *ret = free->reader;
    return RC_OK;
}

static enum rc_status borrow(void *context, struct rc_reader **ret, struct rc_error *err)
{
    struct shelf *shelf = context;
    pthread_mutex_lock(&shelf->lock);
    enum rc_status status = lend(shelf, ret, err);
    pthread_mutex_unlock(&shelf->lock);
    return status;
}

static void give_back(void *context, struct rc_reader *reader)
{
    struct shelf *shelf = context;
    pthread_mutex_lock(&shelf->lock);
    for (unsigned i = 0; i < SHELF_READERS; i++)
        if (shelf->readers[i].reader == reader) shelf->readers[i].lent = false;
    pthread_cond_signal(&shelf->changed);
    pthread_mutex_unlock(&shelf->lock);
}

static bool is_wanted(void *context)
{
    struct shelf *shelf = context;
    return atomic_load_explicit(&shelf->wanted, memory_order_relaxed);
}

struct rc_shelf shelf_door(struct shelf *shelf)
{
    return (struct rc_shelf){.context = shelf, .borrow = borrow, .give_back = give_back, .wanted = is_wanted};
}
