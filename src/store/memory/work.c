/* Rows of work in order: a treap. Expected depth is about 3 ln n, which is 35 for a hundred thousand rows. */
#include "store/memory/disk.h"

#include <stdlib.h>

/* Splits a tree into the rows before `at` and the rest. */
static void split(struct mem_work *tree, const struct rc_work *at, struct mem_work **before,
                  struct mem_work **rest)
{
    while (tree) {
        if (rc_work_cmp(&tree->row, at) < 0) {
            *before = tree;
            before = &tree->right;
            tree = tree->right;
        } else {
            *rest = tree;
            rest = &tree->left;
            tree = tree->left;
        }
    }
    *before = *rest = NULL;
}

/* Joins two trees of which all rows of the left one come first. */
static struct mem_work *join(struct mem_work *left, struct mem_work *right)
{
    struct mem_work *root = NULL, **end = &root;
    while (left && right) {
        if (left->priority > right->priority) {
            *end = left;
            end = &left->right;
            left = left->right;
        } else {
            *end = right;
            end = &right->left;
            right = right->left;
        }
    }
    *end = left ? left : right;
    return root;
}

void mem_work_put(struct mem_work **root, struct mem_work *work)
{
    while (*root && (*root)->priority >= work->priority)
        root = rc_work_cmp(&(*root)->row, &work->row) < 0 ? &(*root)->right : &(*root)->left;
    split(*root, &work->row, &work->left, &work->right);
    *root = work;
}

struct mem_work *mem_work_take(struct mem_work **root, const struct rc_work *row)
{
    for (int order; *root; root = order < 0 ? &(*root)->right : &(*root)->left) {
        order = rc_work_cmp(&(*root)->row, row);
        if (order != 0) continue;
        struct mem_work *found = *root;
        *root = join(found->left, found->right);
        return found;
    }
    return NULL;
}

const struct mem_work *mem_work_next(const struct mem_work *root, const struct rc_work *after, bool or_equal)
{
    const struct mem_work *best = NULL;
    while (root) {
        int order = rc_work_cmp(&root->row, after);
        bool behind = or_equal ? order >= 0 : order > 0;
        if (behind) best = root;
        root = behind ? root->left : root->right;
    }
    return best;
}

void mem_work_free(struct mem_work *root)
{
    while (root) {
        struct mem_work *rest = join(root->left, root->right);
        free(root);
        root = rest;
    }
}
