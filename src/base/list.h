// SPDX-License-Identifier: Apache-2.0
// An intrusive doubly linked list with a head node, as Linux has it.
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define list_first(head, type, member)  container_of((head)->next, type, member)
#define list_for_each(item, head, type, member)                                \
    for (type *item = list_first(head, type, member); &item->member != (head); \
         item = list_first(&item->member, type, member))
// The body may remove `item`.
#define list_for_each_safe(item, head, type, member)                  \
    for (type *item = list_first(head, type, member),                 \
              *item##_next = list_first(&item->member, type, member); \
         &item->member != (head);                                     \
         item = item##_next, item##_next = list_first(&item->member, type, member))

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_add_tail(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_add(struct list *head, struct list *node)
{
    list_add_tail(head->next, node);
}

// Leaves the node as an empty list of its own, so that a second removal is harmless.
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#endif
