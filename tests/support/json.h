/* json.h: reads the reference numbers of golden.json into a tree. For trusted files of tests only. */
#ifndef TESTS_SUPPORT_JSON_H
#define TESTS_SUPPORT_JSON_H

#include <stddef.h>

typedef enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_LIST, JSON_OBJECT } json_kind;

typedef struct json {
  json_kind kind;
  char *key;  /* where the parent is an object */
  char *text; /* JSON_STRING */
  double number;
  struct json *first, *next; /* children, and the next of the parent's */
} json;

/* NULL when the text is not JSON. */
json *json_parse(const char *text);
void json_free(json *value);
/* Member of an object; NULL when there is none (or value is NULL). */
const json *json_get(const json *value, const char *key);
const json *json_at(const json *list, int index);
int json_count(const json *list);
double json_number(const json *value, const char *key);
const char *json_text(const json *value, const char *key);

#endif
