// SPDX-License-Identifier: Apache-2.0
#include "image/dpkg_status.h"

#include <string.h>

#define FIELD_SIZE_MAX 256u

static struct span take_line(struct span *rest)
{
    const uint8_t *end = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;
    size_t size = end ? (size_t)(end - rest->data) : rest->size;
    struct span line = SPAN(rest->data, size);
    size_t taken = size + (end ? 1 : 0);
    *rest = SPAN(rest->data + taken, rest->size - taken);
    return line;
}

// The value when the line is that of `field`.
static bool field_is(struct span line, const char *field, struct span *ret)
{
    size_t size = strlen(field);
    if (line.size < size + 1 || memcmp(line.data, field, size) != 0 || line.data[size] != ':')
        return false;
    struct span value = SPAN(line.data + size + 1, line.size - size - 1);
    while (value.size && (value.data[0] == ' ' || value.data[0] == '\t'))
        value = SPAN(value.data + 1, value.size - 1);
    while (value.size && value.data[value.size - 1] == ' ')
        value.size--;
    *ret = value;
    return true;
}

// Debian Policy, 5.6.1, 5.6.8 and 5.6.12: characters of names, architectures and versions.
static bool is_word(struct span s)
{
    static const char others[] = "+-.~:";
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (!c || !strchr(others, c)))
            return false;
    }
    return s.size > 0 && s.size <= FIELD_SIZE_MAX;
}

bool dpkg_status_next(struct span *rest, struct dpkg_package *ret)
{
    while (rest->size) {
        struct dpkg_package p = {0};
        struct span line, status = {0};
        while (rest->size && (line = take_line(rest)).size) {
            if (!field_is(line, "Package", &p.name) && !field_is(line, "Version", &p.version) &&
                !field_is(line, "Architecture", &p.architecture))
                (void)field_is(line, "Status", &status);
        }
        bool installed = span_compare(status, SPAN_STR("install ok installed")) == 0 ||
                         span_compare(status, SPAN_STR("hold ok installed")) == 0;
        if (installed && is_word(p.name) && is_word(p.version) && is_word(p.architecture)) {
            *ret = p;
            return true;
        }
    }
    return false;
}
