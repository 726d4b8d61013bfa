#include "base/utc.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_MS 86400000LL
/* Years 0001..9999: everything the text forms can show. */
#define UTC_MS_MIN (-62135596800000LL)
#define UTC_MS_MAX 253402300799999LL

struct civil {
	int64_t year;
	int month, day, hour, minute, second, ms;
};

utc_t utc_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (utc_t){ (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 };
}

mono_t mono_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (mono_t){ (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 };
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

utc_t utc_floor(utc_t t, int64_t step_ms) { return (utc_t){ floor_div(t.ms, step_ms) * step_ms }; }

/* Days between 1970-01-01 and a date of the proleptic Gregorian calendar. The year starts in March, so that the leap day
 * is its last; 400 years are 146097 days. */
static int64_t days_from_civil(int64_t y, int m, int d)
{
	int64_t era, year_of_era, day_of_year;

	y -= m <= 2;
	era = floor_div(y, 400);
	year_of_era = y - era * 400;
	day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct civil civil_from(utc_t t)
{
	int64_t days = floor_div(t.ms, DAY_MS), rest = t.ms - days * DAY_MS;
	int64_t z = days + 719468, era = floor_div(z, 146097), day_of_era = z - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;
	struct civil c;

	c.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	c.month = (int)(month < 10 ? month + 3 : month - 9);
	c.year = year_of_era + era * 400 + (c.month <= 2);
	c.hour = (int)(rest / 3600000);
	c.minute = (int)(rest / 60000 % 60);
	c.second = (int)(rest / 1000 % 60);
	c.ms = (int)(rest % 1000);
	return c;
}

static struct civil civil_clamped(utc_t t)
{
	return civil_from((utc_t){ MIN_OF(MAX_OF(t.ms, UTC_MS_MIN), UTC_MS_MAX) });
}

const char *utc_format_ms(utc_t t, char text[UTC_TEXT_MAX])
{
	struct civil c = civil_clamped(t);

	snprintf(text, UTC_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)c.year, c.month, c.day, c.hour,
		 c.minute, c.second, c.ms);
	return text;
}

const char *utc_format_api(utc_t t, char text[UTC_TEXT_MAX])
{
	struct civil c = civil_clamped(t);

	if (c.ms == 0)
		snprintf(text, UTC_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)c.year, c.month, c.day, c.hour,
			 c.minute, c.second);
	else
		snprintf(text, UTC_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03d000Z", (int)c.year, c.month, c.day,
			 c.hour, c.minute, c.second, c.ms);
	return text;
}

const char *utc_format_http(utc_t t, char text[UTC_TEXT_MAX])
{
	static const char days[] = "ThuFriSatSunMonTueWed", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct civil c = civil_clamped(t);
	int64_t day = days_from_civil(c.year, c.month, c.day);
	int weekday = (int)(day - floor_div(day, 7) * 7);

	snprintf(text, UTC_TEXT_MAX, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + (ptrdiff_t)3 * weekday, c.day,
		 months + (ptrdiff_t)3 * (c.month - 1), (int)c.year, c.hour, c.minute, c.second);
	return text;
}

/* Exactly n digits at the front of *s. */
static bool take_digits(struct str *s, size_t n, int *out)
{
	int v = 0;

	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (s->p[i] - '0');
	}
	*out = v;
	*s = str_slice(*s, n, s->n);
	return true;
}

static bool take_byte(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_slice(*s, 1, s->n);
	return true;
}

static bool take_fraction(struct str *s, int *ms)
{
	int scale = 100, digit;
	bool any = false;

	*ms = 0;
	if (!take_byte(s, '.') && !take_byte(s, ','))
		return true;
	while (take_digits(s, 1, &digit)) {
		*ms += digit * scale; /* scale becomes 0: finer digits are cut off */
		scale /= 10;
		any = true;
	}
	return any;
}

static bool take_zone(struct str *s, int *offset_minutes)
{
	int sign = 1, hours, minutes = 0;

	*offset_minutes = 0;
	if (take_byte(s, 'Z') || take_byte(s, 'z'))
		return true;
	if (take_byte(s, '-'))
		sign = -1;
	else if (!take_byte(s, '+'))
		return false;
	if (!take_digits(s, 2, &hours) || hours > 23)
		return false;
	if (s->n > 0) {
		take_byte(s, ':');
		if (!take_digits(s, 2, &minutes) || minutes > 59)
			return false;
	}
	*offset_minutes = sign * (hours * 60 + minutes);
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

bool utc_parse(struct str text, utc_t *out)
{
	int year, offset;
	struct civil c = { 0 };
	int64_t ms;

	if (!take_digits(&text, 4, &year) || !take_byte(&text, '-') || !take_digits(&text, 2, &c.month) ||
	    !take_byte(&text, '-') || !take_digits(&text, 2, &c.day) ||
	    !(take_byte(&text, 'T') || take_byte(&text, 't') || take_byte(&text, ' ')) ||
	    !take_digits(&text, 2, &c.hour) || !take_byte(&text, ':') || !take_digits(&text, 2, &c.minute))
		return false;
	if (take_byte(&text, ':') && (!take_digits(&text, 2, &c.second) || !take_fraction(&text, &c.ms)))
		return false;
	if (!take_zone(&text, &offset) || text.n != 0)
		return false;
	if (year < 1 || c.month < 1 || c.month > 12 || c.day < 1 || c.day > days_in_month(year, c.month) ||
	    c.hour > 23 || c.minute > 59 || c.second > 59)
		return false;
	ms = days_from_civil(year, c.month, c.day) * DAY_MS + (int64_t)c.hour * 3600000 +
	     (int64_t)(c.minute - offset) * 60000 + (int64_t)c.second * 1000 + c.ms;
	if (ms < UTC_MS_MIN || ms > UTC_MS_MAX)
		return false; /* a zone moved it out of the years that can be shown */
	out->ms = ms;
	return true;
}
