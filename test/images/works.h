#pragma once
/* The workloads: what is done to a store while it is recorded. */
#include "stage.h"

/* works_store.c: batches, definitions, people, purges, starts and stops */
void groups_prepare(struct stage *);
void groups_run(struct stage *);
void readers_run(struct stage *);
void spills_run(struct stage *);
void life_run(struct stage *);
void people_run(struct stage *);
void growth_run(struct stage *);
/* works_files.c: files that are made of a store */
void files_prepare(struct stage *);
void backup_run_on(struct stage *);
const char *backup_use(const struct stage *, const char *path);
void import_run_on(struct stage *);
void export_run_on(struct stage *);
const char *export_use(const struct stage *, const char *path);
/* works_engine.c: the engine's turns */
void engine_prepare(struct stage *);
void engine_run(struct stage *);
const char *engine_use(const struct stage *, const char *path);
void wide_prepare(struct stage *);
void wide_run(struct stage *);
