// SPDX-License-Identifier: Apache-2.0
#include "attest/time.h"

#include <stdio.h>
#include <time.h>

#define DAY_SECONDS 86400

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

// Days from 1970-01-01 to January 1 of the year.
static int64_t year_days(int year)
{
    int y = year - 1;
    return (int64_t)365 * (year - 1970) + (y / 4 - y / 100 + y / 400) - 477;
}

static struct result from_civil(const struct tm *tm, int64_t *ret)
{
    int year = tm->tm_year + 1900, month = tm->tm_mon + 1;
    REQUIRE(year >= 1970 && year <= 9999 && month >= 1 && month <= 12 && tm->tm_mday >= 1 &&
                tm->tm_mday <= month_days(year, month) && tm->tm_hour >= 0 && tm->tm_hour <= 23 &&
                tm->tm_min >= 0 && tm->tm_min <= 59 && tm->tm_sec >= 0 && tm->tm_sec <= 59,
            ERR_RANGE, "not a date and time");
    int64_t days = year_days(year) + tm->tm_mday - 1;
    for (int m = 1; m < month; m++)
        days += month_days(year, m);
    *ret = days * DAY_SECONDS + tm->tm_hour * 3600 + tm->tm_min * 60 + tm->tm_sec;
    return RESULT_OK;
}

struct result attest_time_parse(struct span text, int64_t *ret)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    int field[6] = {0}, n = 0;
    REQUIRE(text.size == sizeof form - 1, ERR_INVALID, "not an ISO 8601 time in UTC");
    for (size_t i = 0; i < text.size; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        REQUIRE(form[i] == 'd' ? digit : text.data[i] == (uint8_t)form[i], ERR_INVALID,
                "not an ISO 8601 time in UTC");
        if (digit)
            field[n] = field[n] * 10 + (text.data[i] - '0');
        else if (n < 5)
            n++;
    }
    struct tm tm = {.tm_year = field[0] - 1900,
                    .tm_mon = field[1] - 1,
                    .tm_mday = field[2],
                    .tm_hour = field[3],
                    .tm_min = field[4],
                    .tm_sec = field[5]};
    return from_civil(&tm, ret);
}

void attest_time_format(int64_t unix_time, char ret[ATTEST_TIME_TEXT_SIZE])
{
    int year = 1970, month = 1;
    int64_t days = unix_time / DAY_SECONDS;
    int second = (int)(unix_time % DAY_SECONDS);
    if (unix_time < 0 || days >= year_days(10000)) {
        snprintf(ret, ATTEST_TIME_TEXT_SIZE, "-");
        return;
    }
    year += (int)(days / 366); // a lower bound
    while (year_days(year + 1) <= days)
        year++;
    days -= year_days(year);
    for (; days >= month_days(year, month); month++)
        days -= month_days(year, month);
    char text[64];
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, (int)days + 1,
             second / 3600, second / 60 % 60, second % 60);
    __builtin_memcpy(ret, text, ATTEST_TIME_TEXT_SIZE);
}

struct result attest_time_from_digits(const char *text, int64_t *ret)
{
    static const uint8_t sizes[] = {4, 2, 2, 2, 2, 2};
    int field[ARRAY_COUNT(sizes)] = {0};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        for (size_t n = 0; n < sizes[i]; n++, text++) {
            REQUIRE(*text >= '0' && *text <= '9', ERR_INVALID, "not a time");
            field[i] = field[i] * 10 + (*text - '0');
        }
    }
    const struct tm tm = {.tm_year = field[0] - 1900,
                          .tm_mon = field[1] - 1,
                          .tm_mday = field[2],
                          .tm_hour = field[3],
                          .tm_min = field[4],
                          .tm_sec = field[5]};
    return from_civil(&tm, ret);
}
