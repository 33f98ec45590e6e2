/* The shared reader. Whoever borrows it holds the lock until it is given back: reads are short. */
#include "server/server.h"

void shelf_init(struct shelf *shelf)
{
    *shelf = (struct shelf){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void shelf_put(struct shelf *shelf, struct rc_store *store)
{
    pthread_mutex_lock(&shelf->lock);
    shelf->store = store;
    pthread_mutex_unlock(&shelf->lock);
}

void shelf_clear(struct shelf *shelf, bool for_good)
{
    pthread_mutex_lock(&shelf->lock);
    if (shelf->reader) rc_reader_close(shelf->reader);
    shelf->reader = NULL;
    shelf->store = NULL;
    shelf->closed |= for_good;
    pthread_mutex_unlock(&shelf->lock);
}

static enum rc_status borrow(void *context, struct rc_reader **ret, struct rc_error *err)
{
    struct shelf *shelf = context;
    enum rc_status status = RC_OK;
    pthread_mutex_lock(&shelf->lock);
    if (shelf->closed)
        status = rc_fail(err, RC_STOPPING, "the server is stopping");
    else if (!shelf->store)
        status = rc_fail(err, RC_IO, "the store is being opened again");
    else if (!shelf->reader)
        status = rc_reader_open(shelf->store, &shelf->reader, err);
    if (status == RC_OK)
        *ret = shelf->reader;
    else
        pthread_mutex_unlock(&shelf->lock);
    return status;
}

static void give_back(void *context)
{
    struct shelf *shelf = context;
    pthread_mutex_unlock(&shelf->lock);
}

struct rc_shelf shelf_door(struct shelf *shelf)
{
    return (struct rc_shelf){.context = shelf, .borrow = borrow, .give_back = give_back};
}
